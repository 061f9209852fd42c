//! Generation 0 in a bucket: an object for each key behind a prefix that is plain text, and
//! beside it, as user metadata, when the value was laid down.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use futures_util::future::try_join_all;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};

use crate::backend::s3::{Begin, Bucket, Condition, Content, Listed, bucket};
use crate::error::{Error, Result};
use crate::model::Timestamp;
use crate::storage::{
    Access, Address, Capabilities, Cursor, Identity, OpenMarked, Opened, Outcome, Query,
};

use super::super::{Layout, Sign};
use super::PARAMS_0;
use super::one::{
    Expected, Keyed, Lying, New, OneValue, Page, Paged, Settings, Walked, is_usual_key, walk_pages,
};
use super::value::{self, Form};

pub(super) const LAYOUT: Layout = Layout {
    name: "hishel-0",
    kind: "s3",
    about: "a bucket of hishel 0.x",
    place: "",
    params: PARAMS_0,
    sign: Sign::Server(open_found),
    open,
};

/// What hishel puts before its keys unless it is told otherwise.
const PREFIX: &str = "hishel-";

/// The user metadata with the time, in milliseconds as Python writes a float.
const CREATED_AT: &str = "created_at";

/// Keys of a page; S3 gives no more.
const PAGE: i32 = 1000;

/// Objects that are asked for at the same time.
const AT_ONCE: usize = 32;

/// Bytes of the name of an object.
const LONGEST_NAME: usize = 1024;

/// What is longer and has a name that hishel would not give is somebody else's.
const LONGEST_ODD: u64 = 64 << 20;

/// The longest value that is read without a look at its end, in bytes.
const LONGEST_LOOK: u64 = 8 << 20;

/// Objects that a look reads, of those with hishel's names and of others.
const GLANCE: usize = 8;

/// Opens it if values are among the first objects.
fn open_found(address: &Address) -> OpenMarked {
    let parts = Objects::of(address, None).and_then(|o| Ok((o, Settings::of(address)?)));
    Box::pin(async move {
        let (objects, settings) = parts?;
        let lies = objects.has_values().await?;
        Ok(lies.then(|| objects.opened(settings)))
    })
}

fn open(address: &Address, _: Access) -> Result<Opened> {
    open_through(address, None)
}

/// Opens the store through a client; without one, through that of the usual AWS chain.
pub(in crate::foreign) fn open_through(
    address: &Address,
    client: Option<Client>,
) -> Result<Opened> {
    Ok(Objects::of(address, client)?.opened(Settings::of(address)?))
}

struct Objects {
    bucket: Bucket,
    prefix: String,
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket.name, self.prefix)
    }
}

/// Milliseconds as `str(time.time() * 1000)` gives them.
fn created_at(time: Timestamp) -> String {
    format!("{:?}", time.micros() as f64 / 1e3)
}

fn parse_created_at(text: &str) -> Option<Timestamp> {
    let millis: f64 = text.trim().parse().ok()?;
    millis.is_finite().then(|| Timestamp::from_micros((millis * 1e3).round() as i64))
}

impl Objects {
    fn of(address: &Address, client: Option<Client>) -> Result<Self> {
        let (bucket, prefix) = bucket(address, client)?;
        Ok(Objects { bucket, prefix: prefix.unwrap_or_else(|| PREFIX.to_owned()) })
    }

    fn opened(self, settings: Settings) -> Opened {
        Opened::Async(Arc::new(OneValue::new(self, settings)))
    }

