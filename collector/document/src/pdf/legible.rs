//! What is shown of characters that have no look of their own, or would change the look of others.

/// What to do with a character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// It is set as it is.
    AsIs,
    /// A space is set instead.
    Space,
    /// It begins another line.
    NewLine,
    /// Nothing is set: it only chooses among forms of the character before it.
    Nothing,
    /// Its number is set: it is invisible, or turns the direction of what follows, and a reader must not be deceived.
    Number,
}

/// How a character is shown.
pub(super) fn shown(character: char) -> Shown {
    match character {
        ' '..='~' => Shown::AsIs,
        '\n' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Shown::NewLine,
        '\t' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{1680}' => Shown::Space,
        '\r' | '\u{180b}'..='\u{180d}' | '\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => {
            Shown::Nothing
        }
        character if character.is_control() || is_invisible(character) || is_unassigned(character) => {
            Shown::Number
        }
        _ => Shown::AsIs,
    }
}

/// A character's number, as it is set in its stead.
pub(super) fn number(character: char) -> String {
    format!("[U+{:04X}]", u32::from(character))
}

/// Longer words are cut in lists and in what a file says of itself, in characters.
const MAX_LINE: usize = 300;

/// Words as one line, for the contents and for viewers, which show titles and bookmarks by rules of their own.
pub(super) fn line(words: &str) -> String {
    let mut line = String::new();
    for character in words.chars().take(MAX_LINE) {
        match shown(character) {
            Shown::AsIs => line.push(character),
            Shown::Space | Shown::NewLine => line.push(' '),
            Shown::Number => line.push_str(&number(character)),
            Shown::Nothing => {}
        }
    }
    line
}

/// Format characters (general category Cf), and letters that fonts leave blank.
fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}'
        | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffc}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1345f}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Characters of private use, which mean nothing beyond the computer that they come from, and numbers that are none.
fn is_unassigned(character: char) -> bool {
    matches!(character,
        '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{fffff}' | '\u{100000}'..='\u{10ffff}' | '\u{fdd0}'..='\u{fdef}')
        || u32::from(character) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_or_hides_text_is_shown_by_number() {
        for character in
            "\0\u{7}\u{1b}\u{ad}\u{200b}\u{200d}\u{202e}\u{2066}\u{2069}\u{feff}\u{fffe}\u{e000}".chars()
        {
            assert_eq!(shown(character), Shown::Number, "{character:?}");
        }
        assert_eq!(number('\u{202e}'), "[U+202E]");
        assert_eq!(number('\u{20bb7}'), "[U+20BB7]");
    }

    #[test]
    fn words_are_left_alone() {
        for character in "Az09~個資，。「」□■◧－é→ 𠮷\u{3000}\u{a0}\u{301}".chars() {
            assert_eq!(shown(character), Shown::AsIs, "{character:?}");
        }
    }
}
