//! Taking entries into a store: what to do with each, doing it, and looking whether it
//! is what it was.

use bytes::Bytes;
use xxhash_rust::xxh3::Xxh3;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{BodyDigest, BodyFacts, EntryHead, Stamp, Timestamp};
use crate::storage::{Backend, ByteRange, Found, Manage, Over, is_damage};

use super::report::Action;

/// What to do with an entry that the destination has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Conflict {
    /// The one that was stored later wins.
    #[default]
    Newer,
    /// What the destination has stays.
    Skip,
    /// The new one wins.
    Overwrite,
    /// That is a failure.
    Fail,
}

/// How entries are taken in.
#[derive(Debug, Clone)]
pub struct ReceiveOptions {
    /// What to do with entries that are there already.
    pub on_conflict: Conflict,
    /// Whether to read back what was written, and to compare. Default: true.
    pub verify: bool,
    /// Whether to read the body of what is there already and says the same, and to write it
    /// anew if that is damaged: for somebody who will rely on it. Default: false.
    pub proves_unchanged: bool,
    /// Whether to take entries whose store TTL is over, into a store that can hold them.
    /// Default: false.
    pub include_expired: bool,
    /// What time it is.
    pub now: Timestamp,
    /// The serializer of what is written; `None`: each entry keeps its own.
    pub serializer: Option<String>,
}

impl ReceiveOptions {
    /// The newer one wins, everything is verified, the expired stay out.
    pub fn new(now: Timestamp) -> Self {
        ReceiveOptions {
            on_conflict: Conflict::Newer,
            verify: true,
            proves_unchanged: false,
            include_expired: false,
            now,
            serializer: None,
        }
    }
}

impl ReceiveOptions {
    /// The head with the serializer that it gets.
    pub(super) fn as_written(&self, mut head: EntryHead) -> EntryHead {
        if self.serializer.is_some() {
            head.serializer = self.serializer.clone().map(Into::into);
        }
        head
    }
}

/// Where the body of an entry on its way comes from.
pub trait Incoming: Send {
    /// The next bytes; `None` at the end, once they are known to be right.
    fn chunk(&mut self) -> impl Future<Output = Result<Option<Bytes>>> + Send;
}

/// What is to be done with an entry that would come into a store, and what it may take the
/// place of, so that somebody else's entry of the meantime does not get lost. A digest is only
/// compared where both sides know one.
///
/// # Errors
/// `Refused` for one that is there already, where that is a failure; `Store` when the
/// destination cannot be asked.
pub async fn decide(
    store: &dyn Backend,
    head: &EntryHead,
    options: &ReceiveOptions,
) -> Result<(Action, Over)> {
    let there = store.find(&head.id).await;
    decide_against(there, head, options)
}

/// Whether an entry with this end has expired and is therefore not taken. The end is the one that
/// the entry has where it comes from: the store may have no place for it.
pub(super) fn stays_out(
    store: &dyn Backend,
    expires_at: Option<Timestamp>,
    options: &ReceiveOptions,
) -> bool {
    // A server that forgets by itself cannot hold what has expired.
    let takes_expired = options.include_expired && !store.capabilities().server_ttl;
    expires_at.is_some_and(|end| end <= options.now) && !takes_expired
}

/// The same as [`decide`], once the store was asked.
pub(super) fn decide_against(
    there: Result<Option<Found>>,
    head: &EntryHead,
    options: &ReceiveOptions,
) -> Result<(Action, Over)> {
    let there = match there {
        Ok(Some(there)) => there,
        Ok(None) => return Ok((Action::Copy, Over::Nothing)),
        // What is damaged gives way.
        Err(e) if is_damage(&e) => return Ok((Action::Copy, Over::Anything)),
        Err(e) => return Err(e),
    };
    let over = Over::State(there.stamp);
    if is_same(head, &there.head) {
        return Ok((Action::Unchanged, over));
    }
    let action = match options.on_conflict {
        Conflict::Newer if is_newer(head, &there.head) => Action::Overwrite,
        Conflict::Overwrite => Action::Overwrite,
        Conflict::Newer | Conflict::Skip => Action::Keep,
        Conflict::Fail => {
            return Err(Error::new(
                ErrorKind::Refused,
                format!("{} is there already, and differs", head.id),
            )
            .coded("conflict"));
        }
    };
    Ok((action, over))
}

