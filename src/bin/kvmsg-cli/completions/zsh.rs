//! The script for zsh, to be found as `_kvmsg-cli` in `$fpath`, or sourced after compinit.

use super::{SHELLS, forms, verbs, verbs_with_flags, with_value};
use crate::options::table::{self, Id};
use kvmsg::flags::Flag;

/// The script but for its lists.
const SCRIPT: &str = r#"#compdef kvmsg-cli
# Completes kvmsg-cli in zsh; made by `kvmsg-cli completions zsh`.

_kvmsg-cli() {
	local curcontext=$curcontext state line verb at
	local -a verbs=(
@VERBS@	)
	local -a flags=(
@FLAGS@	)

	# A command, and what that takes.
	at=${words[(i)--]}
	if ((at < CURRENT && ${words[(I)--exec]})); then
		shift at words
		((CURRENT -= at))
		_normal
		return
	fi

	# The verb brings flags of its own.
	for ((at = 2; at < CURRENT; at++)); do
		case $words[at] in
		@VALUED@) ((at++)) ;;
		-*) ;;
		*)
			verb=${(L)words[at]}
			break
			;;
		esac
	done
	case $verb in
@OWN@	esac

	_arguments -C $flags '1: :->verb' '2: :->topic' '*: : ' && return
	case $state:$verb in
	verb:* | topic:help) _describe verb verbs ;;
	topic:completions) compadd @SHELLS@ ;;
	topic:backup) _files ;;
	esac
}

# Found in $fpath, this is the function; sourced, it says what the function is for.
if [[ $funcstack[1] == _kvmsg-cli ]]; then
	_kvmsg-cli "$@"
else
	compdef _kvmsg-cli kvmsg-cli
fi
"#;

pub fn script() -> String {
    let words = verbs().map(|verb| {
        let help = verb.help.replace(':', r"\:");
        format!("\t\t{}\n", quoted(&format!("{}:{help}", verb.word)))
    });
    let flags = table::general().iter().flat_map(specs);
    let flags = flags.map(|spec| format!("\t\t{spec}\n"));
    let own = verbs_with_flags().map(|(verb, flags)| {
        let specs: String = flags
            .iter()
            .flat_map(specs)
            .map(|spec| format!("\t\t\t{spec}\n"))
            .collect();
        format!("\t{})\n\t\tflags+=(\n{specs}\t\t)\n\t\t;;\n", verb.word)
    });
    let valued = [with_value(true), with_value(false)].concat();
    SCRIPT
        .replace("@VERBS@", &words.collect::<String>())
        .replace("@FLAGS@", &flags.collect::<String>())
        .replace("@VALUED@", &valued.join(" | "))
        .replace("@OWN@", &own.collect::<String>())
        .replace("@SHELLS@", &SHELLS.join(" "))
}

/// A flag as `_arguments` takes it, once for each of its forms.
fn specs(flag: &Flag<Id>) -> Vec<String> {
    let all: Vec<String> = forms(flag).collect();
    let spec = |form: &String| {
        let is_long = form.starts_with("--");
        let (join, value) = match flag.value {
            None => ("", String::new()),
            Some(name) => {
                let action = if name == "FILE" { "_files" } else { " " };
                let join = if is_long { "=" } else { "+" };
                (join, format!(":{}:{action}", name.replace(':', r"\:")))
            }
        };
        let help = flag.help.replace('[', r"\[").replace(']', r"\]");
        quoted(&format!("({}){form}{join}[{help}]{value}", all.join(" ")))
    };
    all.iter().map(spec).collect()
}

/// A word in single quotes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
