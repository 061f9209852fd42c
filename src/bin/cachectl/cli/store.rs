//! From what the user said to an open store.

use std::mem::ManuallyDrop;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use cachectl::backend::DRIVERS;
use cachectl::open::{address_of, cache_in, cache_near, default_address};
use cachectl::transfer::{is_one_place, shows_entries_of};
use cachectl::{
    ALL_SERIALIZERS, Access, Address, Backend, Error, ErrorKind, InMemoryStorage, Observed, Reach,
    block_on, expected, open_existing, open_with,
};
use tokio::runtime::Runtime;

use super::failure::Where;
use super::password::Password;
use super::{CommonArgs, StoreArgs, WriteArgs, failure};
use crate::config::{Config, Line, NamedStore, trust_hint};
use crate::environment;
use crate::output::talk;
use crate::output::text::quoted;

/// Which store this run uses, and where that was said.
#[derive(Debug, Clone)]
pub struct Chosen {
    pub address: Address,
    pub origin: Where,
    /// What to call it.
    pub name: String,
    /// Where its password comes from, if it does not stand in the address.
    pub password: Password,
}

impl Chosen {
    /// What has to be typed before everything in it goes: the name, the bucket, the place.
    pub fn short_name(&self) -> String {
        let reach = cachectl::open::driver(&self.address).map(|driver| driver.reach);
        match (reach, self.address.location()) {
            (Ok(Reach::Bucket), Some(location)) => {
                let bucket = location.trim_start_matches('/').split('/').next();
                bucket.unwrap_or_default().to_owned()
            }
            _ => self.name.clone(),
        }
    }
}

/// Finds the store that flag, environment, files or the default name.
pub fn choose(store: &StoreArgs, write: Option<&WriteArgs>, config: &Config) -> Result<Chosen> {
    let (text, origin) = match (&store.backend, &config.backend) {
        (Some(text), _) => (text.clone(), said_by_flag("backend", text)),
        (None, Some(given)) => (given.value.clone(), Where(given.line.to_string())),
        (None, None) => (default_address().to_owned(), Where("the default".to_owned())),
    };
    let said_in = config.backend.as_ref().filter(|_| store.backend.is_none());
    let mut chosen = resolve(&text, origin, config)?;
    if let Some(line) = said_in.map(|given| &given.line) {
        // Relative to the file that says it.
        let folder = line.file.parent().map(Path::to_owned);
        chosen.address =
            expand_home(chosen.address, folder).with_context(|| Where(line.to_string()))?;
    }
    if let Some(line) = said_in.map(|given| &given.line).filter(|line| line.is_of_strangers()) {
        // A store of the user's own is none that a stranger may choose.
        let is_own = config
            .stores
            .get(word_of(&text))
            .is_some_and(|named| !named.address.line.is_of_strangers());
        let relative = chosen.address.clone();
        chosen.address =
            within_project(relative, line, is_own).with_context(|| Where(line.to_string()))?;
    }
    let mut address = chosen.address;
    // Each value is checked where it comes in, so that an error names where that was.
    let checked = |address: Address, origin: Where| -> Result<Address> {
        cachectl::open::check(&address).map_err(anyhow::Error::from).with_context(|| origin)?;
        Ok(address)
    };
    // A name that no layout knows; whether this one does, the store says.
    let serializer = |name: &str, origin: Where| match ALL_SERIALIZERS.contains(&name) {
        true => Ok(()),
        false => {
            cachectl::serializer(name).map(drop).map_err(|e| anyhow::Error::from(e).context(origin))
        }
    };
    address = checked(address, chosen.origin.clone())?;
    let is_open = address.param("serializer").is_none();
    if let Some(name) = write.and_then(|write| write.serializer.clone()) {
        serializer(&name, said_by_flag("serializer", &name))?;
        address = address.with_param("serializer", name);
    } else if let Some(given) = config.serializer.as_ref().filter(|_| is_open) {
        serializer(&given.value, Where(given.line.to_string()))?;
        address = address.with_param("serializer", given.value.clone());
    }
    if let Some(given) = config.ttl.as_ref().filter(|_| address.param("ttl").is_none()) {
        let origin = Where(given.line.to_string());
        address = checked(address.with_param("ttl", given.value.clone()), origin)?;
    }
    let readonly = store.readonly
        || (address.param("readonly").is_none()
            && config.readonly.as_ref().is_some_and(|g| g.value));
    if readonly {
        address = address.with_param("readonly", "true");
    }
    chosen.address = address;
    Ok(chosen)
}

