//! The library on the two shared stores. Needs a Redis on this machine, and a bucket that
//! the AWS chain has credentials for:
//!
//! ```text
//! cargo run --example stores -- BUCKET
//! ```

mod stories;

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let bucket = std::env::args().nth(1).ok_or("which bucket?")?;
    let redis = redis::Client::open("redis://localhost:6379/1")?;
    stories::redis_by_default()?;
    stories::redis_by_hand(redis.clone())?;
    stories::s3_by_default(&bucket)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let chain = runtime.block_on(async {
        let tls = aws_smithy_http_client::tls::Provider::Rustls(
            aws_smithy_http_client::tls::rustls_provider::CryptoMode::Ring,
        );
        let http = aws_smithy_http_client::Builder::new().tls_provider(tls).build_https();
        let latest = aws_config::BehaviorVersion::latest();
        aws_config::defaults(latest).http_client(http).load().await
    });
    let config = aws_sdk_s3::config::Builder::from(&chain).force_path_style(true).build();
    let client = aws_sdk_s3::Client::from_conf(config);
    stories::s3_by_hand(&bucket, client.clone())?;
    runtime.block_on(async {
        stories::redis_by_default_async().await?;
        stories::redis_by_hand_async(redis).await?;
        stories::s3_by_default_async(&bucket).await?;
        stories::s3_by_hand_async(&bucket, client).await
    })?;
    Ok(())
}
