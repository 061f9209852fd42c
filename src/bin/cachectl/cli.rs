//! The command line: what can be said, and who does it.

pub mod failure;

mod body;
mod completions;
mod config_command;
mod convert;
mod diff;
mod explain;
mod export;
mod fetch;
mod gc;
mod get;
mod get_report;
mod import;
mod inspect;
mod list;
mod lock;
mod man;
mod migrate;
mod options;
mod password;
mod plan;
mod purge;
mod selection;
mod stats;
mod store;
mod touch;
mod verify;
mod warm;
mod warm_lists;
mod warm_report;

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use anyhow::Result;
use cachectl::nearest;
use clap::builder::FalseyValueParser;
use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::environment;
use crate::output::talk;

pub use options::{CommonArgs, LogFormat, OutputArgs, StoreArgs, When, WriteArgs};

/// Exit codes; part of the interface.
pub mod exit {
    pub const DONE: u8 = 0;
    pub const NO: u8 = 1;
    pub const USAGE: u8 = 2;
    pub const STORE: u8 = 3;
    pub const NOT_CACHED: u8 = 4;
    pub const PARTIAL: u8 = 5;
    pub const NETWORK: u8 = 6;
    pub const REFUSED: u8 = 7;
    pub const LOCAL_FILE: u8 = 8;
    pub const HTTP_STATUS: u8 = 22;
    pub const INTERNAL: u8 = 70;
    pub const INTERRUPTED: u8 = 130;
    pub const TERMINATED: u8 = 143;
}

const EXAMPLES: &str = "\
Examples:
  cachectl get https://example.org/              fetch through the cache
  cachectl get -o page.html --backend sqlite URL into a file, kept in SQLite
  cachectl warm --from urls.txt                  fill the cache, and leave fresh entries alone
  cachectl list                                  what is in the cache
  cachectl inspect https://example.org/          everything known about an entry
  cachectl explain https://example.org/          why it would be a hit or a miss
  cachectl stats --by host                       who fills the cache
  cachectl purge --host '*.example.org'          remove what you select, after a look
  cachectl gc --max-size 5Gi                     remove what was not used for longest
  cachectl migrate sqlite:cache.db s3://bucket/p copy from one store into another
  cachectl export -o cache.ndjson.gz             take it elsewhere: cachectl import
  cachectl config show --origin                  which setting comes from where
";

/// See, explain, move, fix and fill HTTP caches.
#[derive(Debug, Parser)]
#[command(
    name = "cachectl",
    version,
    before_help = EXAMPLES,
    disable_help_subcommand = true,
    arg_required_else_help = true,
    infer_subcommands = false,
    max_term_width = 100
)]
pub struct Cli {
    #[command(flatten)]
    pub common: CommonArgs,

    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Fetch a URL through the cache; its body goes to standard output
    #[command(visible_alias = "fetch")]
    Get(Box<get::GetArgs>),
    /// Fetch what is missing or stale into the store, from lists of URLs
    Warm(Box<warm::WarmArgs>),
    /// List entries
    #[command(visible_alias = "ls")]
    List(list::ListArgs),
    /// Show everything known about entries
    #[command(visible_alias = "show")]
    Inspect(inspect::InspectArgs),
    /// Print the stored body of an entry
    #[command(visible_alias = "cat")]
    Body(body::BodyArgs),
    /// Write entries into an archive, a HAR, a table or a folder of files
    Export(Box<export::ExportArgs>),
    /// Take entries from an archive, a HAR or an exported folder into a store
    Import(Box<import::ImportArgs>),
    /// Copy entries from one store into another
    #[command(visible_aliases = ["copy", "cp"])]
    Migrate(Box<migrate::MigrateArgs>),
    /// Compare two stores
    Diff(Box<diff::DiffArgs>),
    /// Rewrite entries with another serializer, in place
    Convert(Box<convert::ConvertArgs>),
    /// Change TTL, tags or freshness of entries without rewriting bodies
    Touch(Box<touch::TouchArgs>),
    /// Remove the entries that you select
    #[command(visible_alias = "rm")]
    Purge(Box<purge::PurgeArgs>),
    /// Remove what policy says: expired, over size, unused, damaged
    #[command(visible_alias = "prune")]
    Gc(Box<gc::GcArgs>),
    /// Count entries and bytes, in all and by groups
    #[command(visible_alias = "du")]
    Stats(stats::StatsArgs),
    /// Read everything and report damage
    #[command(visible_alias = "fsck")]
    Verify(Box<verify::VerifyArgs>),
    /// Say why a request would be a hit or a miss
    #[command(visible_alias = "why")]
    Explain(explain::ExplainArgs),
    /// Show and check the configuration
    Config(config_command::ConfigArgs),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
    /// Print the manual, or write its pages to a folder
    Man(man::ManArgs),
}

