//! The configuration files: user's, then project's. Flags and environment come later and
//! are clap's.

mod file;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use cachectl::{Error, ErrorKind, Secrets, Settings, StatusSet};
use clap::ValueEnum;

use crate::cli::{CommonArgs, When, said_by_variable};
use crate::environment;
use crate::input;
use crate::output::talk;

/// The name of a project's file.
const PROJECT_FILE: &str = ".cachectl.toml";

/// A value, and the line that gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct Given<T> {
    pub value: T,
    pub line: Line,
}

/// A line of a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub layer: Layer,
    pub file: PathBuf,
    pub number: usize,
}

impl Line {
    /// Whether a stranger may have written it.
    pub fn is_of_strangers(&self) -> bool {
        self.layer.is_of_strangers()
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} line {}", shown_path(&self.file), self.number)
    }
}

/// What helps with a setting that only a trusted project may have.
pub fn trust_hint(file: &Path) -> String {
    let folder = file.parent().unwrap_or(Path::new("."));
    let own = environment::user_config();
    let own = own.map_or("your own configuration".to_owned(), |path| shown_path(&path));
    format!("trusted_projects = [{:?}] in {own}, if you trust it", folder.display().to_string())
}

/// A path as people know it: `~` for the home folder.
pub fn shown_path(path: &Path) -> String {
    match environment::home().and_then(|home| path.strip_prefix(home).ok().map(Path::to_owned)) {
        Some(below) => format!("~/{}", below.display()),
        None => path.display().to_string(),
    }
}

/// A store that the configuration names.
#[derive(Debug, Clone)]
pub struct NamedStore {
    pub address: Given<String>,
    /// Parameters beside those in the address.
    pub params: BTreeMap<String, Given<String>>,
    /// A command that prints the password; never from a project's file.
    pub password_command: Option<Given<Vec<String>>>,
}

/// What the files say under `[http]`.
#[derive(Debug, Clone, Default)]
pub struct HttpConfig {
    pub timeout: Option<Given<Option<Duration>>>,
    pub connect_timeout: Option<Given<Option<Duration>>>,
    pub read_timeout: Option<Given<Option<Duration>>>,
    pub max_body: Option<Given<u64>>,
    pub cacheable_status: Option<Given<StatusSet>>,
    pub shared: Option<Given<bool>>,
    pub partition: Option<Given<String>>,
    pub api_keys_apart: Option<Given<bool>>,
    pub headers: Vec<Given<(String, String)>>,
}

/// Which kind of file a setting stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    User,
    /// A project's: whoever wrote the project wrote it, and may be a stranger.
    Project,
    /// That of a project which the user's own configuration trusts.
    Trusted,
    /// Named by `--config`: everything may stand there.
    Explicit,
}

impl Layer {
    /// Whether a stranger may have written it.
    pub fn is_of_strangers(self) -> bool {
        self == Layer::Project
    }

    pub fn name(self) -> &'static str {
        match self {
            Layer::User => "user",
            Layer::Project | Layer::Trusted => "project",
            Layer::Explicit => "--config",
        }
    }
}

/// A place where a file was looked for.
#[derive(Debug, Clone)]
pub struct Looked {
    pub layer: Layer,
    pub path: PathBuf,
    pub found: bool,
}

/// Everything that the files say.
#[derive(Debug, Clone, Default)]
pub struct Config {
    pub backend: Option<Given<String>>,
    pub serializer: Option<Given<String>>,
    pub ttl: Option<Given<String>>,
    pub readonly: Option<Given<bool>>,
    pub color: Option<Given<String>>,
    pub stores: BTreeMap<String, NamedStore>,
    pub http: HttpConfig,
    pub redact_headers: Vec<Given<String>>,
    pub redact_query: Vec<Given<String>>,
    /// Folders whose projects may say what the user may.
    pub trusted_projects: Vec<Given<PathBuf>>,
    pub looked: Vec<Looked>,
}

