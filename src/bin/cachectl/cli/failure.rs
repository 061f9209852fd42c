//! Errors as people and machines see them, and the exit code of each kind: one table.

use std::io::IsTerminal;

use cachectl::{Error, ErrorKind, FilterError};
use clap::error::{ContextKind, ContextValue, ErrorKind as ClapKind};

use super::exit;
use crate::output::sink::{self, OutputTrouble};
use crate::output::talk::{self, Complaint};

/// The exit code of a kind of error.
pub fn exit_code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Usage => exit::USAGE,
        ErrorKind::Differs => exit::NO,
        ErrorKind::Store | ErrorKind::Codec | ErrorKind::Changed => exit::STORE,
        ErrorKind::NotFound => exit::NOT_CACHED,
        ErrorKind::Partial => exit::PARTIAL,
        ErrorKind::Network => exit::NETWORK,
        ErrorKind::Refused => exit::REFUSED,
        ErrorKind::LocalFile => exit::LOCAL_FILE,
        _ => exit::INTERNAL,
    }
}

/// Where the value that caused an error was given: a flag, a variable, a line of a file.
#[derive(Debug, Clone)]
pub struct Where(pub String);

impl std::fmt::Display for Where {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Prints what ended the command, and gives its exit code.
pub fn report(failure: &anyhow::Error) -> u8 {
    let output = output_trouble(failure);
    if output.is_some_and(OutputTrouble::is_closed) {
        return exit::DONE;
    }
    if let Some(stopped) = failure.downcast_ref::<crate::signals::Stopped>() {
        return stopped.exit_code();
    }
    let origin = failure.downcast_ref::<Where>().map(ToString::to_string);
    let complaint = match (failure.downcast_ref::<Error>(), output) {
        (Some(error), _) => complaint(error, origin),
        (None, Some(trouble)) => Complaint {
            code: "output",
            exit: exit::LOCAL_FILE,
            message: "cannot write to standard output".to_owned(),
            cause: trouble.to_string(),
            excerpt: None,
            origin: None,
            hint: None,
        },
        (None, None) => Complaint {
            code: "internal",
            exit: exit::INTERNAL,
            message: failure.to_string(),
            cause: failure.chain().skip(1).map(ToString::to_string).collect::<Vec<_>>().join(": "),
            excerpt: None,
            origin,
            hint: Some("this is a bug; please report it with the command that led here".to_owned()),
        },
    };
    let exit = complaint.exit;
    talk::error(&with_origin(complaint));
    exit
}

/// With the variable that is meant, where nobody has said where a value comes from.
fn with_origin(complaint: Complaint) -> Complaint {
    let is_said = complaint.origin.is_some();
    if is_said || !matches!(complaint.exit, exit::USAGE | exit::LOCAL_FILE | exit::REFUSED) {
        return complaint;
    }
    let excerpt = complaint.excerpt.as_ref().map(|(text, _)| &**text);
    let origin = super::variables_cited(&complaint.message, excerpt);
    Complaint { origin, ..complaint }
}

fn output_trouble(failure: &anyhow::Error) -> Option<&OutputTrouble> {
    failure.chain().find_map(|e| e.downcast_ref())
}

/// Whether the reader of our output has gone: `… | head`.
pub fn is_closed_output(failure: &anyhow::Error) -> bool {
    output_trouble(failure).is_some_and(OutputTrouble::is_closed)
}

/// Prints what one of several entries has met; the command goes on.
pub fn tell(error: &Error) {
    talk::error(&complaint(error, None));
}

/// How an error of the library is told.
pub fn complaint(error: &Error, origin: Option<String>) -> Complaint {
    Complaint {
        code: error.code(),
        exit: exit_code(error.kind()),
        message: error.message().to_owned(),
        cause: error.causes(),
        excerpt: excerpt(error),
        origin,
        hint: error.hint().map(ToOwned::to_owned),
    }
}

/// Where in a filter the trouble is.
fn excerpt(error: &Error) -> Option<(String, usize)> {
    let filter = std::error::Error::source(error)?.downcast_ref::<FilterError>()?;
    Some((filter.text.clone(), filter.column))
}

/// What clap has to say: help and versions go to standard output, mistakes are told like
/// all others, with the variables that are behind them.
pub fn usage(error: &clap::Error, behind: impl Fn(&clap::Error) -> Option<String>) -> u8 {
    match error.kind() {
        ClapKind::DisplayHelp
        | ClapKind::DisplayVersion
        | ClapKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let text = match std::io::stdout().is_terminal() {
                true => error.render().ansi().to_string(),
                false => error.render().to_string(),
            };
            sink::print(&text).map_or_else(|failure| report(&failure), |()| exit::DONE)
        }
        _ => {
            talk::error(&mistake(error, behind(error)));
            exit::USAGE
        }
    }
}