/// The whole definition: what help, completions and manual are made from.
pub fn definition() -> clap::Command {
    with_environment(Cli::command(), None)
}

/// Gives every long flag its `CACHECTL_…` variable, but for those that must be said out
/// loud each time, and for one that is left out.
fn with_environment(command: clap::Command, left_out: Option<&str>) -> clap::Command {
    const NEVER: &[&str] = &["help", "version", "yes", "all", "show-secrets"];
    // The variable of `get --locked` is a file; here it is a switch that goes with --lock.
    let is_other = |long: &str, command: &str| long == "locked" && command == "warm";
    let name = command.get_name().to_owned();
    let command = command.mut_args(|arg| {
        let is_ours = |long: &&str| !NEVER.contains(long) && !is_other(long, &name);
        let Some(long) = arg.get_long().filter(is_ours) else { return arg };
        let name = variable_of(long);
        // A CI sets what nobody has said to nothing.
        if environment::is_empty(&name) || left_out == Some(&*name) {
            return arg;
        }
        let is_flag = matches!(arg.get_action(), ArgAction::SetTrue);
        let arg = arg.env(name).hide_env(true);
        if is_flag { arg.value_parser(FalseyValueParser::new()) } else { arg }
    });
    command.mut_subcommands(|command| with_environment(command, left_out))
}

/// The variables without which the command line would be understood, or wrong in another way.
fn variables_behind(error: &clap::Error) -> Option<String> {
    // What follows, the usage, tells of everything that was said.
    let told = |error: &clap::Error| {
        let text = error.render().to_string();
        text.split("\n\n").next().map(str::to_owned)
    };
    let is_behind = |name: &String| {
        let otherwise = with_environment(Cli::command(), Some(name)).try_get_matches();
        otherwise.err().is_none_or(|otherwise| told(&otherwise) != told(error))
    };
    listed(environment::ours().into_iter().filter(is_behind).collect())
}

fn listed(mut names: Vec<String>) -> Option<String> {
    names.sort();
    (!names.is_empty()).then(|| names.join(", "))
}

/// What the command line and the environment have said.
#[derive(Debug, Default)]
struct Given {
    /// The flags that a variable has set, and to what.
    by_variable: HashMap<String, Vec<String>>,
    /// Every value of the command line.
    by_hand: HashSet<String>,
}

static GIVEN: OnceLock<Given> = OnceLock::new();

/// The variables that an error is about: it names their flag, or quotes their value.
pub fn variables_cited(message: &str, excerpt: Option<&str>) -> Option<String> {
    let given = GIVEN.get()?;
    // A number may stand at the end of a message for many reasons.
    let ends_with = |value: &str| {
        let before = message.strip_suffix(value);
        value.parse::<f64>().is_err() && before.is_some_and(|before| before.ends_with(' '))
    };
    let is_cited = |(flag, values): &(&String, &Vec<String>)| {
        let flag = format!("--{flag}");
        let is_end = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-');
        message.match_indices(&flag).any(|(at, _)| is_end(&message[at + flag.len()..]))
            || values.iter().any(|value| {
                let is_cited = message.contains(&format!("{value:?}"))
                    || ends_with(value)
                    || excerpt == Some(value);
                is_cited && !value.is_empty() && !given.by_hand.contains(value)
            })
    };
    listed(given.by_variable.iter().filter(is_cited).map(|(flag, _)| variable_of(flag)).collect())
}

fn note_variables(definition: &clap::Command, matches: &ArgMatches) {
    let mut given = Given::default();
    let mut level = Some((definition, matches));
    while let Some((command, matches)) = level {
        for arg in command.get_arguments() {
            let id = arg.get_id().as_str();
            let values = matches.get_raw(id).into_iter().flatten();
            let values = values.map(|value| value.to_string_lossy().into_owned());
            match (matches.value_source(id), arg.get_long()) {
                (Some(ValueSource::EnvVariable), Some(flag)) => {
                    given.by_variable.insert(flag.to_owned(), values.collect());
                }
                (Some(ValueSource::CommandLine), _) => given.by_hand.extend(values),
                _ => {}
            }
        }
        level = matches
            .subcommand()
            .and_then(|(name, below)| Some((command.find_subcommand(name)?, below)));
    }
    let _ = GIVEN.set(given);
}

/// The long flags of all commands.
fn flags_of(definition: &clap::Command) -> HashSet<String> {
    let mut flags = HashSet::new();
    let mut commands = vec![definition];
    while let Some(command) = commands.pop() {
        flags.extend(command.get_arguments().filter_map(|arg| arg.get_long()).map(str::to_owned));
        commands.extend(command.get_subcommands());
    }
    flags
}

