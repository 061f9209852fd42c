//! The nouns as text formats write them; shared by serializers and interchange formats.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::entry::{Selecting, Selection};
use super::headers::Headers;
use super::time::Timestamp;

/// No text that holds heads has more values than this, so that in memory it is not many times
/// its length. A head has a hundred or two.
pub(crate) const MAX_PARTS: usize = 256 << 10;

/// At most how many values a JSON or YAML text has, strings and numbers included.
pub(crate) fn parts(text: &[u8]) -> usize {
    text.iter().filter(|c| matches!(c, b',' | b'[' | b'{')).count()
}

/// A selection as `[[name, value], …]`; a field that the request did not have is null.
pub(crate) type SelectionParts<'a> = Vec<(Cow<'a, str>, Option<Text<'a>>)>;

pub(crate) fn selection_parts(selection: &Selection) -> SelectionParts<'_> {
    selection
        .iter()
        .map(|field| {
            let value = field.value.as_deref().map(|v| Text(Cow::Borrowed(v)));
            (Cow::Borrowed(field.name.as_str()), value)
        })
        .collect()
}

pub(crate) fn selection_of(parts: SelectionParts<'_>) -> Selection {
    parts
        .into_iter()
        .map(|(name, value)| Selecting {
            name: name.into_owned(),
            value: value.map(|v| v.0.into_owned()),
        })
        .collect()
}

/// Without an allocation for the versions that occur.
pub(crate) fn known_version(text: Cow<'_, str>) -> Cow<'static, str> {
    const KNOWN: &[&str] = &["HTTP/1.1", "HTTP/1.0", "HTTP/2", "HTTP/3"];
    match KNOWN.iter().find(|k| **k == text) {
        Some(known) => Cow::Borrowed(known),
        None => Cow::Owned(text.into_owned()),
    }
}

/// Header fields as `[[name, value], …]`.
pub(crate) struct Fields<'a>(pub Cow<'a, Headers>);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.0.len()))?;
        for (name, value) in self.0.iter() {
            seq.serialize_element(&(Text(Cow::Borrowed(name)), Text(Cow::Borrowed(value))))?;
        }
        seq.end()
    }
}

impl<'de> Deserialize<'de> for Fields<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Lines;

        impl<'de> Visitor<'de> for Lines {
            type Value = Headers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of [name, value] pairs")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Headers, A::Error> {
                let mut headers = Headers::with_capacity(16, 1024);
                while let Some((name, value)) = seq.next_element::<(Text<'de>, Text<'de>)>()? {
                    headers.push(name.0, value.0);
                }
                Ok(headers)
            }
        }

        deserializer.deserialize_seq(Lines).map(|headers| Fields(Cow::Owned(headers)))
    }
}

/// Bytes that are usually text: a string, or `{"base64": "…"}` when they are not UTF-8.
pub(crate) struct Text<'a>(pub Cow<'a, [u8]>);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => serializer.collect_map([("base64", BASE64.encode(&self.0))]),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;

        impl<'de> Visitor<'de> for Bytes {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or {\"base64\": string}")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text.as_bytes())))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.as_bytes().to_vec())))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text<'de>, A::Error> {
                let (name, encoded) = map
                    .next_entry::<Cow<'de, str>, Cow<'de, str>>()?
                    .ok_or_else(|| de::Error::custom("expected base64"))?;
                if name != "base64" {
                    return Err(de::Error::unknown_field(&name, &["base64"]));
                }
                let bytes = BASE64.decode(&*encoded).map_err(de::Error::custom)?;
                Ok(Text(Cow::Owned(bytes)))
            }
        }

        deserializer.deserialize_any(Bytes)
    }
}

/// Bytes as lower-case hex.
pub(crate) struct Hex<const N: usize>(pub [u8; N]);

impl<const N: usize> Serialize for Hex<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::hex(&self.0))
    }
}

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <Cow<'de, str>>::deserialize(deserializer)?;
        super::unhex(&text)
            .map(Hex)
            .ok_or_else(|| de::Error::custom(format!("expected {} hex characters", 2 * N)))
    }
}

/// RFC 3339.
pub(crate) struct Time(pub Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <Cow<'de, str>>::deserialize(deserializer)?;
        Timestamp::parse_rfc3339(&text)
            .map(Time)
            .ok_or_else(|| de::Error::custom("expected an RFC 3339 time"))
    }
}