/// Whether an entry was stored after another. One that claims to come from the future is newer
/// than none.
fn is_newer(head: &EntryHead, there: &EntryHead) -> bool {
    let now = Timestamp::now();
    head.created_at.unless_ahead_of(now) > there.created_at.unless_ahead_of(now)
}

/// Whether two heads say the same, but for how often they were used and who wrote them.
pub fn is_same(a: &EntryHead, b: &EntryHead) -> bool {
    let plain = |head: &EntryHead| EntryHead {
        uses: 0,
        last_used_at: None,
        serializer: None,
        body: BodyFacts::default(),
        ..head.clone()
    };
    is_same_body(&a.body, &b.body) && plain(a) == plain(b)
}

/// Whether two bodies are the same, by what is known of both.
pub(super) fn is_same_body(a: &BodyFacts, b: &BodyFacts) -> bool {
    let xxh3 = a.xxh3.zip(b.xxh3).is_none_or(|(a, b)| a == b);
    let sha256 = a.sha256.zip(b.sha256).is_none_or(|(a, b)| a == b);
    a.bytes == b.bytes && xxh3 && sha256
}

/// Writes an entry, and reads it back if that is wanted.
///
/// # Errors
/// Those of the body, of the store, `Changed` when something else stands in its place by
/// then, and `Store` with the code `not_verified` when what
/// comes back is something else.
pub async fn receive(
    store: &dyn Backend,
    head: EntryHead,
    over: Over,
    body: &mut impl Incoming,
    options: &ReceiveOptions,
) -> Result<Found> {
    let head = options.as_written(head);
    let told = head.body;
    let damaged = |how: &str| {
        Error::codec(format!("the body of {} is damaged", head.id))
            .because(how.to_owned())
            .coded("body_damaged")
    };
    let mut put = store.put(head.clone()).await?;
    let (mut bytes, mut hash) = (0, Xxh3::new());
    while let Some(chunk) = body.chunk().await? {
        bytes += chunk.len() as u64;
        hash.update(&chunk);
        put.write(chunk).await?;
    }
    // Before it takes the place of anything.
    let is_told = told.bytes == bytes || told == BodyFacts::default();
    if !is_told || told.xxh3.is_some_and(|xxh3| xxh3 != hash.digest()) {
        return Err(damaged("it is not the one that its head tells of"));
    }
    let placed = put.commit_over(over).await?.done();
    let found = placed.ok_or_else(|| Error::changed(&head.id.to_string()))?;
    let as_told = EntryHead { body: told, ..found.head.clone() };
    if !is_same(&found.head, &as_told) {
        // The body is not the one that its head told of: it must not stay.
        store.remove(&found.head.id, Some(found.stamp)).await?;
        return Err(damaged("its SHA-256 is another one than that in its head"));
    }
    if options.verify {
        let back = store.find(&head.id).await?;
        // A layout may keep no digest.
        let body = BodyFacts { bytes, xxh3: Some(hash.digest()), ..found.head.body };
        let head = EntryHead { body, ..head };
        verify(store, &head, found.stamp, back).await?;
    }
    Ok(found)
}

/// Looks whether what was written with this stamp is what comes back.
pub(super) async fn verify(
    store: &dyn Backend,
    head: &EntryHead,
    written: Stamp,
    back: Option<Found>,
) -> Result<()> {
    let differs = |what: &str| {
        Error::store(format!("{} does not come back as it was written", head.id))
            .because(what.to_owned())
            .coded("not_verified")
            .try_this("cachectl verify on the destination")
    };
    let Some(back) = back else {
        // It may have expired while it was written.
        let is_over = store.capabilities().server_ttl && head.is_expired(Timestamp::now());
        return if is_over { Ok(()) } else { Err(differs("it is not there")) };
    };
    if back.stamp != written {
        // Somebody else has stored a newer one meanwhile.
        return Ok(());
    }
    if !is_same(&back.head, head) {
        return Err(differs("its head is another one"));
    }
    let mut digest = BodyDigest::new();
    let mut body = store.open_body(&back, ByteRange::WHOLE).await?;
    while let Some(chunk) = body.chunk().await? {
        digest.update(&chunk);
    }
    if !is_same_body(&digest.finish(), &head.body) {
        return Err(differs("its body is another one"));
    }
    Ok(())
}
