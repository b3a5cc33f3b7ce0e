//! The script for bash. It needs nothing of bash-completion.

use super::{SHELLS, forms, verbs, verbs_with_flags, with_value};
use crate::options::table;

/// The script but for its lists.
const SCRIPT: &str = r#"# Completes kvmsg-cli in bash; made by `kvmsg-cli completions bash`.
_kvmsg_cli() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local verbs='@VERBS@'
	local flags='@FLAGS@'
	local verb='' count=0 runs='' i words=''
	COMPREPLY=()

	# Readline takes --flag=value and host:port apart.
	if [[ $cur == '=' ]]; then
		cur=''
	elif [[ $prev == '=' ]]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--)
			[[ $runs ]] || continue
			# A command, and what that takes.
			if ((i + 1 == COMP_CWORD)); then
				mapfile -t COMPREPLY < <(compgen -c -- "$cur")
			else
				compopt -o default
			fi
			return
			;;
		@VALUED@)
			[[ ${COMP_WORDS[i + 1]} == '=' ]] && ((i++))
			((i++))
			;;
		--exec) runs=yes ;;
		[=:]*) ((i++)) ;;
		-*) ;;
		*)
			if [[ $verb ]]; then
				((count++))
			else
				verb=${COMP_WORDS[i],,}
			fi
			;;
		esac
	done

	case $prev in
	@FILED@)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	@PLAIN@) return ;;
	esac
	[[ $cur == :* || $prev == : ]] && return

	case $verb in
@OWN@	esac
	if [[ $cur == -* ]]; then
		words=$flags
	elif [[ $verb == backup && $count == 0 ]]; then
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	elif [[ ! $verb || $verb == help && $count == 0 ]]; then
		words=$verbs
	elif [[ $verb == completions && $count == 0 ]]; then
		words='@SHELLS@'
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}
complete -F _kvmsg_cli kvmsg-cli
"#;

pub fn script() -> String {
    let words: Vec<&str> = verbs().map(|verb| verb.word).collect();
    let flags: Vec<String> = table::general().iter().flat_map(forms).collect();
    let own = verbs_with_flags().map(|(verb, flags)| {
        let flags: Vec<String> = flags.iter().flat_map(forms).collect();
        format!("\t{}) flags+=' {}' ;;\n", verb.word, flags.join(" "))
    });
    let (files, others) = (with_value(true), with_value(false));
    let valued = [&files[..], &others].concat();
    SCRIPT
        .replace("@VERBS@", &words.join(" "))
        .replace("@FLAGS@", &flags.join(" "))
        .replace("@VALUED@", &valued.join(" | "))
        .replace("@FILED@", &files.join(" | "))
        .replace("@PLAIN@", &others.join(" | "))
        .replace("@OWN@", &own.collect::<String>())
        .replace("@SHELLS@", &SHELLS.join(" "))
}
