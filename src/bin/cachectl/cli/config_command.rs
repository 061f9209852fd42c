//! `config`: which settings are in force, where they come from, whether they work.

use std::io;
use std::time::Instant;

use anyhow::Result;
use cachectl::{Access, Error, Query, Secrets, format_duration};
use clap::{Args, Subcommand};
use futures_util::StreamExt;
use serde::Serialize;

use super::failure::Where;
use super::options::Format;
use super::{CommonArgs, OutputArgs, StoreArgs, exit, store};
use crate::config::{Config, Given, shown_path};
use crate::environment;
use crate::output::sink;
use crate::output::table::{Column, Rows, Tint};
use crate::output::talk;
use crate::output::text::{escaped, plain_field};

/// Show and check the configuration.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Show the effective settings, credentials hidden
    Show {
        /// Say which layer each one comes from
        #[arg(long)]
        origin: bool,

        /// Print a JSON object
        #[arg(long)]
        json: bool,

        #[command(flatten)]
        store: StoreArgs,
    },
    /// Show which files are looked for, and which are there
    Path,
    /// Parse everything and resolve every store: the one in force, then those that have names
    Check {
        /// Open each store too
        #[arg(long)]
        connect: bool,

        #[command(flatten)]
        store: StoreArgs,

        #[command(flatten)]
        output: OutputArgs,
    },
}

/// Runs; gives the exit code.
pub fn run(args: ConfigArgs, common: &CommonArgs) -> Result<u8> {
    match args.command {
        ConfigCommand::Show { origin, json, store } => show(origin, json, &store, common),
        ConfigCommand::Path => path(common),
        ConfigCommand::Check { connect, store, output } => check(connect, &store, &output, common),
    }
}

/// One effective setting.
#[derive(Debug, Serialize)]
struct Setting {
    name: String,
    value: String,
    origin: String,
}

impl Setting {
    /// The value as JSON has it: what is switched is true or false, what is unset is null.
    fn json(&self) -> serde_json::Value {
        match self.value.as_str() {
            "true" => true.into(),
            "false" => false.into(),
            "none" | "" => serde_json::Value::Null,
            text => text.into(),
        }
    }
}

fn show(origin: bool, json: bool, store: &StoreArgs, common: &CommonArgs) -> Result<u8> {
    let config = Config::load(common)?;
    let settings = effective(&config, store, common)?;
    let mut text = String::new();
    if json {
        let object: serde_json::Map<String, serde_json::Value> = settings
            .into_iter()
            .map(|s| {
                let value = match origin {
                    true => serde_json::json!({ "value": s.json(), "origin": s.origin }),
                    false => s.json(),
                };
                (s.name, value)
            })
            .collect();
        text = format!("{}\n", serde_json::to_string_pretty(&object)?);
    } else {
        let width = settings.iter().map(|s| s.name.len()).max().unwrap_or(0);
        for setting in settings {
            text.push_str(&format!("{:<width$}  {}", setting.name, escaped(&setting.value)));
            if origin {
                text.push_str(&format!("   # {}", setting.origin));
            }
            text.push('\n');
        }
    }
    sink::print(&text)?;
    Ok(exit::DONE)
}