/// The flags that variables of the environment set for the commands that have them, with the
/// variables, in order.
pub fn flags_by_variable() -> Vec<(String, String)> {
    let flags = flags_of(&definition());
    let ours: HashSet<String> = environment::ours().into_iter().collect();
    let mut set: Vec<_> = flags.into_iter().map(|flag| (variable_of(&flag), flag)).collect();
    set.retain(|(variable, _)| ours.contains(variable));
    set.sort();
    set.into_iter().map(|(variable, flag)| (flag, variable)).collect()
}

/// Whether the value of a flag comes from its variable.
pub fn is_by_variable(flag: &str) -> bool {
    GIVEN.get().is_some_and(|given| given.by_variable.contains_key(flag))
}

/// The variable that gave a flag its value, if one did.
pub fn said_by_variable(flag: &str) -> Option<failure::Where> {
    is_by_variable(flag).then(|| failure::Where(variable_of(flag)))
}

/// The variable of a flag.
pub fn variable_of(flag: &str) -> String {
    format!("CACHECTL_{}", flag.replace('-', "_").to_ascii_uppercase())
}

/// Parses the arguments and does what they say; gives the exit code.
pub fn run() -> Result<u8> {
    let mut slips = Vec::new();
    let cli = match parse_alone() {
        Some(cli) => cli,
        None => {
            let mut definition = definition();
            slips = self::slips(&flags_of(&definition));
            let parsed = definition.try_get_matches_from_mut(std::env::args_os());
            let parsed = parsed.inspect(|matches| note_variables(&definition, matches));
            match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
                Ok(cli) => cli,
                Err(error) => return Ok(failure::usage(&error, variables_behind)),
            }
        }
    };
    talk::start(&cli.common)?;
    for (name, near) in slips {
        talk::warning(
            &format!("{name} is not a variable that cachectl knows"),
            &format!("did you mean {near}?"),
        );
    }
    match cli.command {
        Command::Get(args) => get::run(*args, &cli.common),
        Command::Warm(args) => warm::run(&args, &cli.common),
        Command::Purge(args) => purge::run(&args, &cli.common),
        Command::Gc(args) => gc::run(&args, &cli.common),
        Command::Stats(args) => stats::run(&args, &cli.common),
        Command::Verify(args) => verify::run(&args, &cli.common),
        Command::Export(args) => export::run(&args, &cli.common),
        Command::Import(args) => import::run(&args, &cli.common),
        Command::Migrate(args) => migrate::run(&args, &cli.common),
        Command::Diff(args) => diff::run(&args, &cli.common),
        Command::Convert(args) => convert::run(&args, &cli.common),
        Command::Touch(args) => touch::run(&args, &cli.common),
        Command::List(args) => list::run(&args, &cli.common),
        Command::Inspect(args) => inspect::run(args, &cli.common),
        Command::Body(args) => body::run(&args, &cli.common),
        Command::Explain(args) => explain::run(&args, &cli.common),
        Command::Config(args) => config_command::run(args, &cli.common),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
    }
}

/// Variables that are nearly ours, and what was perhaps meant: `CACHECTL_OFLINE=1` would quietly go
/// online.
fn slips(flags: &HashSet<String>) -> Vec<(String, String)> {
    let known = || flags.iter().map(String::as_str);
    let slip = |name: String| {
        let flag = name.strip_prefix("CACHECTL_")?.to_ascii_lowercase().replace('_', "-");
        let is_known = known().any(|known| known == flag) || flag.len() < 5;
        let near = nearest(&flag, known()).filter(|_| !is_known)?;
        Some((name, variable_of(near)))
    };
    environment::ours().into_iter().filter_map(slip).collect()
}

/// Parses `cachectl get …` with the definition of `get` alone: a hit is over in a
/// millisecond, a third of which would go into defining what was not said. Whatever this
/// does not understand is for the whole definition to judge.
fn parse_alone() -> Option<Cli> {
    #[derive(Debug, Parser)]
    struct Alone {
        #[command(flatten)]
        common: CommonArgs,
        #[command(flatten)]
        args: get::GetArgs,
    }
    let mut words = std::env::args_os().skip(1);
    let is_get = words.next().is_some_and(|word| word == "get" || word == "fetch");
    if !is_get || environment::sets_flags() {
        return None;
    }
    let words = std::iter::once("cachectl get".into()).chain(words);
    let mut command = Alone::command();
    let parsed = command.try_get_matches_from_mut(words);
    // The process is about to end: taking the definition apart would only cost time.
    std::mem::forget(command);
    let alone = parsed.and_then(|mut m| Alone::from_arg_matches_mut(&mut m)).ok()?;
    Some(Cli { common: alone.common, command: Command::Get(Box::new(alone.args)) })
}
