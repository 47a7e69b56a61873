//! A part of a file as the body of a request: read while it is sent.

use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use data_encoding::BASE64;
use hyper::body::{Body, Frame, SizeHint};
use md5::{Digest as _, Md5};
use ring::digest::{Context as Hash, SHA256};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt, ReadBuf};

use super::super::error::EvidenceError;
use super::super::vault::CHUNK;

/// A part of a file on this machine.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) path: PathBuf,
    pub(super) offset: u64,
    pub(super) length: u64,
}

/// What a server checks the bytes of a body against, in Base64.
#[derive(Clone, Debug)]
pub(super) struct Sums {
    pub(super) md5: String,
    pub(super) sha256: String,
}

/// The bytes of a part on their way.
pub(super) struct PartBody {
    file: File,
    left: u64,
    chunk: Box<[u8]>,
}

impl Sums {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self {
            md5: BASE64.encode(&Md5::digest(bytes)),
            sha256: BASE64.encode(ring::digest::digest(&SHA256, bytes).as_ref()),
        }
    }
}

impl Part {
    /// The sums of its bytes.
    pub(super) async fn sums(&self) -> Result<Sums, EvidenceError> {
        let mut body = self.body().await?;
        let (mut md5, mut sha256) = (Md5::new(), Hash::new(&SHA256));
        while body.left > 0 {
            let wanted = body.wanted();
            let read = body.file.read(&mut body.chunk[..wanted]).await;
            let count = read.and_then(not_short).map_err(failed(&self.path))?;
            md5.update(&body.chunk[..count]);
            sha256.update(&body.chunk[..count]);
            body.left -= count as u64;
        }
        Ok(Sums {
            md5: BASE64.encode(&md5.finalize()),
            sha256: BASE64.encode(sha256.finish().as_ref()),
        })
    }

    /// Opens the file for one sending.
    pub(super) async fn body(&self) -> Result<PartBody, EvidenceError> {
        let mut file = File::open(&self.path).await.map_err(failed(&self.path))?;
        file.seek(SeekFrom::Start(self.offset))
            .await
            .map_err(failed(&self.path))?;
        Ok(PartBody {
            file,
            left: self.length,
            chunk: vec![0; CHUNK].into(),
        })
    }
}

impl PartBody {
    fn wanted(&self) -> usize {
        usize::try_from(self.left).map_or(CHUNK, |left| left.min(CHUNK))
    }
}

impl Body for PartBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.get_mut();
        if this.left == 0 {
            return Poll::Ready(None);
        }
        let wanted = this.wanted();
        let mut buffer = ReadBuf::new(&mut this.chunk[..wanted]);
        let read = ready!(Pin::new(&mut this.file).poll_read(context, &mut buffer));
        let read = read.and_then(|()| not_short(buffer.filled().len()));
        Poll::Ready(Some(read.map(|count| {
            this.left -= count as u64;
            Frame::data(Bytes::copy_from_slice(&this.chunk[..count]))
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Refuses the end of a file where there should be more.
fn not_short(count: usize) -> io::Result<usize> {
    if count == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(count)
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> EvidenceError {
    let path = path.to_owned();
    move |error| EvidenceError::io("read", &path, error)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn a_part_is_its_bytes_and_no_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let bytes: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        std::fs::write(&path, &bytes).unwrap();
        let part = Part {
            path: path.clone(),
            offset: 1_000,
            length: 150_000,
        };
        let sums = part.sums().await.unwrap();
        assert_eq!(sums.sha256, Sums::of(&bytes[1_000..151_000]).sha256);
        assert_eq!(sums.md5, Sums::of(&bytes[1_000..151_000]).md5);
        let mut body = part.body().await.unwrap();
        assert_eq!(body.size_hint().exact(), Some(150_000));
        let mut sent = Vec::new();
        while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            sent.extend_from_slice(&frame.unwrap().into_data().unwrap());
        }
        assert_eq!(sent, bytes[1_000..151_000]);
        let short = Part {
            length: 1_000_000,
            ..part
        };
        assert!(short.sums().await.is_err());
    }
}
