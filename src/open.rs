//! From an address to an open store: the one place that knows the table of backends.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::backend::DRIVERS;
use crate::error::{Error, Result};
#[cfg(feature = "foreign")]
use crate::foreign;
use crate::model::expected;
use crate::serializer::serializer;
use crate::storage::{
    Access, Address, Backend, Blocking, BlockingBackend, Driver, NATIVE, Opened, Param, Pooled,
    Reach, ReadOnly,
};

/// The driver for an address.
///
/// # Errors
/// `Usage` when no backend has this scheme, with the nearest that exists.
pub fn driver(address: &Address) -> Result<&'static Driver> {
    let scheme = address.scheme();
    let bare = address.location().is_none();
    let found = DRIVERS
        .iter()
        .find(|driver| driver.kind == scheme || (!bare && driver.schemes.contains(&scheme)));
    found.ok_or_else(|| {
        Error::usage(format!("{scheme:?} is not a kind of store"))
            .because(expected(scheme, DRIVERS.iter().map(|d| d.kind)))
            .coded("bad_address")
    })
}

/// The address of the store that is used when none is named.
pub fn default_address() -> &'static str {
    let default = DRIVERS.iter().map(|driver| driver.default).find(|default| !default.is_empty());
    default.unwrap_or_default()
}

/// The address of the store that a path of this machine is, or would be.
pub fn address_of(path: &Path) -> String {
    let of_kind = |driver: &Driver| format!("{}:{}", driver.kind, path.display());
    let is_file = path.is_file();
    let mut kinds = DRIVERS.iter().filter(|driver| driver.reach == Reach::Path);
    let native = || kinds.find(|driver| driver.shares_files == is_file).map(of_kind);
    recognised_at(path).or_else(native).unwrap_or_default()
}

/// The address of the cache that another client has put into a folder, under the name that it
/// usually has there.
pub fn cache_in(folder: &Path) -> Option<String> {
    places().find_map(|place| recognised_at(&folder.join(Path::new(place).file_name()?)))
}

/// The address of a cache in one of the places where programs put it, seen from a folder: another
/// client's first, as its user may not know of it.
pub fn cache_near(folder: &Path) -> Option<String> {
    let below = |place: &str| match folder.as_os_str().is_empty() {
        true => PathBuf::from(place),
        false => folder.join(place),
    };
    let own = DRIVERS.iter().filter(|driver| driver.reach == Reach::Path);
    let own = own.filter_map(|driver| {
        let (kind, place) = driver.default.split_once(':')?;
        below(place).exists().then(|| format!("{kind}:{}", below(place).display()))
    });
    // A database is newer than the files of an older generation beside it.
    let (databases, folders): (Vec<_>, Vec<_>) =
        places().map(below).partition(|place| place.is_file());
    let mut foreign = databases.into_iter().chain(folders).filter(|place| place.exists());
    foreign.find_map(|place| recognised_at(&place)).or_else(|| own.into_iter().next())
}

/// Looks whether an address can be one: a known kind of store, and parameters that it, or
/// the layout that is asked for, has. Nothing is opened.
///
/// # Errors
/// `Usage`, with the nearest name that exists.
pub fn check(address: &Address) -> Result<()> {
    let driver = driver(address)?;
    let params = params_of_layout(driver, address);
    driver.check_with(address, params).map_err(|e| match layout_with(driver, address) {
        Some(name) if address.param("layout").is_none() => e.try_this(format!("layout={name} too")),
        _ => e,
    })
}

#[cfg(feature = "foreign")]
fn params_of_layout(driver: &Driver, address: &Address) -> &'static [Param] {
    let layout = address.param("layout").and_then(|name| foreign::layout(driver.kind, name));
    layout.map_or(&[], |layout| layout.params)
}

/// A layout that has one of the parameters.
#[cfg(feature = "foreign")]
fn layout_with(driver: &Driver, address: &Address) -> Option<&'static str> {
    let is_param = |param: &Param| address.param(param.name).is_some();
    let mut layouts = foreign::LAYOUTS.iter().filter(|layout| layout.kind == driver.kind);
    layouts.find(|layout| layout.params.iter().any(is_param)).map(|layout| layout.name)
}

#[cfg(not(feature = "foreign"))]
fn layout_with(_: &Driver, _: &Address) -> Option<&'static str> {
    None
}

#[cfg(not(feature = "foreign"))]
fn params_of_layout(_: &Driver, _: &Address) -> &'static [Param] {
    &[]
}

/// Opens the store at an address such as `sqlite:cache.db?ttl=2h`, and creates it where it
/// is missing. The verbs are those of [`AsyncStorage`](crate::AsyncStorage); a tokio runtime is needed.
///
/// # Errors
/// `Usage` for a bad address, `Store` when the store cannot be opened.
#[allow(clippy::unused_async, reason = "remote stores may connect here")]
pub async fn open(address: &str) -> Result<Arc<dyn Backend>> {
    Ok(open_with(&address.parse()?, Access::Create)?.pooled())
}

