//! Bodies made smaller on the wire (Zstandard, RFC 8878).

use ruzstd::encoding::{CompressionLevel, compress_to_vec};

/// The `Content-Encoding` of a compressed body (RFC 9110, 8.4.1; RFC 8878, 7.2).
pub(super) const ENCODING: &str = "zstd";
/// Bodies up to this many bytes go as they are: what could be saved is less than what a packet holds anyway.
const WORTH_COMPRESSING: usize = 512;

/// The body compressed; `None` where that saves nothing.
pub(super) fn compress(body: &[u8]) -> Option<Vec<u8>> {
    if body.len() <= WORTH_COMPRESSING {
        return None;
    }
    let compressed = compress_to_vec(body, CompressionLevel::Fastest);
    (compressed.len() < body.len()).then_some(compressed)
}

#[cfg(test)]
#[allow(
    clippy::disallowed_methods,
    reason = "what is read was made here, and the reference implementation is a program"
)]
mod tests {
    use std::io::Read;

    use proptest::prelude::*;
    use ruzstd::decoding::StreamingDecoder;

    use super::*;

    fn decompress(bytes: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        StreamingDecoder::new(bytes)
            .unwrap()
            .read_to_end(&mut plain)
            .unwrap();
        plain
    }

    #[test]
    fn only_what_gets_smaller_is_compressed() {
        assert_eq!(compress(&[b'x'; WORTH_COMPRESSING]), None);
        let text = "{\"check\":\"tls.protocol-versions\"}".repeat(10_000);
        let compressed = compress(text.as_bytes()).unwrap();
        assert!(compressed.len() < text.len() / 50, "{}", compressed.len());
        assert_eq!(decompress(&compressed), text.as_bytes());
        let mut state = 1_u64;
        let noise: Vec<u8> = (0..100_000)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_le_bytes()[0]
            })
            .collect();
        assert_eq!(compress(&noise), None);
    }

    /// The decoder above is of one make with the encoder; the reference's is not.
    #[test]
    #[allow(
        clippy::disallowed_methods,
        reason = "the reference implementation is a program"
    )]
    fn the_reference_implementation_reads_it() {
        use std::io::Write;
        use std::process::{Command, Stdio};

        let findings: Vec<_> = (0..3_000_u32)
            .map(|n| {
                let mut finding = crate::testing::finding("a", plumbline_config::finding::Status::Fail);
                finding.subject = format!("tcp/10.0.{}.{}:443", n % 7, n.wrapping_mul(2_654_435_761) % 251);
                finding
            })
            .collect();
        let text = serde_json::to_vec(&findings).unwrap();
        for length in [513, 1_000, 10_000, 131_071, 131_072, 131_073, 262_145, text.len()] {
            let plain = text.get(..length).unwrap();
            let compressed = compress(plain).unwrap();
            let started = Command::new("zstd")
                .args(["--decompress", "--stdout"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn();
            let Ok(mut zstd) = started else {
                eprintln!("skipped: there is no `zstd` to run");
                return;
            };
            let mut input = zstd.stdin.take().unwrap();
            let feeding = std::thread::spawn(move || input.write_all(&compressed));
            let output = zstd.wait_with_output().unwrap();
            feeding.join().unwrap().unwrap();
            assert!(output.status.success(), "{length}");
            assert!(output.stdout == plain, "{length}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn what_is_compressed_is_what_comes_out(
            words in proptest::collection::vec(".{0,12}", 1..40),
            order in proptest::collection::vec(any::<usize>(), 100..4_000),
        ) {
            let text: String = order.iter().map(|n| words[n % words.len()].as_str()).collect();
            if let Some(compressed) = compress(text.as_bytes()) {
                prop_assert_eq!(decompress(&compressed), text.as_bytes());
            }
        }
    }
}