/// A value that came by a flag or its variable.
fn said_by_flag(flag: &str, text: &str) -> Where {
    super::said_by_variable(flag).unwrap_or_else(|| Where(format!("--{flag} {}", shown(text))))
}

fn shown(text: &str) -> String {
    text.parse::<Address>().map_or_else(|_| text.to_owned(), |address| address.to_string())
}

/// An address, a kind, or a named store, the latter two with parameters.
pub fn resolve(text: &str, origin: Where, config: &Config) -> Result<Chosen> {
    let word = word_of(text);
    let params = text[word.len()..].trim_start_matches('?');
    if !word.contains(':') {
        if let Some(named) = config.stores.get(word) {
            return named_store(word, params, named);
        }
        if !DRIVERS.iter().any(|driver| driver.kind == word) {
            return Err(unknown(word, config)).with_context(|| origin);
        }
    }
    let address: Address =
        text.parse().map_err(anyhow::Error::from).with_context(|| origin.clone())?;
    let address = expand_home(address, None).with_context(|| origin.clone())?;
    let password = Password::Environment;
    Ok(Chosen { name: address.to_string(), address, origin, password })
}

fn named_store(name: &str, params: &str, named: &NamedStore) -> Result<Chosen> {
    let line = &named.address.line;
    let origin = Where(format!("store {name:?}, {line}"));
    let parse = |text: &str| -> Result<Address> {
        text.parse().map_err(anyhow::Error::from).with_context(|| origin.clone())
    };
    let mut address = parse(&named.address.value)?;
    if line.is_of_strangers() {
        address = within_project(address, line, false).with_context(|| origin.clone())?;
    }
    for (key, given) in &named.params {
        address = address.with_param(key, &given.value);
    }
    // What stands behind the name on the command line wins.
    for (key, value) in parse(&format!("{name}?{params}"))?.params() {
        address = address.with_param(key, value);
    }
    let folder = line.file.parent().map(Path::to_owned);
    let address = expand_home(address, folder).with_context(|| origin.clone())?;
    let password = match &named.password_command {
        Some(command) => Password::Command(command.value.clone()),
        None => Password::Environment,
    };
    Ok(Chosen { address, origin, name: name.to_owned(), password })
}

/// What stands before the parameters.
fn word_of(text: &str) -> &str {
    text.split_once('?').map_or(text, |(word, _)| word)
}

/// The address of a store that a project's file names, if a stranger may name it: a place
/// within the project. Nobody else's host, and no other folder of the user's.
fn within_project(address: Address, line: &Line, is_own: bool) -> Result<Address> {
    let refuse = |what: String| {
        Error::usage(format!("a project's file may not name {what}"))
            .because(format!("{line}: whoever wrote the project wrote it"))
            .coded("untrusted_project")
            .try_this(trust_hint(&line.file))
    };
    let reach = cachectl::open::driver(&address)?.reach_of(&address);
    if reach == Reach::Process {
        return Ok(address);
    }
    if is_own || reach != Reach::Path {
        return Err(refuse(format!("the store {address}")).into());
    }
    let root = line.file.parent().unwrap_or(Path::new("."));
    let Some(path) = address.path()? else { return Ok(address) };
    if path.strip_prefix("~").is_ok() {
        return Err(refuse(format!("a place outside of the project ({})", path.display())).into());
    }
    let path = root.join(path);
    if !is_below(&path, root) {
        return Err(refuse(format!("a place outside of the project ({})", path.display())).into());
    }
    Ok(address.with_path(&path))
}

/// Whether a path leads to a place below a folder, links followed as far as they are there.
fn is_below(path: &Path, root: &Path) -> bool {
    let Ok(root) = std::fs::canonicalize(root) else { return false };
    if path.components().any(|part| part == std::path::Component::ParentDir) {
        return false;
    }
    for there in path.ancestors() {
        match std::fs::canonicalize(there) {
            Ok(real) => return real.starts_with(&root),
            // A link that leads to nothing leads somewhere once something is there.
            Err(_) if there.symlink_metadata().is_ok() => return false,
            Err(_) => {}
        }
    }
    false
}

