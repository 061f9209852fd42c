//! What the errors of S3 mean, and what helps.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::error::{Error, ErrorKind};

/// What was asked of the server: a permission's name and what it was needed for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub action: &'static str,
    pub bucket: &'a str,
    pub key: &'a str,
    pub endpoint: Option<&'a str>,
}

impl Asked<'_> {
    fn place(&self) -> String {
        format!("s3://{}/{}", self.bucket, self.key)
    }

    fn server(&self) -> String {
        match self.endpoint {
            Some(endpoint) => endpoint.to_owned(),
            None => format!("S3, for the bucket {}", self.bucket),
        }
    }
}

/// Whether an object is not there; a bucket that is not there is something else.
pub(super) fn is_absent<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let status = error.raw_response().map(|r| r.status().as_u16());
    match error.code() {
        Some("NoSuchKey" | "NotFound") => true,
        Some(_) => false,
        None => status == Some(404),
    }
}

/// Whether an object has none of the bytes that were asked for.
#[cfg(feature = "foreign")]
pub(super) fn is_beyond<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    error.code() == Some("InvalidRange")
}

/// Whether the condition of a request did not hold, or another writer was faster.
pub(super) fn is_unmet<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let status = error.raw_response().map(|r| r.status().as_u16());
    matches!(error.code(), Some("PreconditionFailed" | "ConditionalRequestConflict"))
        || matches!(status, Some(409 | 412)) && error.code() != Some("OperationAborted")
        || (error.code() == Some("NoSuchKey") && matches!(error, SdkError::ServiceError(_)))
}

/// Whether the server does not know conditions of this kind.
pub(super) fn is_unknown(error: &Error) -> bool {
    error.code() == "not_implemented"
}

/// Whether the user may not do this.
pub(super) fn is_denied(error: &Error) -> bool {
    error.code() == "store_denied"
}

/// Whether a server does not know a request of this kind, or does not take it as it is: some have
/// no `DeleteObjects`, some want a `Content-MD5` in it, which the SDK no longer sends.
pub(super) fn is_unsupported<E>(error: &SdkError<E, HttpResponse>) -> bool
where
    E: ProvideErrorMetadata,
{
    const CODES: [&str; 9] = [
        "NotImplemented",
        "MethodNotAllowed",
        "InvalidRequest",
        "InvalidArgument",
        "InvalidDigest",
        "BadDigest",
        "MissingContentMD5",
        "MissingContentLength",
        "MalformedXML",
    ];
    let SdkError::ServiceError(answer) = error else { return false };
    let status = answer.raw().status().as_u16();
    matches!(status, 405 | 411 | 501)
        || answer.err().code().is_some_and(|code| CODES.contains(&code))
        || (status == 400 && answer.err().code().is_none())
}

/// The error of a request.
pub(super) fn explain<E>(error: SdkError<E, HttpResponse>, asked: &Asked<'_>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let status = error.raw_response().map(|r| r.status().as_u16());
    let region = error
        .raw_response()
        .and_then(|r| r.headers().get("x-amz-bucket-region"))
        .map(str::to_owned);
    match &error {
        SdkError::ServiceError(_) => {
            let code = error.code().map_or_else(|| by_status(status).to_owned(), str::to_owned);
            let message = error.message().unwrap_or_default().to_owned();
            let message = match region {
                Some(region) => format!("{message} (the bucket is in {region})"),
                None => message,
            };
            by_code(&code, message.trim(), asked)
        }
        SdkError::TimeoutError(_) => timed_out(asked),
        SdkError::DispatchFailure(failure) => {
            let text = chain(&error);
            // Whoever hands out credentials is slow or refuses too, and is not the server.
            if is_about_credentials(&error) {
                return no_credentials(asked, &text);
            }
            if failure.is_timeout() || text.contains("timed out") || text.contains("timeout") {
                return timed_out(asked);
            }
            dispatch(asked, &text)
        }
        SdkError::ConstructionFailure(_) => {
            let text = chain(&error);
            if is_about_credentials(&error) {
                return no_credentials(asked, &text);
            }
            Error::usage(format!("{} cannot be asked for {}", asked.server(), asked.place()))
                .because(text)
        }
        _ => Error::store(format!("the answer of {} cannot be understood", asked.server()))
            .because(chain(&error))
            .coded("store_failed")
            .passing()
            .try_this("is it an S3 server? endpoint= names it"),
    }
}

/// Answers without a body, as to HEAD, have a status only.
fn by_status(status: Option<u16>) -> &'static str {
    match status {
        Some(301 | 307) => "PermanentRedirect",
        Some(403) => "AccessDenied",
        Some(404) => "NoSuchBucket",
        Some(416) => "InvalidRange",
        Some(429 | 503) => "SlowDown",
        Some(501) => "NotImplemented",
        _ => "",
    }
}