fn mistake(error: &clap::Error, origin: Option<String>) -> Complaint {
    let rendered = error.render().to_string();
    let mut lines = rendered.lines().map(str::trim_end);
    let first = lines.next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(first).to_owned();
    let detail: Vec<&str> = lines
        .map(str::trim)
        .take_while(|line| {
            !line.starts_with("tip:")
                && !line.starts_with("Usage:")
                && !line.starts_with("For more")
        })
        .filter(|line| !line.is_empty())
        .collect();
    let message = match detail.is_empty() {
        true => message,
        false => format!("{message} {}", detail.join(", ")),
    };
    let suggestion =
        [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue]
            .into_iter()
            .find_map(|kind| match error.get(kind) {
                Some(ContextValue::String(text)) => Some(text.clone()),
                Some(ContextValue::Strings(texts)) => texts.first().cloned(),
                _ => None,
            });
    let cause = match suggestion {
        Some(near) => format!("did you mean {}?", unaliased(&near)),
        None if stands_before_its_command(error) => {
            "the options of a command come after its name".to_owned()
        }
        None => String::new(),
    };
    let hint = format!("{} --help", command_in_use());
    Complaint {
        code: "usage",
        exit: exit::USAGE,
        message: in_our_words(&message),
        cause,
        excerpt: None,
        origin,
        hint: Some(hint),
    }
}

/// The name of a command that may be known by a shorter one too.
fn unaliased(word: &str) -> String {
    let definition = super::definition();
    let command = definition.find_subcommand(word);
    command.map_or(word, |command| command.get_name()).to_owned()
}

/// Whether an option that is not known at the top is one of the command that follows.
fn stands_before_its_command(error: &clap::Error) -> bool {
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else {
        return false;
    };
    let definition = super::definition();
    let mut words = std::env::args().skip(1);
    let found = words.find(|word| word.split('=').next() == Some(option));
    let mut commands = words.filter_map(|word| definition.find_subcommand(word));
    found.is_some()
        && commands.next().is_some_and(|command| {
            command.get_arguments().any(|arg| {
                arg.get_long().is_some_and(|long| option.strip_prefix("--") == Some(long))
            })
        })
}

/// What the standard library says of numbers, for people.
fn in_our_words(message: &str) -> String {
    const WORDS: [(&str, &str); 5] = [
        ("invalid digit found in string", "it is not a whole number"),
        ("cannot parse integer from empty string", "it is empty"),
        ("number too large to fit in target type", "it is too large"),
        ("number too small to fit in target type", "it is too small"),
        ("invalid float literal", "it is not a number"),
    ];
    WORDS
        .into_iter()
        .fold(message.to_owned(), |message, (theirs, ours)| message.replace(theirs, ours))
}

/// The command that is run: `cachectl list`.
pub fn command_in_use() -> String {
    let definition = super::definition();
    let mut name = definition.get_name().to_owned();
    let mut level = &definition;
    for arg in std::env::args().skip(1) {
        if let Some(below) = level.find_subcommand(&arg) {
            name = format!("{name} {}", below.get_name());
            level = below;
        }
    }
    name
}

/// A bug ends the program with a message that says so, and with an exit code of its own.
#[allow(clippy::exit, reason = "a bug ends the program with an exit code of its own")]
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let place =
            panic.location().map_or(String::new(), |l| format!("{}:{}", l.file(), l.line()));
        let said = panic
            .payload()
            .downcast_ref::<&str>()
            .map(|s| (*s).to_owned())
            .or_else(|| panic.payload().downcast_ref::<String>().cloned())
            .unwrap_or_default();
        // Printing to a pipe whose reader has gone panics in libraries too.
        if said.contains("Broken pipe") {
            std::process::exit(i32::from(exit::DONE));
        }
        talk::error(&Complaint {
            code: "internal",
            exit: exit::INTERNAL,
            message: "cachectl ran into a bug".to_owned(),
            cause: format!("{} ({place})", cachectl::Secrets::built_in().url(&said)),
            excerpt: None,
            origin: None,
            hint: Some("please report it, with the command that led here".to_owned()),
        });
        std::process::exit(i32::from(exit::INTERNAL));
    }));
}
