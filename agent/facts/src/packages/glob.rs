//! Globs, as preferences name packages and releases.

/// Whether `text` matches a glob of `*`, `?` and `[…]`, fnmatch(3), in lower case. In time `pattern × text`.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let (mut pattern, mut text) = (pattern.as_bytes(), text.as_bytes());
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        let step = match (pattern.split_first(), text.split_first()) {
            (None, None) => return true,
            (Some((b'*', rest)), _) => {
                retry = Some((rest, text));
                pattern = rest;
                continue;
            }
            (Some((first, rest)), Some((byte, after))) => match first {
                b'?' => Some((rest, after)),
                b'[' => class(rest, *byte).map_or_else(
                    || (*byte == b'[').then_some((rest, after)),
                    |(within, rest)| within.then_some((rest, after)),
                ),
                first => (first == byte).then_some((rest, after)),
            },
            _ => None,
        };
        if let Some((rest, after)) = step {
            (pattern, text) = (rest, after);
            continue;
        }
        // Let the last `*` take one byte more.
        let Some((after_star, from)) = retry else {
            return false;
        };
        let Some((_, from)) = from.split_first() else {
            return false;
        };
        retry = Some((after_star, from));
        (pattern, text) = (after_star, from);
    }
}

/// Whether `byte` is in the class that begins here, and what follows the class; `None` where it never ends.
fn class(pattern: &[u8], byte: u8) -> Option<(bool, &[u8])> {
    let (negated, body) = match pattern.split_first() {
        Some((b'!' | b'^', rest)) => (true, rest),
        _ => (false, pattern),
    };
    // A `]` that comes first is a member.
    let end = 1 + body.get(1..)?.iter().position(|b| *b == b']')?;
    let (members, rest) = body.split_at_checked(end)?;
    let mut members = members;
    let mut within = false;
    while let Some((first, others)) = members.split_first() {
        (within, members) = match others {
            [b'-', last, rest @ ..] => (within || (*first..=*last).contains(&byte), rest),
            _ => (within || *first == byte, others),
        };
    }
    Some((within != negated, rest.get(1..)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn globs_as_fnmatch_has_them() {
        for (pattern, text, expected) in [
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("*", "", true),
            ("?", "", false),
            ("[a-c]x", "Bx", true),
            ("[!a-c]x", "bx", false),
            ("[]]", "]", true),
            ("[", "[", true),
            ("*a*b*", "xxaxxbxx", true),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }

    proptest! {
        #[test]
        fn a_glob_always_ends(pattern in "[ab*?\\[\\]!^-]{0,12}", text in "[ab]{0,12}") {
            glob(&pattern, &text);
            prop_assert!(glob(&text, &text) && glob("*", &text));
        }
    }
}
