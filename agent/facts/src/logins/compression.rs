//! Compressed logs, told by their first bytes.

use std::fs::File;
use std::io::{BufReader, Read};

use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;

/// Most memory for one xz stream: what `xz -9` asks for and a little.
const XZ_MEMORY_KIB: u32 = 72 * 1024;

/// Largest window of a Zstandard stream, which it holds in memory: what `zstd -19` asks for.
const LARGEST_WINDOW: u64 = 8 * 1024 * 1024;

/// How a file is compressed, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Bzip2,
    Gzip,
    Xz,
    Zstandard,
}

impl Compression {
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        if head.starts_with(&[0x1f, 0x8b]) {
            return Some(Self::Gzip);
        }
        // The digit tells the size of a block, of at most 900 kB.
        if head.starts_with(b"BZh") && head.get(3).is_some_and(|size| matches!(size, b'1'..=b'9')) {
            return Some(Self::Bzip2);
        }
        if head.starts_with(b"\xfd7zXZ\0") {
            return Some(Self::Xz);
        }
        head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
            .then_some(Self::Zstandard)
    }

    /// What comes out of `file`, which stands at its start.
    pub(super) fn inflate(self, file: &File) -> std::io::Result<Box<dyn Read + '_>> {
        let input = BufReader::new(file);
        Ok(match self {
            Self::Bzip2 => Box::new(MultiBzDecoder::new(input)),
            Self::Gzip => Box::new(MultiGzDecoder::new(input)),
            Self::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(input, true, XZ_MEMORY_KIB)),
            Self::Zstandard => {
                let decoder =
                    ruzstd::decoding::StreamingDecoder::new_with_max_window_size(input, LARGEST_WINDOW);
                Box::new(decoder.map_err(std::io::Error::other)?)
            }
        })
    }
}
