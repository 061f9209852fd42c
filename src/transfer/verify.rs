//! Looking whether an entry is what its head says.

use crate::error::{Error, ErrorKind, Result};
use crate::model::{BodyDigest, Key};
use crate::storage::{Backend, ByteRange, Found, Piece, Problem, is_about_one, is_damage};

/// Reads the body of an entry and compares it with the head, and the key with the
/// request. Gives what is wrong; `None` when nothing is, or when the entry was replaced
/// meanwhile.
///
/// # Errors
/// `Store` when the body cannot be read.
pub async fn check(store: &dyn Backend, found: &Found) -> Result<Option<Piece>> {
    let head = &found.head;
    let piece = |problem, detail: String| {
        let piece = Piece::new(problem, store.rules().location(&head.id), found.stored_bytes);
        Some(piece.of_entry(head.id.clone(), found.stamp).because(detail))
    };
    let native = Key::native(&head.partition, &head.request.method, &head.request.url);
    // Keys of other clients may depend on what is not stored.
    let is_native = store.capabilities().native_keys && Key::is_native(&head.id.key);
    if is_native && native != head.id.key {
        return Ok(piece(Problem::KeyMismatch, format!("its request has the key {native}")));
    }
    let mut body = match store.body(&head.id, found.stamp, ByteRange::WHOLE).await {
        Ok(body) => body,
        Err(e) if e.kind() == ErrorKind::Changed => return Ok(None),
        Err(e) if is_about_one(&e) => return Ok(piece(problem_of(&e), detail(&e))),
        Err(e) => return Err(e),
    };
    let mut bytes = 0;
    // A digest that is checked on every read is enough; else the slower one.
    let mut digest = head.body.xxh3.is_none().then(BodyDigest::new);
    loop {
        match body.chunk().await {
            Ok(Some(chunk)) => {
                bytes += chunk.len() as u64;
                if let Some(digest) = &mut digest {
                    digest.update(&chunk);
                }
            }
            Ok(None) => break,
            Err(e) if e.kind() == ErrorKind::Changed => return Ok(None),
            Err(e) if is_about_one(&e) => return Ok(piece(problem_of(&e), detail(&e))),
            Err(e) => return Err(e),
        }
    }
    if bytes != head.body.bytes {
        let how = format!("{bytes} bytes instead of {}", head.body.bytes);
        return Ok(piece(Problem::LengthMismatch, how));
    }
    match digest.and_then(|digest| digest.finish().sha256).zip(head.body.sha256) {
        Some((seen, wanted)) if seen != wanted => {
            Ok(piece(Problem::DigestMismatch, "its SHA-256 is another one".to_owned()))
        }
        _ => Ok(None),
    }
}

fn problem_of(error: &Error) -> Problem {
    match error.code() {
        _ if !is_damage(error) => Problem::Unreadable,
        "body_length" => Problem::LengthMismatch,
        _ => Problem::DigestMismatch,
    }
}

fn detail(error: &Error) -> String {
    match error.causes() {
        causes if causes.is_empty() => error.message().to_owned(),
        causes => format!("{}: {causes}", error.message()),
    }
}