impl Config {
    /// Reads the files that the arguments leave in force.
    pub fn load(common: &CommonArgs) -> Result<Self> {
        let mut config = Config::default();
        for (layer, path) in places(common) {
            let layer = if layer == Layer::Project { config.trust_in(&path) } else { layer };
            let text = match layer {
                Layer::User | Layer::Explicit => input::text(&path, "a configuration"),
                Layer::Project | Layer::Trusted => input::text_of_file(&path, "a configuration"),
            };
            match text {
                Ok(text) => {
                    config.looked.push(Looked { layer, path: path.clone(), found: true });
                    file::read(&mut config, layer, &path, &text)?;
                }
                Err(e) if is_absent(&e) && layer != Layer::Explicit => {
                    config.looked.push(Looked { layer, path, found: false });
                }
                Err(e) => {
                    let what = format!("cannot read the configuration {}", shown_path(&path));
                    let error = Error::new(ErrorKind::LocalFile, what).because(e);
                    let origin = said_by_variable("config").filter(|_| layer == Layer::Explicit);
                    let failure = anyhow::Error::from(error);
                    return Err(match origin {
                        Some(origin) => failure.context(origin),
                        None => failure,
                    });
                }
            }
        }
        let color = config.color.as_ref().and_then(|g| When::from_str(&g.value, false).ok());
        if let Some(color) = color {
            talk::configure(color);
        }
        Ok(config)
    }

    /// Whether a project's file says what its user says, or what a stranger says.
    fn trust_in(&self, file: &Path) -> Layer {
        let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let folder = file.parent().map(real);
        let is_below = |trusted: &Given<PathBuf>| {
            folder.as_deref().is_some_and(|folder| folder.starts_with(real(&trusted.value)))
        };
        if self.trusted_projects.iter().any(is_below) { Layer::Trusted } else { Layer::Project }
    }

    /// How decisions are to be made.
    pub fn settings(&self) -> Settings {
        let http = &self.http;
        Settings {
            shared: http.shared.as_ref().is_some_and(|g| g.value),
            cacheable_status: http.cacheable_status.as_ref().map(|g| g.value.clone()),
            max_body: http.max_body.as_ref().map(|g| g.value),
            api_keys_apart: http.api_keys_apart.as_ref().is_none_or(|g| g.value),
            ..Settings::default()
        }
    }

    /// What goes into every key.
    pub fn partition(&self) -> String {
        self.http.partition.as_ref().map(|g| g.value.clone()).unwrap_or_default()
    }

    /// What hides credentials in this run.
    pub fn secrets(&self, common: &CommonArgs) -> Secrets {
        if common.show_secrets {
            return Secrets::shown();
        }
        self.all_secrets()
    }

    /// What counts as a credential, whether or not it is shown.
    pub fn all_secrets(&self) -> Secrets {
        let names = |given: &[Given<String>]| given.iter().map(|g| g.value.clone()).collect();
        Secrets::with_names(names(&self.redact_headers), names(&self.redact_query))
    }
}

fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

/// Where files are looked for, in the order in which they are read.
fn places(common: &CommonArgs) -> Vec<(Layer, PathBuf)> {
    if common.no_config {
        return Vec::new();
    }
    if let Some(path) = &common.config {
        return vec![(Layer::Explicit, path.clone())];
    }
    let user = environment::user_config().map(|path| (Layer::User, path));
    let project = project_file().map(|path| (Layer::Project, path));
    user.into_iter().chain(project).collect()
}

/// The nearest project file from the working folder up to the one that holds `.git`;
/// outside of a repository the working folder's own.
fn project_file() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    let own = here.join(PROJECT_FILE);
    let mut nearest = None;
    for folder in here.ancestors() {
        let candidate = folder.join(PROJECT_FILE);
        if nearest.is_none() && candidate.exists() {
            nearest = Some(candidate);
        }
        if folder.join(".git").exists() {
            return Some(nearest.unwrap_or(own));
        }
    }
    Some(own)
}
