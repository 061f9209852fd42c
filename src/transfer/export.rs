//! From a store into a file of another kind.

use std::borrow::Cow;
use std::time::Instant;

use futures_util::stream::{BoxStream, StreamExt};

use crate::error::{ErrorKind, Result};
use crate::interchange::{Wanted, Writer, Written};
use crate::storage::{Backend, BodyStream, ByteRange, Found, Manage, Piece, is_about_one};

use super::held::as_native;
use super::report::{Action, Event, Failure, Report, Tally};

/// Writes entries in the order in which they come. Those that were replaced meanwhile are
/// left out, damaged ones are failures; trouble with the store or the file ends it all.
///
/// # Errors
/// `LocalFile` when the file cannot be written, `Store` when the store cannot be read.
pub async fn export(
    store: &dyn Backend,
    entries: BoxStream<'_, Result<Found>>,
    mut writer: Box<dyn Writer>,
    jobs: usize,
    on: &mut (dyn FnMut(Event<'_>) -> Result<()> + Send),
) -> Result<(Written, Report)> {
    let started = Instant::now();
    let mut report = Report::default();
    // The bodies of the next entries are asked for while this one is written.
    let jobs = if store.capabilities().remote { jobs.max(1) } else { 1 };
    let mut opened = entries
        .map(|item| async move {
            let found = item?;
            let body = store.open_body(&found, ByteRange::WHOLE).await;
            Ok((found, body))
        })
        .buffered(jobs);
    while let Some(item) = opened.next().await {
        let (found, body) = match item {
            Ok(opened) => opened,
            Err(error) if is_about_one(&error) => {
                let key = Piece::of(&error).and_then(|piece| piece.key.clone());
                let failure = Failure { key: key.unwrap_or_default(), url: None, error };
                on(Event::Failed(&failure))?;
                report.fail(failure);
                continue;
            }
            // What was named and is not there is no reason to leave out the others.
            Err(e) if e.kind() == ErrorKind::NotFound => {
                report.tallies.count(Action::Missing, 0);
                tracing::warn!("{e:#}");
                continue;
            }
            Err(e) => return Err(e),
        };
        let written = match body {
            Ok(body) => write_one(store, &mut *writer, &found, body).await,
            Err(e) => Err(e),
        };
        match written {
            Ok(action) => {
                report.tallies.count(action, found.head.body.bytes);
                on(Event::Done(Tally { entries: 1, bytes: found.head.body.bytes }))?;
            }
            // Replaced or removed since it was found.
            Err(e) if e.kind() == ErrorKind::Changed => {
                report.tallies.count(Action::Changed, found.head.body.bytes);
            }
            Err(error) if is_about_one(&error) => {
                let url = Some(found.head.request.url.as_str().to_owned());
                let failure = Failure { key: found.head.id.to_string(), url, error };
                on(Event::Failed(&failure))?;
                report.fail(failure);
            }
            Err(e) => return Err(e),
        }
    }
    drop(opened);
    let written = writer.finish()?;
    report.complete = true;
    report.duration = started.elapsed();
    Ok((written, report))
}

async fn write_one(
    store: &dyn Backend,
    writer: &mut dyn Writer,
    found: &Found,
    mut body: BodyStream,
) -> Result<Action> {
    let head = match writer.keeps_keys() {
        true => Cow::Borrowed(&found.head),
        false => Cow::Owned(as_native(store, found.head.clone())),
    };
    match writer.begin(&head, found.stored_bytes)? {
        Wanted::LeftOut(_) => return Ok(Action::Skip),
        Wanted::NoBody => return writer.end().map(|()| Action::Copy),
        Wanted::Body => {}
    }
    loop {
        match body.chunk().await {
            Ok(Some(chunk)) => {
                for part in chunk.chunks(crate::interchange::MAX_CHUNK) {
                    writer.chunk(part)?;
                }
            }
            Ok(None) => return writer.end().map(|()| Action::Copy),
            Err(e) => {
                writer.abandon()?;
                return Err(e);
            }
        }
    }
}
