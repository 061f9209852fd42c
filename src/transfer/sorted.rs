//! Entries in an order, however many there are.

use futures_util::stream::{self, BoxStream, StreamExt};

use crate::error::{Error, Result};
use crate::filter::{Moment, SortBy};
use crate::storage::Found;

use super::spool::Sorter;

/// The same entries in this order, or the first so many of it. Errors come first, as they
/// are met. With a limit up to ten thousand only so many entries are held; else they go
/// through temporary files.
pub fn sorted<'a, E: From<Error> + Send + 'a>(
    mut entries: BoxStream<'a, Result<Found, E>>,
    by: &'a SortBy,
    most: Option<usize>,
    moment: Moment<'a>,
) -> BoxStream<'a, Result<Found, E>> {
    let all = async move {
        let mut errors = Vec::new();
        let mut sorter = Sorter::new(most);
        while let Some(item) = entries.next().await {
            let pushed = item.and_then(|found| {
                let state = found.usable_until.map(|_| found.state(moment.now, moment.settings));
                let key = by.key(&found.head, found.stored_bytes, state, moment);
                sorter.push(key, &found).map_err(Into::into)
            });
            errors.extend(pushed.err().map(Err));
        }
        match sorter.read() {
            Ok(found) => {
                let found = found.map(|found| found.map_err(Into::into));
                stream::iter(errors).chain(stream::iter(found)).boxed()
            }
            Err(error) => stream::iter([Err(error.into())]).boxed(),
        }
    };
    stream::once(all).flatten().boxed()
}
