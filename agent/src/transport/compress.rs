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
