//! Request bodies, read within a limit.

use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Request};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;

use crate::web::problem::{BAD_JSON, BAD_REQUEST, Refusal, TOO_LARGE, UNSUPPORTED};

/// How much of a body that is too large is read and thrown away, in bytes. A client that is cut off while it still
/// sends may never read why.
const DRAINED: usize = 16 * 1024 * 1024;

/// Reads a body of at most `most` bytes that is not compressed.
pub(crate) async fn read(request: Request<Body>, most: usize) -> Result<Vec<u8>, Refusal> {
    if request.headers().contains_key(CONTENT_ENCODING) {
        return Err(UNSUPPORTED.because("send the body as it is, without Content-Encoding"));
    }
    read_packed(request, most).await
}

/// Whether a body is compressed with zstd. Any other compression is refused.
pub(crate) fn is_zstd(headers: &HeaderMap) -> Result<bool, Refusal> {
    match headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None => Ok(false),
        Some(encoding) if encoding.eq_ignore_ascii_case(b"zstd") => Ok(true),
        Some(_) => Err(UNSUPPORTED.because("send the body as it is, or with Content-Encoding: zstd")),
    }
}

/// Reads a body of at most `most` bytes as they come, compressed or not.
pub(crate) async fn read_packed(request: Request<Body>, most: usize) -> Result<Vec<u8>, Refusal> {
    let too_large = || TOO_LARGE.because(format!("the body is larger than {most} bytes"));
    let told = length(request.headers());
    let body = request.into_body();
    if told.is_some_and(|length| length > most) {
        drain(body).await;
        return Err(too_large());
    }
    // A body of unknown length is refused as soon as it grows too large.
    match to_bytes(body, most).await {
        Ok(bytes) => Ok(bytes.into()),
        Err(error) if is_length_limit(&error) => Err(too_large()),
        Err(_) => Err(BAD_REQUEST.because("the body broke off")),
    }
}

/// Reads a JSON body of at most `most` bytes.
pub(crate) async fn json<T: DeserializeOwned>(request: Request<Body>, most: usize) -> Result<T, Refusal> {
    require_json(request.headers())?;
    let bytes = read(request, most).await?;
    serde_json::from_slice(&bytes).map_err(|error| BAD_JSON.because(error.to_string()))
}

/// Refuses a body that says to be something else than JSON.
pub(crate) fn require_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    if essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
        Ok(())
    } else {
        Err(UNSUPPORTED.because("send the body as application/json"))
    }
}

/// The length of the body, as told.
pub(crate) fn length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

async fn drain(body: Body) {
    let mut stream = body.into_data_stream();
    let mut drained = 0;
    while drained < DRAINED {
        match stream.next().await {
            Some(Ok(bytes)) => drained += bytes.len(),
            _ => break,
        }
    }
}

fn is_length_limit(error: &axum::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.to_string().contains("length limit"))
}