fn effective(config: &Config, store: &StoreArgs, common: &CommonArgs) -> Result<Vec<Setting>> {
    let secrets = config.secrets(common);
    let mut settings = Vec::new();
    let mut add = |name: &str, value: String, origin: String| {
        settings.push(Setting { name: name.to_owned(), value, origin });
    };
    let chosen = store::choose(store, None, config)?;
    let Where(origin) = &chosen.origin;
    add("backend", chosen.address.to_string(), origin.clone());
    let mut from = |name: &str, given: Option<(String, String)>, default: &str| {
        let (value, origin) = given.unwrap_or((default.to_owned(), "the default".to_owned()));
        add(name, value, origin);
    };
    let with_line = |value: String, line: &dyn ToString| Some((value, line.to_string()));
    fn text<T: ToString>(given: &Option<Given<T>>) -> Option<(String, String)> {
        given.as_ref().map(|g| (g.value.to_string(), g.line.to_string()))
    }
    let span = |given: &Option<Given<Option<std::time::Duration>>>| {
        given
            .as_ref()
            .and_then(|g| with_line(g.value.map_or("none".to_owned(), format_duration), &g.line))
    };
    from("serializer", text(&config.serializer), "json");
    from("ttl", text(&config.ttl), "none");
    from("readonly", text(&config.readonly), "false");
    let color = common.color.map(|c| (format!("{c:?}").to_lowercase(), "--color".to_owned()));
    from("color", color.or(text(&config.color)), "auto");
    let http = &config.http;
    from("http.timeout", span(&http.timeout), "none");
    from("http.connect_timeout", span(&http.connect_timeout), "10s");
    from("http.read_timeout", span(&http.read_timeout), "30s");
    from("http.max_body", text(&http.max_body), "none");
    from("http.cacheable_status", text(&http.cacheable_status), "all that RFC 9111 stores");
    from("http.shared", text(&http.shared), "false");
    from("http.partition", text(&http.partition), "none");
    from("http.api_keys_apart", text(&http.api_keys_apart), "true");
    for header in &http.headers {
        let (name, value) = &header.value;
        let value = secrets.header_value(name, value.as_bytes()).into_owned();
        from(&format!("http.headers.{name}"), Some((value, header.line.to_string())), "");
    }
    let proxies = environment::proxies();
    for (name, proxy) in [("proxy.http", proxies.http), ("proxy.https", proxies.https)] {
        let value =
            proxy.map(|p| (Secrets::built_in().url(&p).into_owned(), "environment".to_owned()));
        from(name, value, "none");
    }
    for (table, names) in [("headers", &config.redact_headers), ("query", &config.redact_query)] {
        for name in names {
            let given = ("true".to_owned(), name.line.to_string());
            from(&format!("redact.{table}.{}", name.value), Some(given), "");
        }
    }
    for folder in &config.trusted_projects {
        let given = (folder.value.display().to_string(), folder.line.to_string());
        from("trusted_projects", Some(given), "");
    }
    let shown_above = |flag: &str| ["backend", "color"].contains(&flag);
    for (flag, variable) in super::flags_by_variable() {
        if shown_above(&flag) {
            continue;
        }
        let value = environment::text(&variable).unwrap_or_default();
        let value = match value.split_once(':') {
            Some((name, field)) if flag == "header" => {
                format!("{name}: {}", secrets.header_value(name, field.trim().as_bytes()))
            }
            _ => secrets.text(&value).into_owned(),
        };
        from(&format!("flags.{flag}"), Some((value, variable)), "");
    }
    for (name, named) in &config.stores {
        let value = store::resolve(name, Where(String::new()), config)
            .map_or_else(|_| "cannot be resolved".to_owned(), |c| c.address.to_string());
        from(&format!("backends.{name}"), Some((value, named.address.line.to_string())), "");
    }
    Ok(settings)
}

fn path(common: &CommonArgs) -> Result<u8> {
    let config = Config::load(common)?;
    let mut text = String::new();
    for looked in &config.looked {
        let found = if looked.found { "read" } else { "not there" };
        let path = shown_path(&looked.path);
        text.push_str(&format!("{:<9} {:<9} {}\n", looked.layer.name(), found, escaped(&path)));
    }
    sink::print(&text)?;
    if config.looked.is_empty() {
        talk::note("no configuration file is read (--no-config)");
    }
    Ok(exit::DONE)
}

/// How one store fared.
#[derive(Debug, Serialize)]
struct Checked {
    name: String,
    kind: String,
    address: String,
    latency_ms: Option<f64>,
    ok: bool,
    result: String,
}

fn check(connect: bool, store: &StoreArgs, output: &OutputArgs, common: &CommonArgs) -> Result<u8> {
    let config = Config::load(common)?;
    let mut names: Vec<String> = config.stores.keys().cloned().collect();
    let in_force = match &store.backend {
        Some(said) => said.clone(),
        None => {
            let chosen = store::choose(store, None, &config);
            chosen.map_or_else(|_| "default".to_owned(), |chosen| chosen.name)
        }
    };
    names.retain(|name| *name != in_force);
    names.insert(0, in_force);
    let checked: Vec<Checked> =
        names.iter().map(|name| check_store(name, connect, &config, common)).collect();
    let failed = checked.iter().any(|c| !c.ok);
    print_checked(&checked, output, common)?;
    Ok(if failed { exit::NO } else { exit::DONE })
}

