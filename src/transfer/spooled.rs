//! Found entries in temporary files.

use crate::error::{Error, ErrorKind, Result};
use crate::filter::Detail;
use crate::model::{EntryId, Stamp, Timestamp, Variant};
use crate::serializer::{Place, Recorded, SERIALIZERS, Serializer};

use crate::storage::{Found, Position};

use super::spool::{Parts, PutParts, Spooled};

/// The fastest serializer of this build; the bytes do not outlive the process.
fn serializer() -> &'static dyn Serializer {
    SERIALIZERS.iter().copied().find(|s| s.is_binary()).unwrap_or(SERIALIZERS[0])
}

impl Spooled for (EntryId, Stamp) {
    fn put(&self, bytes: &mut Vec<u8>) -> Result<()> {
        bytes.put_bytes(self.0.key.as_bytes());
        bytes.put_bytes(self.0.variant.as_str().as_bytes());
        bytes.extend_from_slice(&self.1.to_bytes());
        Ok(())
    }

    fn take(bytes: &[u8]) -> Result<Self> {
        entry(&mut Parts::of(bytes))
    }
}

/// Identity and stamp, as [`Spooled`] puts them.
pub(super) fn entry(parts: &mut Parts<'_>) -> Result<(EntryId, Stamp)> {
    let id = EntryId::new(parts.text()?, Variant::verbatim(parts.text()?));
    Ok((id, Stamp::from_bytes(parts.fixed()?)))
}

/// Without the body that came along.
impl Spooled for Found {
    fn put(&self, bytes: &mut Vec<u8>) -> Result<()> {
        let head = &self.head;
        let micros = |at: Option<Timestamp>| at.map(|at| at.micros().cast_unsigned());
        bytes.put_number(self.stored_bytes);
        bytes.push(self.detail as u8);
        bytes.push(u8::from(self.usable_until.is_some()));
        bytes.put_maybe(micros(self.usable_until.flatten()));
        bytes.put_maybe(self.position.map(|at| at.0));
        bytes.put_maybe(self.position.map(|at| at.1));
        // What documents leave to their record.
        bytes.put_number(head.uses);
        bytes.put_maybe(micros(head.last_used_at));
        bytes.put_bytes(head.serializer.as_deref().unwrap_or_default().as_bytes());
        let recorded = Recorded { head: head.clone(), stamp: self.stamp, place: Place::Inline(0) };
        bytes.extend_from_slice(&serializer().dumps(std::slice::from_ref(&recorded))?);
        Ok(())
    }

    fn take(bytes: &[u8]) -> Result<Self> {
        let micros = |at: Option<u64>| at.map(|at| Timestamp::from_micros(at.cast_signed()));
        let mut parts = Parts::of(bytes);
        let stored_bytes = parts.number()?;
        let [detail, has_usable] = parts.fixed()?;
        let usable_until = micros(parts.maybe()?);
        let position = parts.maybe()?.zip(parts.maybe()?).map(|(a, b)| Position(a, b));
        let (uses, last_used_at) = (parts.number()?, micros(parts.maybe()?));
        let written_by = parts.text()?;
        let (mut entries, _) = serializer().loads(parts.rest())?;
        let torn = || Error::new(ErrorKind::Internal, "a temporary file lost an entry");
        let recorded = entries.pop().ok_or_else(torn)?;
        let mut head = recorded.head;
        (head.uses, head.last_used_at) = (uses, last_used_at);
        head.serializer = Some(written_by).filter(|name| !name.is_empty()).map(Into::into);
        let mut found = Found::whole(head, recorded.stamp, None, stored_bytes);
        found.detail = match detail {
            0 => Detail::Key,
            1 => Detail::Columns,
            _ => Detail::Head,
        };
        found.usable_until = (has_usable == 1).then_some(usable_until);
        found.position = position;
        Ok(found)
    }
}