/// Opens the store at an address for blocking use; the verbs are those of
/// [`Storage`](crate::Storage).
///
/// # Errors
/// As [`open`].
pub fn open_blocking(address: &str) -> Result<Arc<dyn BlockingBackend>> {
    open_with(&address.parse()?, Access::Create)?.blocking()
}

/// Opens the store at an address, in the colour of its backend.
///
/// # Errors
/// As [`open`]; but with [`Access::Create`] a missing store is an error too.
pub fn open_with(address: &Address, access: Access) -> Result<Store> {
    let access = allowed(address, access)?;
    let opened = open_layout(driver(address)?, address, access)?;
    Ok(Store { opened, read_only: access == Access::Read })
}

/// What a store may be opened for: one that is said to be read-only is read.
fn allowed(address: &Address, access: Access) -> Result<Access> {
    let read_only = address.flag("readonly")?.unwrap_or(false);
    Ok(if read_only { Access::Read } else { access })
}

/// Opens the store that lies at an address, in the layout that lies there.
///
/// As [`open_with`] does, but a server is asked as well: for the mark of a native store, which
/// the store then need not ask for again, and if there is none, for the first names that it
/// gives. Where nothing is recognised the store is the one that the
/// address says, native unless it names another. For Redis and S3 a tokio runtime is needed,
/// and the store belongs to it: its connections end when that does.
///
/// # Errors
/// As [`open_with`]; `Store` when the server does not answer.
pub async fn open_existing(address: &Address, access: Access) -> Result<Store> {
    let driver = driver(address)?;
    let Some(open_marked) = driver.open_marked else {
        return open_with(address, access);
    };
    check(address)?;
    let marked = match address.param("layout") {
        None => open_marked(address).await?,
        Some(_) => None,
    };
    let opened = match marked {
        Some(marked) => Some(marked),
        None => open_found(driver, address).await?,
    };
    match opened {
        Some(opened) => Ok(Store { opened, read_only: allowed(address, access)? == Access::Read }),
        None => open_with(address, access),
    }
}

/// Opens an S3 store at an address through a client of the caller's, which brings its own
/// credentials; what the address says of region, endpoint and profile does not count.
///
/// # Errors
/// `Usage` for an address that is none of S3's.
#[cfg(feature = "s3")]
pub fn open_s3_with(address: &Address, client: aws_sdk_s3::Client) -> Result<Store> {
    let read_only = address.flag("readonly")?.unwrap_or(false);
    if driver(address)?.kind != "s3" {
        return Err(address.refuse("it names no bucket").try_this("s3://BUCKET"));
    }
    check(address)?;
    let opened = match address.param("layout") {
        None | Some(NATIVE) => crate::backend::s3::open_through(address, Some(client))?,
        Some(name) => open_foreign_through(name, address, client)?,
    };
    Ok(Store { opened, read_only })
}

#[cfg(all(feature = "s3", feature = "foreign"))]
fn open_foreign_through(
    name: &str,
    address: &Address,
    client: aws_sdk_s3::Client,
) -> Result<Opened> {
    foreign_layout(driver(address)?, name, address)?;
    foreign::open_through(address, client)
}

#[cfg(all(feature = "s3", not(feature = "foreign")))]
fn open_foreign_through(name: &str, address: &Address, _: aws_sdk_s3::Client) -> Result<Opened> {
    open_foreign(driver(address)?, name, address, Access::Create)
}

/// Opens a store in the layout that is asked for, or that lies there.
fn open_layout(driver: &Driver, address: &Address, access: Access) -> Result<Opened> {
    match address.param("layout") {
        None if looks_foreign(driver, address) => match open_recognised(driver, address, access)? {
            Some(opened) => Ok(opened),
            None => open_native(driver, address, access),
        },
        None => match open_native(driver, address, access) {
            Err(error) if is_something_else(&error) => {
                open_recognised(driver, address, access)?.ok_or(error)
            }
            opened => opened,
        },
        Some(NATIVE) => open_native(driver, address, access),
        Some(name) => open_foreign(driver, name, address, access),
    }
}

fn open_native(driver: &Driver, address: &Address, access: Access) -> Result<Opened> {
    if let Some(name) = address.param("serializer") {
        serializer(name)?;
    }
    driver.open(address, access)
}

/// Whether a place may hold what another client left there.
fn is_something_else(error: &Error) -> bool {
    matches!(error.code(), "not_a_store" | "store_missing")
}

#[cfg(feature = "foreign")]
fn looks_foreign(driver: &Driver, address: &Address) -> bool {
    foreign::looks_foreign(driver.kind, address)
}

#[cfg(not(feature = "foreign"))]
fn looks_foreign(_: &Driver, _: &Address) -> bool {
    false
}

