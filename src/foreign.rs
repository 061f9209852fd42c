//! Caches that other clients left behind: each a layout of one of the backends.
//!
//! A foreign store is a [`Backend`](crate::Backend) like any other. What its layout cannot
//! hold it leaves out, and says so: the head that a commit gives is the one that will be read.
//! Opening and reading change nothing: no log is merged, no index is made, nothing is swept.

mod database;
mod decode;
mod hishel;

use crate::error::Result;
#[cfg(any(feature = "redis", feature = "s3"))]
use crate::storage::OpenMarked;
use crate::storage::{Access, Address, Opened, Param};

/// A layout that another client uses.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// What `?layout=` calls it.
    pub name: &'static str,
    /// The kind of backend it lies in.
    pub kind: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// Where that client puts it unless it is told otherwise; empty where it has no such place.
    pub place: &'static str,
    /// Parameters beside those of the backend.
    pub params: &'static [Param],
    /// Tells whether it lies at an address.
    pub sign: Sign,
    /// Opens it.
    pub open: fn(&Address, Access) -> Result<Opened>,
}

/// How a layout is known from others. Looking changes nothing, and takes nothing for itself
/// that might be something else.
#[derive(Debug, Clone, Copy)]
pub enum Sign {
    /// By a look at files.
    Place(fn(&Address) -> Result<bool>),
    /// By asking the server for some of what it holds, which opens it.
    #[cfg(any(feature = "redis", feature = "s3"))]
    Server(fn(&Address) -> OpenMarked),
}

/// Every layout, those with the surest marks first.
pub const LAYOUTS: &[Layout] = hishel::LAYOUTS;

/// The layout of this name in this kind of backend.
pub fn layout(kind: &str, name: &str) -> Option<&'static Layout> {
    LAYOUTS.iter().find(|layout| layout.kind == kind && layout.name == name)
}

/// Whether a place looks so much like another client's that it should be looked at as such
/// before it is opened: opening a database may already leave files beside it.
pub(crate) fn looks_foreign(kind: &str, address: &Address) -> bool {
    kind == "sqlite" && address.path().is_ok_and(|path| path.is_some_and(|p| is_foreign(&p)))
}

fn is_foreign(path: &std::path::Path) -> bool {
    use crate::backend::{SQLITE_PAGE_BYTES, sqlite_file};
    sqlite_file::page_bytes(path).is_some_and(|bytes| bytes != SQLITE_PAGE_BYTES)
}

/// The layout that lies at an address, if it is a foreign one. No server is asked.
///
/// # Errors
/// `Store` when the place cannot be looked at.
pub fn recognised(kind: &str, address: &Address) -> Result<Option<&'static Layout>> {
    for layout in LAYOUTS.iter().filter(|layout| layout.kind == kind) {
        match layout.sign {
            Sign::Place(lies_at) if lies_at(address)? => return Ok(Some(layout)),
            _ => {}
        }
    }
    Ok(None)
}

/// Opens what lies on the server at an address, if it has a foreign layout and the first
/// things that the server names show it; only this one, if a name is given.
///
/// # Errors
/// `Store` when the server does not answer.
#[cfg(any(feature = "redis", feature = "s3"))]
pub(crate) async fn open_found(
    kind: &str,
    name: Option<&str>,
    address: &Address,
) -> Result<Option<Opened>> {
    let is_meant =
        |layout: &&Layout| layout.kind == kind && name.is_none_or(|name| name == layout.name);
    for layout in LAYOUTS.iter().filter(is_meant) {
        let Sign::Server(open_found) = layout.sign else { continue };
        if let Some(opened) = open_found(address).await? {
            return Ok(Some(opened));
        }
    }
    Ok(None)
}

/// Opens a store of a foreign layout in a bucket through a client.
///
/// # Errors
/// As opening it by its address does.
#[cfg(feature = "s3")]
pub(crate) fn open_through(address: &Address, client: aws_sdk_s3::Client) -> Result<Opened> {
    // The only layout that lies in buckets.
    hishel::open_through(address, Some(client))
}
