//! An S3 server in the test process, on a runtime of its own.

#[path = "../../../examples/s3/server.rs"]
pub mod server;

use std::path::Path;

use cachectl::Address;
use server::{ACCESS_KEY, S3Server, SECRET_KEY, Switches};
use tokio::runtime::{Builder, Runtime};

/// A server with one bucket; it ends with this value.
pub struct Bucket {
    pub server: S3Server,
    runtime: Option<Runtime>,
}

pub const BUCKET: &str = "bucket";

impl Bucket {
    /// A server over this folder.
    pub fn start(folder: &Path) -> Self {
        Self::with(folder, Switches::default())
    }

    pub fn with(folder: &Path, switches: Switches) -> Self {
        let runtime =
            Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let started = S3Server::start(folder, &[BUCKET], 0, switches);
        let server = runtime.block_on(started).expect("an S3 server");
        Bucket { server, runtime: Some(runtime) }
    }

    pub fn endpoint(&self) -> String {
        format!("http://{}", self.server.address)
    }

    pub fn address(&self) -> String {
        format!("s3://{BUCKET}?endpoint={}", self.endpoint())
    }

    /// A client with this server's credentials.
    pub fn client(&self) -> aws_sdk_s3::Client {
        client(Some(&self.endpoint()))
    }
}

/// Does not wait, which is not allowed in the middle of a test's own runtime.
impl Drop for Bucket {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The environment that a program needs to use the server.
pub fn environment() -> [(&'static str, &'static str); 3] {
    [
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]
}

/// A client of the SDK for a server at this endpoint.
pub fn client(endpoint: Option<&str>) -> aws_sdk_s3::Client {
    use aws_sdk_s3::config::retry::RetryConfig;
    use aws_sdk_s3::config::{
        BehaviorVersion, Credentials, Region, RequestChecksumCalculation,
        ResponseChecksumValidation,
    };
    let tls = aws_smithy_http_client::tls::Provider::Rustls(
        aws_smithy_http_client::tls::rustls_provider::CryptoMode::Ring,
    );
    let http = aws_smithy_http_client::Builder::new().tls_provider(tls).build_https();
    let mut config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test"))
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .retry_config(RetryConfig::standard().with_max_attempts(8))
        .force_path_style(true);
    if let Some(endpoint) = endpoint {
        config = config.endpoint_url(endpoint);
    }
    aws_sdk_s3::Client::from_conf(config.build())
}

/// The bucket that a run names for the conformance cases; else a place has one of its own.
pub fn given() -> Option<Address> {
    let address = std::env::var("CACHECTL_TEST_S3").ok()?;
    Some(address.parse().expect("CACHECTL_TEST_S3 is an address"))
}