    async fn has_values(&self) -> Result<bool> {
        let (listed, _) = self.bucket.list(&self.prefix, Begin::Start, PAGE).await?;
        let listed = listed.into_iter().filter_map(|object| self.within(object));
        let (usual, odd): (Vec<_>, Vec<_>) = listed.partition(|object| is_usual_key(&object.key));
        for object in usual.iter().take(GLANCE).chain(odd.iter().take(GLANCE)) {
            if self.is_value(object).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// An object by its key, which is its name behind the prefix.
    fn within(&self, object: Listed) -> Option<Listed> {
        let key = object.key.strip_prefix(&*self.prefix)?.to_owned();
        Some(Listed { key, ..object })
    }

    fn object(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// What S3 gives a name to, and can list.
    fn check(&self, key: &str) -> Result<()> {
        let fits = self.prefix.len() + key.len() <= LONGEST_NAME
            && !key.is_empty()
            && !key.chars().any(char::is_control);
        if fits {
            return Ok(());
        }
        Err(Error::usage(format!("{key:?} cannot be the name of an object")))
    }

    async fn get(&self, key: &str) -> Result<Option<Lying>> {
        let name = self.object(key);
        let Some(mut object) = self.bucket.get(&name, LONGEST_LOOK).await? else {
            return Ok(None);
        };
        if object.length > LONGEST_LOOK {
            // One that is so long that it may be damage is read only if its end may be that of
            // a value.
            let start = self.bucket.begin_of(&name, Form::SIGN as u64).await?;
            let end = self.bucket.end_of(&name, 16).await?;
            object.bytes = start;
            if Form::of(&object.bytes).is_some_and(|form| form.may_end_with(&end)) {
                let Some(whole) = self.bucket.get(&name, u64::MAX).await? else { return Ok(None) };
                object = whole;
            }
        }
        let stored_at = object.notes.get(CREATED_AT).and_then(|text| parse_created_at(text));
        let (bytes, tag) = (object.bytes, object.etag);
        Ok(Some(Lying { bytes, stored_at, tag, ..Lying::default() }))
    }

    /// Whether what lies there is a value; for names that hishel would not have given.
    async fn is_value(&self, object: &Listed) -> Result<bool> {
        if object.bytes > LONGEST_ODD {
            return Ok(false);
        }
        // A bucket is often shared: a few bytes rule out nearly all that others have.
        let start = self.bucket.begin_of(&self.object(&object.key), Form::SIGN as u64).await?;
        if !Form::is_signed(&start) {
            return Ok(false);
        }
        let lying = self.get(&object.key).await?;
        let bytes = lying.map(|lying| lying.bytes).unwrap_or_default();
        Ok(value::loads(&bytes).is_ok())
    }

    /// A page of values, their keys without the prefix.
    async fn values(&self, from: Begin) -> Result<(Vec<Listed>, Option<Begin>)> {
        let (listed, next) = self.bucket.list(&self.prefix, from, PAGE).await?;
        let listed = listed.into_iter().filter_map(|object| self.within(object));
        let values = stream::iter(listed).map(async |object| {
            let counts = is_usual_key(&object.key) || self.is_value(&object).await?;
            Ok(counts.then_some(object))
        });
        let values = values.buffered(AT_ONCE).try_filter_map(async |object| Ok(object));
        Ok((values.try_collect().await?, next.map(Begin::Page)))
    }
}

#[async_trait]
impl Keyed for Objects {
    const KIND: &'static str = "s3";

    fn limit(&self, can: &mut Capabilities) {
        can.remote = true;
        can.atomic_stamps = false;
        can.any_key = false;
    }

    async fn get_all(&self, keys: &[String]) -> Result<Vec<Option<Lying>>> {
        let mut values = Vec::with_capacity(keys.len());
        for keys in keys.chunks(AT_ONCE) {
            values.extend(try_join_all(keys.iter().map(|key| self.get(key))).await?);
        }
        Ok(values)
    }

    async fn change(
        &self,
        key: &str,
        expected: Expected<'_>,
        new: Option<&New>,
    ) -> Result<Outcome<()>> {
        self.check(key)?;
        let object = self.object(key);
        let _turn = self.bucket.turn(key).await;
        let tag = match expected {
            Expected::Anything => None,
            Expected::Nothing | Expected::Value(_) => self.bucket.tag(&object).await?,
        };
        match (expected, &tag) {
            (Expected::Anything, _) | (Expected::Nothing, None) => {}
            (Expected::Value(_), None) => return Ok(Outcome::Absent),
            (Expected::Nothing, Some(_)) => return Ok(Outcome::Changed),
            (Expected::Value(seen), Some(tag)) if seen.tag != *tag => return Ok(Outcome::Changed),
            (Expected::Value(_), Some(_)) => {}
        }
        let Some(new) = new else {
            return self.bucket.remove(&[object]).await.map(Outcome::Done);
        };
        let note = created_at(new.stored_at);
        let content = Content { bytes: new.bytes.clone(), note: Some((CREATED_AT, &note)) };
        let done = match expected {
            Expected::Anything => self.bucket.put(&object, content, Condition::Always).await?,
            Expected::Nothing => self.bucket.create(&object, content).await?,
            Expected::Value(seen) => {
                self.bucket.replace(&object, content, seen.tag.as_deref()).await?
            }
        };
        Ok(if done { Outcome::Done(()) } else { Outcome::Changed })
    }

    fn walk(self: Arc<Self>, query: &Query) -> BoxStream<'static, Walked> {
        walk_pages(self, query)
    }

    async fn usage(&self) -> Result<(u64, u64)> {
        let (mut entries, mut bytes, mut from) = (0, 0, Some(Begin::Start));
        while let Some(begin) = from {
            let (values, next) = self.values(begin).await?;
            entries += values.len() as u64;
            bytes += values.iter().map(|object| object.bytes).sum::<u64>();
            from = next;
        }
        Ok((entries, bytes))
    }

    /// The bucket as it was addressed: nothing in it would tell more.
    async fn identity(&self) -> Result<Identity> {
        let addressed = self.bucket.addressed();
        Ok(Identity::new([format!("{addressed} prefix {} hishel-0", self.prefix)]))
    }

    fn location(&self, key: &str) -> String {
        format!("s3://{}/{}", self.bucket.name, self.object(key))
    }
}

#[async_trait]
impl Paged for Objects {
    type Place = Begin;

    fn begin(&self, after: Option<&Cursor>) -> Begin {
        after.map_or(Begin::Start, |after| Begin::Behind(self.object(&after.id.key)))
    }

    async fn page(&self, place: &Begin) -> Result<Page<Begin>> {
        let (values, next) = self.values(place.clone()).await?;
        let keys = values.into_iter().map(|object| (object.key, object.bytes)).collect();
        Ok(Page { keys, position: None, next })
    }
}