/// The error of an answer with this code, in our words.
pub(super) fn by_code(code: &str, message: &str, asked: &Asked<'_>) -> Error {
    let bucket = asked.bucket;
    let said = if message.is_empty() { code.to_owned() } else { format!("{code}: {message}") };
    let error = |what: String| Error::store(what).because(said.clone());
    match code {
        "NoSuchBucket" => error(format!("there is no bucket {bucket} at {}", asked.server()))
            .coded("store_missing")
            .try_this("the right name, or create it: aws s3 mb s3://NAME"),
        "AccessDenied" | "AllAccessDisabled" | "AccountProblem" => {
            let hint = if asked.action == "s3:GetObject" {
                "the permissions s3:GetObject and s3:ListBucket; without the second an absent object looks like a forbidden one".to_owned()
            } else {
                format!("the permission {}", asked.action)
            };
            error(format!("not allowed: {} on {}", asked.action, asked.place()))
                .coded("store_denied")
                .try_this(hint)
        }
        "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "InvalidToken"
        | "AuthorizationHeaderMalformed"
            if !message.contains("region") =>
        {
            error(format!("the credentials are not accepted by {}", asked.server()))
                .coded("store_denied")
                .try_this(
                    "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or profile=",
                )
        }
        "ExpiredToken" | "TokenRefreshRequired" | "ExpiredTokenException" => {
            error(format!("the session token for {} has expired", asked.server()))
                .coded("store_denied")
                .try_this("log in again, such as with: aws sso login")
        }
        "RequestTimeTooSkewed" | "RequestExpired" => {
            error(format!("the clocks of this machine and of {} differ", asked.server()))
                .coded("clock_skew")
                .try_this("set this machine's clock; S3 allows fifteen minutes")
        }
        "PermanentRedirect"
        | "IllegalLocationConstraintException"
        | "AuthorizationHeaderMalformed"
        | "TemporaryRedirect"
        | "IncorrectEndpoint" => error(format!("the bucket {bucket} is in another region"))
            .coded("wrong_region")
            .try_this("region=NAME as the cause says, or AWS_REGION"),
        // More was asked for than there is, as the head of an entry has told.
        "InvalidRange" => Error::codec(format!("{} is too short", asked.place()))
            .because(said.clone())
            .coded("body_length"),
        "SlowDown"
        | "ServiceUnavailable"
        | "InternalError"
        | "RequestTimeout"
        | "Throttling"
        | "TooManyRequests"
        | "RequestLimitExceeded" => error(format!("{} is overloaded", asked.server()))
            .coded("store_busy")
            .passing()
            .try_this("a little later, or fewer requests at a time"),
        "NotImplemented" => {
            error(format!("{} cannot do that", asked.server())).coded("not_implemented")
        }
        "QuotaExceeded" | "StorageFull" | "XMinioStorageFull" => {
            error(format!("no room left at {}", asked.server()))
                .coded("no_space")
                .try_this("remove something, or another bucket")
        }
        _ => error(format!("{} failed on {}", asked.action, asked.place())).coded("store_failed"),
    }
}

/// Whether any layer of the error is one of finding credentials.
fn is_about_credentials(error: &dyn std::error::Error) -> bool {
    let mut layers = std::iter::successors(Some(error), |layer| layer.source());
    layers.any(|layer| {
        let text = layer.to_string();
        text.contains("credential") || text.contains("identity")
    })
}

fn timed_out(asked: &Asked<'_>) -> Error {
    Error::store(format!("no answer from {}", asked.server()))
        .because("timed out")
        .coded("store_unreachable")
        .passing()
        .try_this("is it the right endpoint or region, and is it busy?")
}

fn no_credentials(asked: &Asked<'_>, text: &str) -> Error {
    // What was tried is a list of all the chain's links.
    let cause = text.split(". Attempted").next().unwrap_or(text);
    Error::store(format!("no credentials for {}", asked.server()))
        .because(cause.trim_start_matches("the credential provider was not enabled: ").to_owned())
        .coded("store_denied")
        .try_this("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile: profile=NAME")
}

fn dispatch(asked: &Asked<'_>, text: &str) -> Error {
    if text.contains("certificate") || text.contains("UnknownIssuer") {
        return Error::store(format!("the certificate of {} is not trusted", asked.server()))
            .because(text.to_owned())
            .coded("store_untrusted")
            .try_this("SSL_CERT_FILE with the certificate of its authority");
    }
    Error::store(format!("{} cannot be reached", asked.server()))
        .because(text.to_owned())
        .coded("store_unreachable")
        .passing()
        .try_this("the right endpoint= and region=, and the way there")
}

/// A body that broke off.
pub(super) fn broken(
    error: impl std::error::Error + Send + Sync + 'static,
    asked: &Asked<'_>,
) -> Error {
    Error::new(ErrorKind::Store, format!("{} broke off", asked.place()))
        .because(error)
        .coded("store_unreachable")
        .passing()
}

/// The causes of an error, innermost last, without the wrappers' own words.
fn chain(error: &dyn std::error::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
        next = cause.source();
    }
    // The outer layers only say that something went wrong.
    let inner = parts.len().saturating_sub(2);
    if parts.is_empty() { error.to_string() } else { parts[inner..].join(": ") }
}
