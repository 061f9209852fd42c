//! An S3 server over a folder, with switches for what goes wrong on real ones.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpError};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// What goes wrong; the default is nothing.
#[derive(Debug, Clone, Default)]
pub struct Switches {
    /// Each so-many-th request is answered with 503 `SlowDown`.
    pub fail_every: Option<u64>,
    /// Each so-many-th request is answered with this.
    pub refuses_every: Option<(u64, Refusal)>,
    /// Removing several objects with one request is answered with this error.
    pub refuses_bulk: Option<Refusal>,
    /// A connection is torn down once so many bytes went out.
    pub break_after: Option<u64>,
    /// Each answer comes so much later.
    pub delay: Duration,
    /// No request is answered at all.
    pub hangs: bool,
    /// `If-Match` is refused, also with the right tag.
    pub no_if_match: bool,
    /// Conditions are not implemented.
    pub no_conditions: bool,
    /// Every request that writes is answered with this error.
    pub refuses_writes: Option<Refusal>,
    /// Every request is answered with this error.
    pub refuses: Option<Refusal>,
}

/// An error document as the service sends it.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub status: u16,
    pub code: String,
    pub message: String,
    /// `x-amz-bucket-region`.
    pub region: Option<String>,
}

/// The only credentials it knows.
pub const ACCESS_KEY: &str = "testak";
pub const SECRET_KEY: &str = "testsecret";

/// A server that answers until its runtime ends.
pub struct S3Server {
    pub address: SocketAddr,
    /// Method and path of every request.
    pub log: Arc<Mutex<Vec<String>>>,
    /// Keys, from their end, that nobody may write; can be changed at any time.
    pub denied: Arc<Mutex<Vec<String>>>,
}

impl S3Server {
    /// Serves the buckets that are folders here, each made when it is named.
    pub async fn start(
        folder: &Path,
        buckets: &[&str],
        port: u16,
        switches: Switches,
    ) -> io::Result<Self> {
        for bucket in buckets {
            std::fs::create_dir_all(folder.join(bucket))?;
        }
        let files =
            s3s_fs::FileSystem::new(folder).map_err(|e| io::Error::other(format!("{e:?}")))?;
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(s3s::auth::SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let server = S3Server {
            address: listener.local_addr()?,
            log: Arc::default(),
            denied: Arc::default(),
        };
        let shared = Arc::new(Shared {
            service: builder.build(),
            switches,
            buckets: buckets.iter().map(|&bucket| bucket.to_owned()).collect(),
            requests: AtomicU64::new(0),
            log: Arc::clone(&server.log),
            denied: Arc::clone(&server.denied),
        });
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let _ = socket.set_nodelay(true);
                tokio::spawn(serve(Arc::clone(&shared), socket));
            }
        });
        Ok(server)
    }
}

struct Shared {
    service: S3Service,
    switches: Switches,
    buckets: BTreeSet<String>,
    requests: AtomicU64,
    log: Arc<Mutex<Vec<String>>>,
    denied: Arc<Mutex<Vec<String>>>,
}

impl Shared {
    fn is_denied(&self, path: &str) -> bool {
        self.denied.lock().is_ok_and(|denied| denied.iter().any(|key| path.ends_with(&**key)))
    }
}

async fn serve(shared: Arc<Shared>, socket: TcpStream) {
    let socket = Breaking { socket, left: shared.switches.break_after };
    let service = service_fn(move |request| answer(Arc::clone(&shared), request));
    let _ =
        Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await;
}

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Body>, HttpError> {
    let switches = &shared.switches;
    let number = shared.requests.fetch_add(1, Ordering::Relaxed) + 1;
    if let Ok(mut log) = shared.log.lock() {
        log.push(format!("{} {}", request.method(), request.uri()));
    }
    if switches.hangs {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(switches.delay).await;
    let writes = !matches!(request.method().as_str(), "GET" | "HEAD");
    let refusal = switches.refuses.as_ref();
    let refusal = refusal.or(switches.refuses_writes.as_ref().filter(|_| writes));
    if let Some(refusal) = refusal {
        return Ok(refusal.response(request.method() == "HEAD"));
    }
    if writes && shared.is_denied(request.uri().path()) {
        return Ok(error(403, "AccessDenied", "Access Denied"));
    }
    if switches.fail_every.is_some_and(|every| number.is_multiple_of(every)) {
        return Ok(error(503, "SlowDown", "Please reduce your request rate."));
    }
    if let Some((every, refusal)) = &switches.refuses_every
        && number.is_multiple_of(*every)
    {
        return Ok(refusal.response(request.method() == "HEAD"));
    }
    let is_bulk = request.uri().query().is_some_and(|query| query.split('&').any(is_delete));
    if let Some(refusal) = switches.refuses_bulk.as_ref().filter(|_| is_bulk) {
        return Ok(refusal.response(false));
    }
    let bucket = request.uri().path().split('/').nth(1).unwrap_or_default();
    if !bucket.is_empty() && !shared.buckets.contains(bucket) {
        return Ok(error(404, "NoSuchBucket", "The specified bucket does not exist"));
    }
    let has = |name: &str| request.headers().contains_key(name);
    if has("if-match") && switches.no_if_match {
        return Ok(error(412, "PreconditionFailed", "At least one condition did not hold"));
    }
    if (has("if-match") || has("if-none-match")) && switches.no_conditions {
        return Ok(error(501, "NotImplemented", "A header you provided is not implemented"));
    }
    shared.service.call(request.map(Body::from)).await
}

fn is_delete(part: &str) -> bool {
    part == "delete" || part == "delete="
}

impl Refusal {
    pub fn new(status: u16, code: &str, message: &str) -> Self {
        Refusal { status, code: code.to_owned(), message: message.to_owned(), region: None }
    }

    fn response(&self, is_head: bool) -> Response<Body> {
        let mut response = error(self.status, &self.code, &self.message);
        if let Some(region) = self.region.as_deref().and_then(|r| r.parse().ok()) {
            response.headers_mut().insert("x-amz-bucket-region", region);
        }
        if is_head {
            *response.body_mut() = Body::empty();
        }
        response
    }
}

fn error(status: u16, code: &str, message: &str) -> Response<Body> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code>\
         <Message>{message}</Message><RequestId>4442587FB7D0A2F9</RequestId></Error>"
    );
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    let xml = hyper::header::HeaderValue::from_static("application/xml");
    response.headers_mut().insert("content-type", xml);
    response
}

/// A connection that breaks when so many bytes went out.
struct Breaking {
    socket: TcpStream,
    left: Option<u64>,
}

impl AsyncRead for Breaking {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl AsyncWrite for Breaking {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.left == Some(0) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let most = self.left.map_or(bytes.len(), |left| bytes.len().min(left as usize));
        let written = Pin::new(&mut self.socket).poll_write(context, &bytes[..most]);
        if let (Poll::Ready(Ok(n)), Some(left)) = (&written, &mut self.left) {
            *left -= *n as u64;
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
