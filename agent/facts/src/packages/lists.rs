//! Package lists as apt keeps them: plain or compressed, read as a stream so that memory stays small whatever their
//! size.

use std::cell::RefCell;
use std::io::{self, BufReader, Read};

use crate::host::{Host, ReadError};

use super::control::Stanzas;

/// Where apt keeps them.
pub const DIRECTORY: &str = "/var/lib/apt/lists";

/// Largest list taken, in uncompressed bytes. Debian's largest has some 60 MB, Ubuntu's some 80 MB.
const LARGEST_LIST: u64 = 1024 * 1024 * 1024;

/// Most memory that a compressed list may ask for, in bytes: the window that RFC 8878 (3.1.1.1.2) has every Zstandard
/// decoder support, and that of `xz -6`, which archives use.
const LARGEST_WINDOW: u64 = 8 * 1024 * 1024;

/// Memory an xz decoder may take for a window of that size, in KiB.
const XZ_MEMORY_KIB: u32 = 10 * 1024;

/// How a list is compressed, apt.conf(5) `Acquire::CompressionTypes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// LZ4 frames.
    Lz4,
    /// gzip, RFC 1952.
    Gzip,
    /// xz.
    Xz,
    /// Zstandard, RFC 8878.
    Zstd,
}

impl Compression {
    /// Every one that is read, with the ending of the file's name.
    pub const ALL: [(Self, &str); 5] = [
        (Self::None, ""),
        (Self::Lz4, ".lz4"),
        (Self::Gzip, ".gz"),
        (Self::Xz, ".xz"),
        (Self::Zstd, ".zst"),
    ];
}

/// Why a list was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// It could not be opened.
    #[error(transparent)]
    Open(#[from] ReadError),
    /// It can't be uncompressed, or ends too early.
    #[error("{0}")]
    Damaged(#[from] io::Error),
    /// It is not as long as its archive's release file says.
    #[error("{actual} bytes long where the release file says {expected}")]
    Size {
        /// What the release file says.
        expected: u64,
        /// What was read.
        actual: u64,
    },
}

/// Gives each stanza of a list to `visit`; how many there were, and how many were too large to be taken. `size` is what
/// the release file says of the whole.
pub fn read(
    host: &Host,
    file_name: &str,
    compression: Compression,
    size: Option<u64>,
    visit: impl FnMut(&[u8]),
) -> Result<(usize, usize), ListError> {
    let file = host.open_file(format!("{DIRECTORY}/{file_name}"))?;
    stream(file, compression, size, visit)
}

fn stream(
    file: impl Read,
    compression: Compression,
    size: Option<u64>,
    mut visit: impl FnMut(&[u8]),
) -> Result<(usize, usize), ListError> {
    let tail = RefCell::new(Tail::default());
    let input = BufReader::with_capacity(64 * 1024, file);
    let input: Box<dyn Read + '_> = match compression {
        Compression::None => Box::new(input),
        Compression::Lz4 => {
            let watched = Watched { input, tail: &tail };
            Box::new(lz4_flex::frame::FrameDecoder::new(watched))
        }
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(input)),
        Compression::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(input, true, XZ_MEMORY_KIB)),
        Compression::Zstd => {
            let decoder = ruzstd::decoding::StreamingDecoder::new_with_max_window_size(input, LARGEST_WINDOW);
            Box::new(decoder.map_err(io::Error::other)?)
        }
    };
    let mut stanzas = Stanzas::new(input.take(LARGEST_LIST + 1));
    let mut count = 0;
    while let Some(stanza) = stanzas.next()? {
        count += 1;
        visit(stanza);
    }
    let actual = stanzas.total();
    if actual > LARGEST_LIST {
        return Err(io::Error::other(format!("longer than {LARGEST_LIST} bytes")).into());
    }
    if compression == Compression::Lz4 && !tail.borrow().ends_a_frame() {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    match size {
        Some(expected) if expected != actual => Err(ListError::Size { expected, actual }),
        _ => Ok((count, stanzas.too_large())),
    }
}

/// The beginning and the end of an LZ4 stream. Its decoder takes a stream cut between two blocks for a whole one.
#[derive(Debug, Default)]
struct Tail {
    head: Vec<u8>,
    last: [u8; 8],
}

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        let missing = 5_usize.saturating_sub(self.head.len());
        self.head.extend(bytes.iter().take(missing));
        for byte in bytes.iter().skip(bytes.len().saturating_sub(8)) {
            self.last.rotate_left(1);
            if let Some(last) = self.last.last_mut() {
                *last = *byte;
            }
        }
    }

    /// A frame ends with four zero bytes, and a checksum of four after them where bit 2 of its flags says so.
    /// <https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md>
    fn ends_a_frame(&self) -> bool {
        let checksum = self.head.get(4).is_some_and(|flags| flags & 0b100 != 0);
        let [a, b, c, d, e, f, g, h] = self.last;
        self.head.len() == 5 && (if checksum { [a, b, c, d] } else { [e, f, g, h] }) == [0; 4]
    }
}