/// `~/` in a path, which shells do not expand behind a scheme; in a file, a relative path
/// is relative to that file.
fn expand_home(mut address: Address, folder: Option<PathBuf>) -> Result<Address> {
    for name in ["password_file", "ca"] {
        let Some(path) = address.param(name).map(PathBuf::from) else { continue };
        let path = expanded(path, folder.as_deref(), &address)?;
        address = address.with_param(name, path.to_string_lossy());
    }
    let reach = cachectl::open::driver(&address)?.reach_of(&address);
    if reach != Reach::Path || address.location().is_none() {
        return Ok(address);
    }
    let Some(path) = address.path()? else { return Ok(address) };
    let path = expanded(path, folder.as_deref(), &address)?;
    let is_same = address.path()?.as_ref() == Some(&path);
    Ok(if is_same { address } else { address.with_path(&path) })
}

fn expanded(path: PathBuf, folder: Option<&Path>, address: &Address) -> Result<PathBuf> {
    if let Ok(below) = path.strip_prefix("~") {
        let home = environment::home().ok_or_else(|| {
            Error::usage(format!("{address} is below the home folder, which is not known"))
        })?;
        return Ok(home.join(below));
    }
    Ok(match folder {
        Some(folder) if path.is_relative() => folder.join(path),
        _ => path,
    })
}

fn unknown(word: &str, config: &Config) -> anyhow::Error {
    if word.starts_with(['.', '/', '~']) || word.contains('/') {
        return Error::usage(format!("{word:?} is not the address of a store"))
            .coded("bad_address")
            .try_this(format!("--backend {}", quoted(&address_of(Path::new(word)))))
            .into();
    }
    let names = config.stores.keys().map(String::as_str);
    Error::usage(format!("{word:?} is neither a kind of store nor a named store"))
        .because(expected(word, DRIVERS.iter().map(|d| d.kind).chain(names)))
        .coded("bad_address")
        .into()
}

/// An open store, and the runtime that its colour needs.
#[derive(Debug)]
pub struct OpenStore {
    pub store: Arc<dyn Backend>,
    /// Never taken down: the process ends when it is no longer needed.
    runtime: Option<ManuallyDrop<Runtime>>,
    /// Where it was said that it should be this one.
    origin: Option<Where>,
    /// The folder of a store that is only there in place of one that would be made.
    stand_in: Option<tempfile::TempDir>,
}

impl OpenStore {
    /// Around a store that nobody named.
    pub fn of(store: Arc<dyn Backend>) -> Self {
        OpenStore { store, runtime: None, origin: None, stand_in: None }
    }

    /// Around a store that was chosen.
    fn chosen(
        chosen: &Chosen,
        store: Arc<dyn Backend>,
        runtime: Option<ManuallyDrop<Runtime>>,
    ) -> Self {
        OpenStore { store, runtime, origin: Some(chosen.origin.clone()), stand_in: None }
    }

    /// Runs work to its end, on this thread. Trouble with the store says where it was named.
    pub fn run<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let outcome = match &self.runtime {
            Some(runtime) => runtime.block_on(work),
            None => block_on(work),
        };
        outcome.map_err(|failure| match &self.origin {
            Some(origin) if is_about_the_store(&failure) => failure.context(origin.clone()),
            _ => failure,
        })
    }

    /// The same for somebody who has a runtime: one that runs, and closes, the store, which
    /// has asked nobody yet.
    pub fn without_runtime(mut self) -> Self {
        self.runtime = None;
        self
    }

    /// Whether everything happens on this thread, without a runtime.
    pub fn is_in_place(&self) -> bool {
        self.runtime.is_none()
    }
}

/// What was given up half-way has something to clean up behind it.
impl Drop for OpenStore {
    fn drop(&mut self) {
        if let Some(runtime) = &self.runtime {
            let _ = runtime.block_on(self.store.close());
        }
    }
}

/// What is wanted of the store at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// What lies there, in the layout that lies there; a server is asked for it.
    AsItLies(Access),
    /// A store, made where there is none: native, unless files or the address say otherwise.
    Made,
    /// The same, for somebody who only wants to know what would be done.
    AsIfMade,
}

/// Opens the chosen store.
pub fn open(chosen: &Chosen, access: Access, common: &CommonArgs) -> Result<OpenStore> {
    let wanted = match access {
        Access::Read | Access::Existing => Wanted::AsItLies(access),
        Access::Create => Wanted::Made,
    };
    let runtime = runtime_for(chosen)?;
    let store = opened(chosen, wanted, runtime.as_deref(), common)?;
    Ok(OpenStore::chosen(chosen, store, runtime))
}

