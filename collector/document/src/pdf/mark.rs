//! What stands before the points of a list.

use std::borrow::Cow;

use crate::Text;

/// Marks that a point's own words may begin with, and what stands before it then.
const MARKS: [(&str, &str); 4] = [("■", "■"), ("□", "□"), ("·", "•"), ("•", "•")];

/// What stands before a point, and its words. A box or a bullet that the words begin with stands there itself, and where
/// they begin with a number nothing does.
pub(super) fn marked(point: &Text) -> (&'static str, Cow<'_, Text>) {
    let first = point.0.first().map_or("", |first| first.words.as_str());
    let mut own = MARKS.into_iter();
    let Some((mark, rest)) = own.find_map(|(own, mark)| Some((mark, first.strip_prefix(own)?))) else {
        return (if is_numbered(first) { "" } else { "•" }, Cow::Borrowed(point));
    };
    let rest = rest.trim_start().to_owned();
    let mut words = point.clone();
    if let Some(first) = words.0.first_mut() {
        first.words = rest;
    }
    (mark, Cow::Owned(words))
}

/// Whether words begin with `1.`, `(1)` or `A.`.
fn is_numbered(words: &str) -> bool {
    let inner = words.strip_prefix('(').unwrap_or(words);
    let number = inner.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
    let length = inner.len() - number.len();
    (1..=2).contains(&length) && number.starts_with(['.', ')'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_point_begins_with_is_not_marked_twice() {
        for (point, mark, words) in [
            ("■ 自我檢查", "■", "自我檢查"),
            ("□內部稽核", "□", "內部稽核"),
            ("作成評估報告 ■", "•", "作成評估報告 ■"),
            ("· 保留稽核紀錄", "•", "保留稽核紀錄"),
            ("(1) 特定目的", "", "(1) 特定目的"),
            ("12. 個資隱碼", "", "12. 個資隱碼"),
            ("A. 直接蒐集", "", "A. 直接蒐集"),
            ("TLS 1.2以上", "•", "TLS 1.2以上"),
            ("", "•", ""),
        ] {
            let point = Text::from(point);
            let (found, rest) = marked(&point);
            assert_eq!((found, rest.words().as_str()), (mark, words));
        }
        assert_eq!(marked(&Text::default()).0, "•");
    }
}