#[cfg(feature = "foreign")]
fn open_recognised(driver: &Driver, address: &Address, access: Access) -> Result<Option<Opened>> {
    let layout = foreign::recognised(driver.kind, address)?;
    layout.map(|layout| (layout.open)(address, access)).transpose()
}

#[cfg(all(feature = "foreign", any(feature = "redis", feature = "s3")))]
async fn open_found(driver: &Driver, address: &Address) -> Result<Option<Opened>> {
    foreign::open_found(driver.kind, address.param("layout"), address).await
}

#[cfg(not(all(feature = "foreign", any(feature = "redis", feature = "s3"))))]
#[allow(clippy::unused_async, reason = "it asks where there is somebody to ask")]
async fn open_found(_: &Driver, _: &Address) -> Result<Option<Opened>> {
    Ok(None)
}

/// Where other clients put their caches.
#[cfg(feature = "foreign")]
fn places() -> impl Iterator<Item = &'static str> {
    foreign::LAYOUTS.iter().map(|layout| layout.place).filter(|place| !place.is_empty())
}

#[cfg(not(feature = "foreign"))]
fn places() -> impl Iterator<Item = &'static str> {
    std::iter::empty()
}

/// The address of what another client has put at a path.
#[cfg(feature = "foreign")]
fn recognised_at(path: &Path) -> Option<String> {
    let kinds = DRIVERS.iter().filter(|driver| driver.reach == Reach::Path);
    let addresses = kinds.map(|driver| format!("{}:{}", driver.kind, path.display()));
    addresses.into_iter().find(|text| {
        let kind = text.split(':').next().unwrap_or_default();
        let address = text.parse::<Address>();
        address.is_ok_and(|address| matches!(foreign::recognised(kind, &address), Ok(Some(_))))
    })
}

#[cfg(not(feature = "foreign"))]
fn recognised_at(_: &Path) -> Option<String> {
    None
}

#[cfg(not(feature = "foreign"))]
fn open_recognised(_: &Driver, _: &Address, _: Access) -> Result<Option<Opened>> {
    Ok(None)
}

#[cfg(feature = "foreign")]
fn open_foreign(driver: &Driver, name: &str, address: &Address, access: Access) -> Result<Opened> {
    let layout = foreign_layout(driver, name, address)?;
    driver.check_with(address, layout.params)?;
    (layout.open)(address, access)
}

#[cfg(feature = "foreign")]
fn foreign_layout(
    driver: &Driver,
    name: &str,
    address: &Address,
) -> Result<&'static foreign::Layout> {
    let Some(layout) = foreign::layout(driver.kind, name) else {
        let layouts = foreign::LAYOUTS.iter().filter(|layout| layout.kind == driver.kind);
        let names = std::iter::once(NATIVE).chain(layouts.map(|layout| layout.name));
        let names = names.collect::<Vec<_>>().join(", ");
        let told = format!("{} stores have no layout {name:?}; known are {names}", driver.kind);
        return Err(address.refuse(&told));
    };
    Ok(layout)
}

#[cfg(not(feature = "foreign"))]
fn open_foreign(_: &Driver, name: &str, _: &Address, _: Access) -> Result<Opened> {
    Err(Error::usage(format!("this build has no layout {name:?}"))
        .coded("backend_not_built")
        .try_this("build with the cargo feature `foreign`"))
}

/// An open store that has not yet been given a colour.
#[derive(Debug)]
pub struct Store {
    opened: Opened,
    read_only: bool,
}

impl Store {
    /// Whether the store blocks by nature, so that it can be used [in place](Self::in_place).
    pub fn is_blocking(&self) -> bool {
        matches!(self.opened, Opened::Blocking(_))
    }

    /// For async use; blocking work goes to tokio's worker pool.
    pub fn pooled(self) -> Arc<dyn Backend> {
        match self.opened {
            Opened::Blocking(store) => guarded(Arc::new(Pooled::shared(store)), self.read_only),
            Opened::Async(store) => guarded(store, self.read_only),
        }
    }

    /// For a program that does one thing at a time: a blocking store blocks the caller.
    pub fn in_place(self) -> Arc<dyn Backend> {
        match self.opened {
            Opened::Blocking(store) => guarded(store, self.read_only),
            Opened::Async(store) => guarded(store, self.read_only),
        }
    }

    /// For blocking use.
    ///
    /// # Errors
    /// `Internal` when the system gives no thread for an async store's runtime.
    pub fn blocking(self) -> Result<Arc<dyn BlockingBackend>> {
        Ok(match self.opened {
            Opened::Blocking(store) if self.read_only => Arc::new(ReadOnly::new(store)),
            Opened::Blocking(store) => store,
            Opened::Async(store) => Arc::new(Blocking::shared(guarded(store, self.read_only))?),
        })
    }
}

fn guarded(store: Arc<dyn Backend>, read_only: bool) -> Arc<dyn Backend> {
    if read_only { Arc::new(ReadOnly::new(store)) } else { store }
}