struct Watched<'t, R> {
    input: R,
    tail: &'t RefCell<Tail>,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.tail
            .borrow_mut()
            .push(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn names(bytes: &[u8], compression: Compression, size: Option<u64>) -> Result<usize, ListError> {
        stream(bytes, compression, size, |_| ()).map(|(count, _)| count)
    }

    /// A list of `count` packages.
    fn list(count: usize) -> Vec<u8> {
        (0..count)
            .flat_map(|n| format!("Package: p{n}\nVersion: {n}\n\n").into_bytes())
            .collect()
    }

    fn lz4(bytes: &[u8], checksum: bool) -> Vec<u8> {
        // As apt writes it: linked blocks of 64 KiB.
        let info = lz4_flex::frame::FrameInfo::new()
            .block_size(lz4_flex::frame::BlockSize::Max64KB)
            .block_mode(lz4_flex::frame::BlockMode::Linked)
            .content_checksum(checksum);
        let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// Ten packages, `p0` to `p9`, as written by `xz -6` and `zstd -19`.
    const XZ: &[u8] = include_bytes!("fixtures/Packages.xz");
    const ZSTD: &[u8] = include_bytes!("fixtures/Packages.zst");

    #[test]
    fn every_compression_is_read_and_held_to_the_size_of_the_release_file() {
        let plain = list(10);
        let size = plain.len() as u64;
        for (bytes, compression) in [
            (plain.clone(), Compression::None),
            (lz4(&plain, false), Compression::Lz4),
            (lz4(&plain, true), Compression::Lz4),
            (gzip(&plain), Compression::Gzip),
            (XZ.to_vec(), Compression::Xz),
            (ZSTD.to_vec(), Compression::Zstd),
        ] {
            assert_eq!(
                names(&bytes, compression, Some(size)).unwrap(),
                10,
                "{compression:?}"
            );
            let wrong = names(&bytes, compression, Some(size + 1));
            assert!(matches!(wrong, Err(ListError::Size { .. })), "{compression:?}");
        }
    }

    #[test]
    fn a_list_cut_anywhere_is_damaged() {
        // Several blocks, so that some cuts fall between two.
        let plain = list(20_000);
        let packed = [
            (lz4(&plain, false), Compression::Lz4),
            (lz4(&plain, true), Compression::Lz4),
            (gzip(&plain), Compression::Gzip),
            (XZ.to_vec(), Compression::Xz),
            (ZSTD.to_vec(), Compression::Zstd),
        ];
        for (bytes, compression) in packed {
            let step = (bytes.len() / 200).max(1);
            let near_the_end = bytes.len() - 20..bytes.len();
            for length in (0..bytes.len()).step_by(step).chain(near_the_end) {
                let cut = names(&bytes[..length], compression, None);
                assert!(cut.is_err(), "{compression:?} cut at {length} of {}", bytes.len());
            }
        }
    }

    #[test]
    fn an_lz4_list_cut_between_two_blocks_is_damaged() {
        let bytes = lz4(&list(20_000), false);
        let mut at = 7;
        let mut blocks = 0;
        loop {
            let length = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) & 0x7fff_ffff;
            if length == 0 {
                break;
            }
            assert!(
                names(&bytes[..at], Compression::Lz4, None).is_err(),
                "cut before block {blocks}"
            );
            at += 4 + usize::try_from(length).unwrap();
            blocks += 1;
        }
        assert!(blocks > 1);
    }

    proptest! {
        #[test]
        fn damage_never_stops_the_reader(at in 0..200_usize, byte: u8, kind in 0..5_usize, noise in proptest::collection::vec(any::<u8>(), 0..200)) {
            let plain = list(10);
            let (compression, _) = Compression::ALL[kind];
            let mut bytes = match compression {
                Compression::None => plain,
                Compression::Lz4 => lz4(&plain, true),
                Compression::Gzip => gzip(&plain),
                Compression::Xz => XZ.to_vec(),
                Compression::Zstd => ZSTD.to_vec(),
            };
            let at = at % bytes.len();
            bytes[at] = byte;
            drop(names(&bytes, compression, None));
            drop(names(&noise, compression, None));
        }
    }
}
