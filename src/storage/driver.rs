//! A backend's row in the table of backends: everything that help, completions, error
//! messages and `open` need to know of it.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use crate::error::{Error, Result};
use crate::model::expected;

use super::address::Address;
use super::backend::{Backend, BlockingBackend};

/// One kind of backend.
#[derive(Debug, Clone, Copy)]
pub struct Driver {
    /// The bare word: `file`, `sqlite`, …
    pub kind: &'static str,
    /// Where its stores lie.
    pub reach: Reach,
    /// The address of the store that it has when nothing more is said.
    pub default: &'static str,
    /// Whether one file may hold several stores.
    pub shares_files: bool,
    /// Whether its server may ask for a password.
    pub takes_password: bool,
    /// The schemes of its addresses; the first is the usual one.
    pub schemes: &'static [&'static str],
    /// One line for people.
    pub about: &'static str,
    /// The forms of its addresses.
    pub forms: &'static str,
    /// Its own parameters; those of every backend stand in `COMMON_PARAMS`.
    pub params: &'static [Param],
    /// Opens a store; `None` where the crate was built without the feature of this name.
    pub open: Option<fn(&Address, Access) -> Result<Opened>>,
    /// Opens a store if the server says that it is one in the native layout; `None` where
    /// opening looks by itself.
    pub open_marked: Option<fn(&Address) -> OpenMarked>,
}

/// Where the stores of a backend lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// In this process, and gone with it.
    Process,
    /// At a path of this machine.
    Path,
    /// On a server.
    Server,
    /// In a container of a server, the first part of the location.
    Bucket,
}

/// An open store, once the server has been asked; `None` where no mark of one lies.
pub type OpenMarked = BoxFuture<'static, Result<Option<Opened>>>;

/// One parameter of an address.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// The default, as text; empty for none.
    pub default: &'static str,
    /// One line for people.
    pub about: &'static str,
}

/// Parameters that every backend has.
pub(crate) const COMMON_PARAMS: &[Param] = &[
    Param { name: "serializer", default: "json", about: "how heads are written" },
    Param { name: "ttl", default: "none", about: "how long what is stored now may stay" },
    Param { name: "layout", default: "what lies there", about: "native, or another client's" },
    Param { name: "readonly", default: "false", about: "refuse every change" },
];

/// What a store is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To read it: it may belong to somebody else, and nothing is changed or made by that, not
    /// even what would undo a change that was left half-way. A store that is not there is an
    /// error of kind `Store`.
    Read,
    /// To read and change it. A store that is not there is an error of kind `Store`.
    Existing,
    /// A store that is not there is created, at the first write.
    Create,
}

/// A store, in the colour of its backend.
#[derive(Debug, Clone)]
pub enum Opened {
    /// Blocks.
    Blocking(Arc<dyn BlockingBackend>),
    /// Async; needs a tokio runtime.
    Async(Arc<dyn Backend>),
}

impl Driver {
    /// A kind of store that was not built in.
    #[allow(dead_code, reason = "unused when every feature is on")]
    pub(crate) const fn not_built(kind: &'static str, reach: Reach, about: &'static str) -> Self {
        Driver {
            kind,
            reach,
            default: "",
            shares_files: false,
            takes_password: false,
            schemes: &[],
            about,
            forms: "",
            params: &[],
            open: None,
            open_marked: None,
        }
    }

    /// Where the store of an address lies: what says it is in memory lies in this process.
    pub fn reach_of(&self, address: &Address) -> Reach {
        match address.location() {
            Some(":memory:") => Reach::Process,
            _ => self.reach,
        }
    }

    /// All parameters of an address of this kind.
    pub fn all_params(&self) -> impl Iterator<Item = &'static Param> {
        self.params.iter().chain(COMMON_PARAMS)
    }

    /// Refuses parameters that this kind of backend does not have.
    ///
    /// # Errors
    /// `Usage`, with the nearest name that exists.
    pub fn check(&self, address: &Address) -> Result<()> {
        self.check_with(address, &[])
    }

    /// The same where a layout has parameters of its own.
    ///
    /// # Errors
    /// `Usage`, with the nearest name that exists.
    pub fn check_with(&self, address: &Address, more: &'static [Param]) -> Result<()> {
        let all = || self.all_params().chain(more);
        let known = |name: &str| all().any(|p| p.name == name);
        let Some((unknown, _)) = address.params().find(|(name, _)| !known(name)) else {
            return Ok(());
        };
        let kind = self.kind;
        let expected = expected(unknown, all().map(|p| p.name));
        Err(address.refuse(&format!("{kind} stores have no parameter {unknown:?}; {expected}")))
    }

    /// Opens the store at this address.
    ///
    /// # Errors
    /// `Usage` for a bad address or a backend that was not built in, `Store` when the
    /// store cannot be opened.
    pub fn open(&self, address: &Address, access: Access) -> Result<Opened> {
        self.check(address)?;
        let open = self.open.ok_or_else(|| {
            Error::usage(format!("this build has no {} backend", self.kind))
                .coded("backend_not_built")
                .try_this(format!("build with the cargo feature `{}`", self.kind))
        })?;
        open(address, access)
    }
}
