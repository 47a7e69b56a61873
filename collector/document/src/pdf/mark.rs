//! What stands before the points of a list.

use std::borrow::Cow;

use crate::Text;

/// What stands before a point, and its words: a box that it begins with stands in the place of the bullet.
pub(super) fn marked(point: &Text) -> (&'static str, Cow<'_, Text>) {
    let boxed = point.0.first().and_then(|first| {
        let marks = ["■", "□"].into_iter();
        let mut boxed = marks.filter_map(|mark| Some((mark, first.words.strip_prefix(mark)?)));
        boxed.next()
    });
    let Some((mark, rest)) = boxed else {
        return ("•", Cow::Borrowed(point));
    };
    let mut words = point.clone();
    if let Some(first) = words.0.first_mut() {
        first.words = rest.trim_start().to_owned();
    }
    (mark, Cow::Owned(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_is_the_bullet_of_its_point() {
        for (point, mark, words) in [
            ("■ 自我檢查", "■", "自我檢查"),
            ("□內部稽核", "□", "內部稽核"),
            ("作成評估報告 ■", "•", "作成評估報告 ■"),
            ("", "•", ""),
        ] {
            let point = Text::from(point);
            let (found, rest) = marked(&point);
            assert_eq!((found, rest.words().as_str()), (mark, words));
        }
        assert_eq!(marked(&Text::default()).0, "•");
    }
}