/// The runtime that a store on a server needs, before and after it is open.
fn runtime_for(chosen: &Chosen) -> Result<Option<ManuallyDrop<Runtime>>> {
    let driver = cachectl::open::driver(&chosen.address).with_context(|| chosen.origin.clone())?;
    if driver.open_marked.is_none() {
        return Ok(None);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(Some(ManuallyDrop::new(runtime.context("cannot start the runtime")?)))
}

/// Opens a store. What it asks a server goes over connections that live as long as the
/// runtime does, so it has to be the one that will use the store.
fn opened(
    chosen: &Chosen,
    wanted: Wanted,
    runtime: Option<&Runtime>,
    common: &CommonArgs,
) -> Result<Arc<dyn Backend>> {
    let address = chosen.password.give(chosen.address.clone())?;
    let opened = match (wanted, runtime) {
        (Wanted::AsItLies(access), Some(runtime)) => {
            runtime.block_on(open_existing(&address, access))
        }
        (Wanted::AsItLies(access), None) => block_on(open_existing(&address, access)),
        (Wanted::Made, _) => open_with(&address, Access::Create),
        (Wanted::AsIfMade, _) => open_with(&address, Access::Read),
    };
    let opened = opened
        .map_err(|e| advised(e, chosen, wanted))
        .map_err(anyhow::Error::from)
        .with_context(|| chosen.origin.clone())?;
    let mut store = opened.in_place();
    if common.verbose > 1 || environment::log_filter().is_some() {
        store = Arc::new(Observed::new(store));
    }
    let capabilities = store.capabilities();
    if !capabilities.persistent && wanted == Wanted::Made {
        talk::warning(&format!("the {} store ends with this process", chosen.name), "");
    }
    Ok(store)
}

/// Opens it for somebody who only wants to know what would be done: a store that would be
/// made is an empty one.
pub fn open_as_if_made(chosen: &Chosen, common: &CommonArgs) -> Result<OpenStore> {
    let runtime = runtime_for(chosen)?;
    match opened(chosen, Wanted::AsIfMade, runtime.as_deref(), common) {
        Err(failure)
            if failure
                .downcast_ref::<Error>()
                .is_some_and(|error| error.code() == "store_missing") =>
        {
            stand_in(&chosen.address)
        }
        store => Ok(OpenStore::chosen(chosen, store?, runtime)),
    }
}

/// An empty store in place of one that is missing: of its kind and layout, for these decide what
/// it can take.
fn stand_in(address: &Address) -> Result<OpenStore> {
    if address.path()?.is_none() {
        return Ok(OpenStore::of(Arc::new(InMemoryStorage::new())));
    }
    let folder = tempfile::Builder::new().prefix("cachectl-").tempdir()?;
    let address = address.clone().with_path(&folder.path().join("store"));
    let mut open = OpenStore::of(open_with(&address, Access::Create)?.in_place());
    open.stand_in = Some(folder);
    Ok(open)
}

/// Two open stores, and a runtime for both: work on them may use several threads.
pub struct Pair {
    pub source: OpenStore,
    pub destination: OpenStore,
    runtime: Runtime,
}

impl Pair {
    /// Runs work to its end.
    pub fn run<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.runtime.block_on(work)
    }

    /// Refuses two addresses of one place. Where one of the stores is to lose entries, it is
    /// tried out whether the other one loses them too.
    ///
    /// # Errors
    /// `Usage` when it is one place.
    pub fn refuse_one_place(
        &self,
        from: &Chosen,
        to: &Chosen,
        loser: Option<&OpenStore>,
    ) -> Result<()> {
        let (a, b) = (&*self.source.store, &*self.destination.store);
        let is_one = self.run(async {
            if is_one_place(a, b).await? {
                return Ok(true);
            }
            let Some(loser) = loser else { return Ok(false) };
            let other = if std::ptr::eq(loser, &self.source) { b } else { a };
            Ok(shows_entries_of(&*loser.store, other).await?)
        })?;
        if !is_one {
            return Ok(());
        }
        let what = match from.name == to.name {
            true => format!("{} was named twice", from.name),
            false => format!("{} and {} are one store", from.name, to.name),
        };
        Err(Error::usage(what).coded("same_store").try_this("another store").into())
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        let closing = async {
            let _ = self.source.store.close().await;
            let _ = self.destination.store.close().await;
        };
        self.runtime.block_on(closing);
    }
}

