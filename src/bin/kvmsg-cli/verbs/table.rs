//! Lists the verbs, with all that is said of them.

use super::{Name, Place, Verb};

/// Every verb, in the order of the help.
pub static VERBS: [Verb; 17] = [
    Verb {
        name: Name::Get,
        word: "get",
        args: "KEY",
        fields: (1, 1),
        first_value: None,
        place: Place::Everywhere,
        help: "print all values of a key, in order",
        examples: &["get user"],
        once: "Prints the values one a line, -0 ends each with NUL, --json prints an array.\n\
               Exit status 1, and nothing printed: there is no such key.\n",
        once_examples: &["--json get user"],
    },
    Verb {
        name: Name::Put,
        word: "put",
        args: "KEY VALUE",
        fields: (2, 2),
        first_value: Some(1),
        place: Place::Everywhere,
        help: "append a value",
        examples: &["put user john"],
        once: "The value - stands for standard input, whole. --json prints the revision.\n",
        once_examples: &["put photo - < cat.jpg"],
    },
    Verb {
        name: Name::Update,
        word: "update",
        args: "KEY OLD NEW",
        fields: (3, 3),
        first_value: Some(1),
        place: Place::Everywhere,
        help: "replace the first value equal to OLD",
        examples: &["update user john johnsmith"],
        once: "Exit status 1: there is no such key, or it does not hold OLD.\n",
        once_examples: &[],
    },
    Verb {
        name: Name::Remove,
        word: "remove",
        args: "KEY VALUE",
        fields: (2, 2),
        first_value: Some(1),
        place: Place::Everywhere,
        help: "remove the first value equal to VALUE",
        examples: &["remove user alice"],
        once: "The key goes with its last value.\n\
               Exit status 1: there is no such key, or it does not hold VALUE.\n",
        once_examples: &[],
    },
    Verb {
        name: Name::Delete,
        word: "delete",
        args: "KEY",
        fields: (1, 1),
        first_value: None,
        place: Place::Everywhere,
        help: "remove a key and all its values",
        examples: &["delete user"],
        once: "Exit status 1: there is no such key.\n",
        once_examples: &[],
    },
    Verb {
        name: Name::List,
        word: "list",
        args: "[PREFIX]",
        fields: (0, 1),
        first_value: None,
        place: Place::Everywhere,
        help: "print the keys, or those that begin with PREFIX",
        examples: &["list", "list user"],
        once: "Prints the keys one a line, in the order of their bytes; none is no failure.\n\
               --values: a line for each value, behind its key and a TAB; --json: an object.\n",
        once_examples: &["list --values --json user"],
    },
    Verb {
        name: Name::Watch,
        word: "watch",
        args: "[PREFIX]",
        fields: (0, 1),
        first_value: None,
        place: Place::Everywhere,
        help: "print what others change, as they change it",
        examples: &["watch", "watch user"],
        once: "Prints a line for each change of a key that begins with PREFIX, such as\n\
               NOTIFY PUT user, until it is interrupted; --json prints values too.\n\
               NOTIFY LOST FIRST LAST: the changes of these revisions could not be told.\n\
               NOTIFY GONE SINCE FROM: nor could those between two positions.\n\
               With --since or --cursor-file it connects again when the connection breaks.\n\
               --exec runs CMD for each change, with KVMSG_OP, KVMSG_KEY, KVMSG_REVISION, and\n\
               the new value on standard input. A failure stops it, unless --keep-going.\n\
               Exit status 3: changes were lost, and --fail-on-loss was given.\n",
        once_examples: &[
            "watch --json --count 1",
            "watch --cursor-file user.cursor user --exec -- ./sync.sh",
        ],
    },
    Verb {
        name: Name::Unwatch,
        word: "unwatch",
        args: "[PREFIX]",
        fields: (0, 1),
        first_value: None,
        place: Place::Session,
        help: "hear of no more changes, or of none to keys with PREFIX",
        examples: &["unwatch", "unwatch user"],
        once: "",
        once_examples: &[],
    },
    Verb {
        name: Name::Stats,
        word: "stats",
        args: "",
        fields: (0, 0),
        first_value: None,
        place: Place::Everywhere,
        help: "print what the server counts",
        examples: &["stats"],
        once: "Prints a name and a value a line; --json prints one object.\n",
        once_examples: &[],
    },
    Verb {
        name: Name::Ping,
        word: "ping",
        args: "[TEXT]",
        fields: (0, 1),
        first_value: None,
        place: Place::Everywhere,
        help: "ask for a sign of life, or for TEXT",
        examples: &["ping"],
        once: "Prints PONG, or the text. With -q it prints no PONG: the exit status tells.\n",
        once_examples: &["-q --timeout 1 ping && echo up"],
    },
    Verb {
        name: Name::Dump,
        word: "dump",
        args: "[PREFIX]",
        fields: (0, 1),
        first_value: None,
        place: Place::Once,
        help: "print keys with their values, to be loaded",
        examples: &[],
        once: "Prints a JSON object a line, {\"key\":\"user\",\"values\":[\"john\"]}.\n\
               What is not UTF-8 is {\"base64\":\"...\"}. All lines show the same moment, though\n\
               others change keys meanwhile. Keys stand in the order of their bytes.\n",
        once_examples: &["dump > backup", "dump user:"],
    },
    Verb {
        name: Name::Load,
        word: "load",
        args: "",
        fields: (0, 0),
        first_value: None,
        place: Place::Once,
        help: "put what dump has printed, from standard input",
        examples: &[],
        once: "Appends the values of each line to what its key holds, in their order.\n\
               A line that is refused, or that is broken, is reported with its number on\n\
               standard error; the others are loaded all the same, and the exit status is 2.\n\
               Prints how much was loaded; --json prints an object, -q nothing.\n",
        once_examples: &[
            "load --replace < backup",
            "dump user: | kvmsg-cli -s other load",
        ],
    },
    Verb {
        name: Name::Backup,
        word: "backup",
        args: "FILE",
        fields: (1, 1),
        first_value: None,
        place: Place::Once,
        help: "write everything into FILE, to be restored by kvmsgd",
        examples: &[],
        once: "The file shows one moment, though others change keys meanwhile. It gets its\n\
               name when it is whole and on the disk: a backup that fails leaves nothing.\n\
               A file that is there already is not touched, unless --force. --json prints the\n\
               revision. kvmsgd(8) says how to make a data folder of a backup.\n",
        once_examples: &[
            "backup kvmsg.backup",
            "-q backup --force /var/backups/kvmsg",
        ],
    },
    Verb {
        name: Name::Bench,
        word: "bench",
        args: "",
        fields: (0, 0),
        first_value: None,
        place: Place::Once,
        help: "measure how fast a server answers",
        examples: &[],
        once: "Sends requests over many connections, and prints how many were answered a\n\
               second and how long that took. --json prints an object, -q leaves out the plot.\n\
               --mix takes put, get, update, remove, delete and ping.\n\
               The keys are bench:0000000000 and on. They stay in the store, unless --cleanup.\n\
               Exit status 2: requests were refused.\n",
        once_examples: &[
            "bench -n 1000000 -P 16",
            "bench --mix put=1,get=9 --watchers 10 --cleanup",
        ],
    },
    Verb {
        name: Name::Completions,
        word: "completions",
        args: "SHELL",
        fields: (1, 1),
        first_value: None,
        place: Place::Once,
        help: "print the completions for bash, zsh or fish",
        examples: &[],
        once: "\
Prints a script that lets a shell complete verbs and flags; it asks no server.
Where it is not installed, a shell reads it when it starts: source <(kvmsg-cli
completions bash), in zsh after compinit; kvmsg-cli completions fish | source.
",
        once_examples: &["completions bash > kvmsg-cli.bash"],
    },
    Verb {
        name: Name::Help,
        word: "help",
        args: "[VERB]",
        fields: (0, 1),
        first_value: None,
        place: Place::Everywhere,
        help: "explain a verb, or list them",
        examples: &["help put"],
        once: "",
        once_examples: &[],
    },
    Verb {
        name: Name::Exit,
        word: "exit",
        args: "",
        fields: (0, 0),
        first_value: None,
        place: Place::Session,
        help: "leave; quit does the same",
        examples: &["exit"],
        once: "",
        once_examples: &[],
    },
];
