//! From an address to an open store: the one place that knows the table of backends.

use std::sync::Arc;

use crate::backend::DRIVERS;
use crate::error::{Error, Result};
use crate::model::nearest;
use crate::serializer::serializer;
use crate::storage::{
    Access, Address, Backend, Blocking, BlockingBackend, Driver, InPlace, Opened, Pooled, ReadOnly,
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
        let kinds: Vec<&str> = DRIVERS.iter().map(|d| d.kind).collect();
        let error = Error::usage(format!("{scheme:?} is not a kind of store")).coded("bad_address");
        match nearest(scheme, kinds.iter().copied()) {
            Some(kind) => error.try_this(kind),
            None => error.try_this(kinds.join(", ")),
        }
    })
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
/// As [`open`]; with [`Access::Existing`] a missing store is an error too.
pub fn open_with(address: &Address, access: Access) -> Result<Store> {
    if let Some(name) = address.param("serializer") {
        serializer(name)?;
    }
    let read_only = address.flag("readonly")?.unwrap_or(false);
    // What may not be written is not made either.
    let access = if read_only { Access::Existing } else { access };
    let opened = driver(address)?.open(address, access)?;
    Ok(Store { opened, read_only })
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
            Opened::Blocking(store) => guarded(Arc::new(InPlace(store)), self.read_only),
            Opened::Async(store) => guarded(store, self.read_only),
        }
    }

    /// For blocking use.
    ///
    /// # Errors
    /// `Internal` when the system gives no thread for an async store's runtime.
    pub fn blocking(self) -> Result<Arc<dyn BlockingBackend>> {
        Ok(match self.opened {
            Opened::Blocking(store) if !self.read_only => store,
            opened => {
                let store = Store { opened, read_only: self.read_only };
                Arc::new(Blocking::shared(store.in_place())?)
            }
        })
    }
}

fn guarded(store: Arc<dyn Backend>, read_only: bool) -> Arc<dyn Backend> {
    if read_only { Arc::new(ReadOnly::new(store)) } else { store }
}
