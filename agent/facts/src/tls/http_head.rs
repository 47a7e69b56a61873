//! The head of an answer of HTTP, as far as it tells whether anything is carried in clear.

/// Most bytes read of the head of an answer of HTTP.
const LONGEST_HEAD: usize = 16 * 1024;
/// Whether the head is whole, or longer than anyone would read.
pub(super) fn ends(heard: &[u8]) -> bool {
    heard.len() > LONGEST_HEAD || heard.windows(4).any(|end| end == b"\r\n\r\n")
}

/// Whether an answer of HTTP sends one on to HTTPS and gives nothing else (RFC 9110 15.4).
pub(super) fn sends_on(heard: &[u8]) -> bool {
    let text = String::from_utf8_lossy(heard).to_ascii_lowercase();
    let mut lines = text.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let moved = matches!(status, Some("301" | "302" | "303" | "307" | "308"));
    moved
        && lines
            .take_while(|line| !line.is_empty())
            .filter_map(|line| line.strip_prefix("location:"))
            .any(|place| place.trim_start().starts_with("https://"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_a_move_to_https_sends_on() {
        for (head, expected) in [
            (
                "HTTP/1.1 301 Moved\r\nLocation: https://www.example.test/\r\n\r\n",
                true,
            ),
            (
                "HTTP/1.1 308 Moved\r\nserver: x\r\nlocation:https://a/\r\n\r\n",
                true,
            ),
            (
                "HTTP/1.1 301 Moved\r\nLocation: http://www.example.test/\r\n\r\n",
                false,
            ),
            (
                "HTTP/1.1 200 OK\r\nLocation: https://www.example.test/\r\n\r\n",
                false,
            ),
            ("HTTP/1.1 301", false),
            (
                "HTTP/1.1 301 Moved\r\n\r\nlocation: https://www.example.test/",
                false,
            ),
        ] {
            assert_eq!(sends_on(head.as_bytes()), expected, "{head}");
        }
        assert!(ends(b"HTTP/1.1 200 OK\r\n\r\n") && !ends(b"HTTP/1.1 200 OK\r\n"));
    }

    proptest! {
        #[test]
        fn any_answer_is_read_and_one_without_a_move_never_sends_on(
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
            lines in proptest::collection::vec("location: https://a/|HTTP/1.1 301|[ -~]{0,20}|", 0..6),
        ) {
            let _ = (ends(&bytes), sends_on(&bytes));
            let answer = format!("HTTP/1.1 200 OK\r\n{}", lines.join("\r\n"));
            prop_assert!(!sends_on(answer.as_bytes()));
        }
    }
}
