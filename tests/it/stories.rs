//! The example of the shared stores, on servers of the tests' own. What it does with the
//! defaults, `scripts/conformance.sh` runs.

#[path = "../../examples/stores/stories.rs"]
#[allow(dead_code, reason = "the defaults need servers at fixed places")]
mod example;

use crate::testkit::redis::RedisServer;
use crate::testkit::s3::{BUCKET, Bucket};

#[test]
fn redis_in_both_colours() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = RedisServer::start(folder.path());
    let client = redis::Client::open(server.address()).expect("a client");
    example::redis_by_hand(client.clone()).expect("blocking");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(example::redis_by_hand_async(client)).expect("async");
}

#[test]
fn s3_in_both_colours() {
    let folder = tempfile::tempdir().expect("a folder");
    let bucket = Bucket::start(folder.path());
    example::s3_by_hand(BUCKET, bucket.client()).expect("blocking");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(example::s3_by_hand_async(BUCKET, bucket.client())).expect("async");
}
