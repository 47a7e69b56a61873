//! Words as runs of WordprocessingML.

use std::fmt::Write;

use crate::{Style, Text, Tone};

/// Characters as XML 1.0 takes them: what it has no place for (control characters) becomes a replacement character.
pub(super) fn escape(into: &mut String, words: &str) {
    for c in words.chars() {
        match c {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            '"' => into.push_str("&quot;"),
            '\t' | '\n' => into.push(c),
            '\u{0}'..'\u{20}' | '\u{fffe}' | '\u{ffff}' => into.push('\u{fffd}'),
            _ => into.push(c),
        }
    }
}

/// Words escaped for an attribute or an element of text alone.
pub(super) fn escaped(words: &str) -> String {
    let mut into = String::with_capacity(words.len());
    escape(&mut into, words);
    into
}

/// A paragraph in one of the document's styles.
pub(super) fn paragraph(into: &mut String, style: &str, text: &Text) {
    open_paragraph(into, style);
    runs(into, text);
    into.push_str("</w:p>");
}

/// A paragraph's beginning.
pub(super) fn open_paragraph(into: &mut String, style: &str) {
    into.push_str("<w:p><w:pPr><w:pStyle w:val=\"");
    into.push_str(style);
    into.push_str("\"/></w:pPr>");
}

/// The runs of a text.
pub(super) fn runs(into: &mut String, text: &Text) {
    for span in &text.0 {
        into.push_str("<w:r>");
        match span.style {
            Style::Plain => {}
            Style::Strong => into.push_str("<w:rPr><w:b/></w:rPr>"),
            Style::Soft => into.push_str("<w:rPr><w:rStyle w:val=\"Soft\"/></w:rPr>"),
            Style::Status(tone) => {
                // Writing to a string does not fail.
                let _written = write!(into, "<w:rPr><w:b/><w:color w:val=\"{}\"/></w:rPr>", colour(tone));
            }
        }
        words(into, &span.words);
        into.push_str("</w:r>");
    }
}

fn words(into: &mut String, words: &str) {
    for (number, line) in words.split('\n').enumerate() {
        if number > 0 {
            into.push_str("<w:br/>");
        }
        for (number, part) in line.trim_end_matches('\r').split('\t').enumerate() {
            if number > 0 {
                into.push_str("<w:tab/>");
            }
            if !part.is_empty() {
                into.push_str("<w:t xml:space=\"preserve\">");
                escape(into, part);
                into.push_str("</w:t>");
            }
        }
    }
}

/// The colour of a tone on white paper, as RRGGBB.
pub(super) const fn colour(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "1A7F4B",
        Tone::Doubtful => "8A5300",
        Tone::Bad => "B3261E",
        Tone::Neutral => "5B6675",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_and_tabs_are_elements_and_the_rest_is_text() {
        let mut into = String::new();
        paragraph(&mut into, "Cell", &Text::plain("a<b>\n\tc\u{1b}&\r\n"));
        assert_eq!(
            into,
            "<w:p><w:pPr><w:pStyle w:val=\"Cell\"/></w:pPr><w:r><w:t xml:space=\"preserve\">a&lt;b&gt;</w:t><w:br/>\
             <w:tab/><w:t xml:space=\"preserve\">c\u{fffd}&amp;</w:t><w:br/></w:r></w:p>"
        );
    }

    proptest! {
        #[test]
        fn nothing_escapes_its_element(words in "\\PC*|[\\x00-\\x7f]*") {
            let escaped = escaped(&words);
            let is_xml = |c: char| matches!(c, '\t' | '\n' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
            prop_assert!(escaped.chars().all(is_xml) && !escaped.contains(['<', '>', '"']));
        }
    }
}