fn check_store(name: &str, connect: bool, config: &Config, common: &CommonArgs) -> Checked {
    let store = StoreArgs { backend: Some(name.to_owned()), readonly: false };
    let mut checked = Checked {
        name: Secrets::built_in().text(name).into_owned(),
        kind: "-".to_owned(),
        address: "-".to_owned(),
        latency_ms: None,
        ok: false,
        result: String::new(),
    };
    let chosen = match store::choose(&store, None, config) {
        Ok(chosen) => chosen,
        Err(failure) => {
            checked.result = words(&failure);
            return checked;
        }
    };
    checked.name.clone_from(&chosen.name);
    checked.kind = cachectl::open::driver(&chosen.address).map_or("-", |d| d.kind).to_owned();
    checked.address = chosen.address.to_string();
    if !connect {
        checked.ok = true;
        checked.result = "ok".to_owned();
        return checked;
    }
    let started = Instant::now();
    let outcome = store::open(&chosen, Access::Read, common).and_then(|open| {
        // The first look is what tells whether it can be used.
        open.run(async {
            if open.store.capabilities().remote {
                open.store.candidates("config check").await?;
                return Ok(());
            }
            let mut scan = open.store.scan(Query::default());
            scan.next().await.transpose()?;
            Ok(())
        })
    });
    checked.latency_ms = Some((started.elapsed().as_secs_f64() * 1e5).round() / 100.0);
    let missing = |failure: &anyhow::Error| {
        failure.downcast_ref::<Error>().is_some_and(|e| e.code() == "store_missing")
    };
    (checked.ok, checked.result) = match outcome {
        Ok(()) => (true, "ok".to_owned()),
        // A store is made when it is first written to.
        Err(failure) if missing(&failure) => (true, "not there yet".to_owned()),
        Err(failure) => (false, words(&failure)),
    };
    checked
}

/// An error in one line.
fn words(failure: &anyhow::Error) -> String {
    match failure.downcast_ref::<Error>() {
        Some(error) => format!("{error:#}"),
        None => failure.to_string(),
    }
}

fn print_checked(checked: &[Checked], output: &OutputArgs, common: &CommonArgs) -> Result<()> {
    use io::IsTerminal;
    let is_terminal = io::stdout().is_terminal();
    let format = output.wanted().unwrap_or(if is_terminal { Format::Table } else { Format::Plain });
    let latency = |c: &Checked| c.latency_ms.map_or("-".to_owned(), |ms| format!("{ms:.1}ms"));
    let text = match format {
        Format::Json => format!("{}\n", serde_json::to_string_pretty(checked)?),
        Format::Ndjson => {
            let lines = checked.iter().map(serde_json::to_string);
            lines.collect::<Result<Vec<_>, _>>()?.join("\n") + "\n"
        }
        Format::Plain | Format::Csv => checked
            .iter()
            .map(|c| {
                let fields = [&c.name, &c.kind, &c.address, &latency(c), &c.result];
                let fields: Vec<_> = fields.iter().map(|f| plain_field(f)).collect();
                fields.join("\t") + "\n"
            })
            .collect(),
        Format::Table | Format::Wide => {
            let columns = vec![
                Column::left("NAME"),
                Column::left("KIND"),
                Column::left("ADDRESS"),
                Column::right("LATENCY"),
                Column::left("RESULT"),
            ];
            let color = talk::wants_color(common, &io::stdout());
            let rows = checked.iter().map(|c| {
                let tint = if c.ok { Tint::Good } else { Tint::Bad };
                vec![
                    (escaped(&c.name).into_owned(), Tint::Plain),
                    (c.kind.clone(), Tint::Plain),
                    (escaped(&c.address).into_owned(), Tint::Plain),
                    (latency(c), Tint::Plain),
                    (escaped(&c.result).into_owned(), tint),
                ]
            });
            Rows::new(columns, false, color).layout(rows.collect())
        }
    };
    sink::print(&text)
}