/// Opens two stores, the first one for as much as is said. The second one is made if it is
/// missing, unless things are only tried.
pub fn open_pair(
    from: (&Chosen, Access),
    to: &Chosen,
    is_dry: bool,
    common: &CommonArgs,
) -> Result<Pair> {
    let (source, access) = from;
    // Whoever only reads a database lends what it knows to nobody who writes.
    let writes_beside = !is_dry && share_a_file(&source.address, &to.address);
    let access = if writes_beside { Access::Existing } else { access };
    pair((source, access), common, |_| match is_dry {
        false => Ok(open(to, Access::Create, common)?.without_runtime()),
        true => Ok(open_as_if_made(to, common)?.without_runtime()),
    })
}

/// Whether two addresses lead to tables of one database.
fn share_a_file(a: &Address, b: &Address) -> bool {
    let driver = |address| cachectl::open::driver(address).ok();
    let (Some(one), Some(other)) = (driver(a), driver(b)) else { return false };
    if one.kind != other.kind || !one.shares_files {
        return false;
    }
    let file =
        |address: &Address| address.path().ok().flatten().and_then(|path| path.metadata().ok());
    match (file(a), file(b)) {
        (Some(a), Some(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => a.location() == b.location(),
    }
}

/// Opens two stores that have to be there.
pub fn open_existing_pair(a: &Chosen, b: &Chosen, common: &CommonArgs) -> Result<Pair> {
    let read = Access::Read;
    pair((a, read), common, |runtime| existing_on(runtime, (b, read), common))
}

fn pair(
    source: (&Chosen, Access),
    common: &CommonArgs,
    destination: impl FnOnce(&Runtime) -> Result<OpenStore>,
) -> Result<Pair> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let source = existing_on(&runtime, source, common)?;
    let destination = destination(&runtime)?;
    Ok(Pair { source, destination, runtime })
}

fn existing_on(
    runtime: &Runtime,
    (chosen, access): (&Chosen, Access),
    common: &CommonArgs,
) -> Result<OpenStore> {
    let store = opened(chosen, Wanted::AsItLies(access), Some(runtime), common)?;
    Ok(OpenStore::chosen(chosen, store, None))
}

/// Whether both make keys by cachectl's own rule, so that an identity is the same in both.
pub fn are_alike(a: &OpenStore, b: &OpenStore) -> bool {
    [a, b].iter().all(|open| open.store.capabilities().native_keys)
}

fn is_about_the_store(failure: &anyhow::Error) -> bool {
    failure.downcast_ref::<Error>().is_some_and(|e| e.kind() == ErrorKind::Store)
}

/// What helps where a store cannot be opened: the cache that lies there, or near, under another
/// address; else how one is made.
fn advised(error: Error, chosen: &Chosen, wanted: Wanted) -> Error {
    let address = &chosen.address;
    let position = ["SRC", "DST", "A", "B"].into_iter().find(|place| *place == chosen.origin.0);
    let with = |other: &str| match position {
        Some(position) => format!("{} as {position}", quoted(other)),
        None => format!("{} --backend {}", failure::command_in_use(), quoted(other)),
    };
    let is_path =
        cachectl::open::driver(address).is_ok_and(|driver| driver.reach_of(address) == Reach::Path);
    let place = address.location().map(Path::new).filter(|_| is_path);
    match error.code() {
        // A folder may be a store itself, or hold one.
        "not_a_store" => match place.filter(|place| place.is_dir()) {
            Some(place) => {
                let is_this = |other: &String| other.split(':').next() == Some(address.scheme());
                let other = Some(address_of(place)).filter(|other| !is_this(other));
                match cache_in(place).or(other) {
                    Some(other) => error.try_this(with(&other)),
                    None => error,
                }
            }
            None => error,
        },
        // Where one cannot be made, another one that is there is not what was meant.
        "store_missing" if wanted != Wanted::Made && error.hint().is_none() => {
            match (cache_near(Path::new("")).filter(|near| near != &chosen.name), position) {
                (Some(near), _) => error.try_this(with(&near)),
                // Whoever copies from a store has misspelt it rather than never made it.
                (None, Some(_)) => error,
                (None, None) => error.try_this(format!(
                    "cachectl get URL --backend {} creates it",
                    quoted(&chosen.name)
                )),
            }
        }
        _ => error,
    }
}
