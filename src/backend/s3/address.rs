//! From an address to a bucket.

use std::sync::Arc;

use aws_sdk_s3::Client;

use crate::error::Result;
use crate::model::percent_decode;
use crate::storage::{Access, Address, Driver, OpenMarked, Opened, Param, Reach};

use super::super::codec_of;
#[cfg(feature = "foreign")]
use super::bucket::Bucket;
use super::bucket::Settings;
use super::{AsyncS3Storage, DEFAULT_PREFIX};

pub(in super::super) const DRIVER: Driver = Driver {
    kind: "s3",
    reach: Reach::Bucket,
    default: "",
    shares_files: false,
    takes_password: false,
    schemes: &["s3"],
    about: "a bucket of S3, or of a server that speaks its protocol",
    forms: "s3://BUCKET[/PREFIX]",
    params: &[
        Param {
            name: "prefix",
            default: DEFAULT_PREFIX,
            about: "what all keys begin with, literally",
        },
        Param { name: "region", default: "", about: "the region; else that of the AWS chain" },
        Param { name: "endpoint", default: "", about: "the URL of an S3-compatible server" },
        Param {
            name: "path_style",
            default: "",
            about: "bucket in the path; true with an endpoint",
        },
        Param { name: "profile", default: "", about: "a profile of the AWS configuration" },
        Param {
            name: "checksum",
            default: "",
            about: "when_supported, or when_required; the latter with an endpoint",
        },
    ],
    open: Some(open),
    open_marked: Some(open_marked),
};

fn open(address: &Address, _: Access) -> Result<Opened> {
    open_through(address, None)
}

fn open_marked(address: &Address) -> OpenMarked {
    let store = store(address, None);
    Box::pin(async move {
        let store = store?;
        Ok(store.inner.is_marked().await?.then(|| Opened::Async(Arc::new(store))))
    })
}

/// Opens the store through a client; without one, through that of the usual AWS chain.
pub(crate) fn open_through(address: &Address, client: Option<Client>) -> Result<Opened> {
    Ok(Opened::Async(Arc::new(store(address, client)?)))
}

fn store(address: &Address, client: Option<Client>) -> Result<AsyncS3Storage> {
    let (bucket, prefix) = place(address)?;
    let mut builder = AsyncS3Storage::builder(bucket).ttl(address.duration("ttl")?);
    builder.client = client;
    builder.codec = codec_of(address)?;
    builder.prefix = prefix.unwrap_or_else(|| DEFAULT_PREFIX.to_owned());
    builder.settings = settings(address)?;
    builder.build()
}

/// The bucket that an address names, and the prefix if it names one.
#[cfg(feature = "foreign")]
pub(crate) fn bucket(
    address: &Address,
    client: Option<Client>,
) -> Result<(Bucket, Option<String>)> {
    let (bucket, prefix) = place(address)?;
    Ok((Bucket::new(bucket, settings(address)?, client), prefix))
}

fn settings(address: &Address) -> Result<Settings> {
    let text = |name| address.param(name).filter(|value| !value.is_empty()).map(str::to_owned);
    let settings = Settings {
        region: text("region"),
        endpoint: text("endpoint"),
        profile: text("profile"),
        path_style: address.flag("path_style")?,
        plain_checksums: match address.param("checksum") {
            None => None,
            Some("when_required") => Some(true),
            Some("when_supported") => Some(false),
            Some(other) => {
                return Err(address.refuse(&format!(
                    "checksum is when_required or when_supported, not {other:?}"
                )));
            }
        },
    };
    if let Some(endpoint) = &settings.endpoint
        && !(endpoint.starts_with("http://") || endpoint.starts_with("https://"))
    {
        return Err(address
            .refuse("an endpoint is a URL")
            .try_this(format!("endpoint=https://{endpoint}")));
    }
    Ok(settings)
}

/// Bucket and prefix; a path is a prefix that ends with a slash.
fn place(address: &Address) -> Result<(String, Option<String>)> {
    let example = "s3://BUCKET or s3://BUCKET/PREFIX";
    let Some(rest) = address.location().and_then(|location| location.strip_prefix("//")) else {
        return Err(address.refuse("the bucket is missing").try_this(example));
    };
    let (bucket, path) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.contains('@') {
        return Err(address
            .refuse("credentials do not belong into an address")
            .try_this("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or profile=NAME"));
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if bucket.is_empty() || !bucket.chars().all(is_name) {
        return Err(address.refuse("that is no name of a bucket").try_this(example));
    }
    let path = String::from_utf8(percent_decode(path.as_bytes()))
        .map_err(|_| address.refuse("its path is not UTF-8"))?;
    let path = (!path.is_empty()).then(|| format!("{}/", path.trim_end_matches('/')));
    let prefix = match (address.param("prefix"), path) {
        (Some(_), Some(_)) => {
            return Err(address.refuse("it has a prefix in its path and one in prefix="));
        }
        (prefix, path) => prefix.map(str::to_owned).or(path),
    };
    Ok((bucket.to_owned(), prefix))
}
