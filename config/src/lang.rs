//! The two languages of the product.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A language that people read Plumbline in. Traditional Chinese comes first: it is the language of the plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Lang {
    /// Traditional Chinese as written in Taiwan.
    #[default]
    #[serde(rename = "zh-TW")]
    ZhTw,
    /// English.
    #[serde(rename = "en")]
    En,
}

impl Lang {
    /// Both languages, in the order they are shown.
    pub const ALL: [Self; 2] = [Self::ZhTw, Self::En];

    /// The BCP 47 tag, as used in `--lang`, in JSON keys and in `<html lang>`.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::ZhTw => "zh-TW",
            Self::En => "en",
        }
    }

    /// Its own name for itself.
    #[must_use]
    pub const fn endonym(self) -> &'static str {
        match self {
            Self::ZhTw => "繁體中文",
            Self::En => "English",
        }
    }

    /// The language a POSIX locale name asks for (`zh_TW.UTF-8` → Chinese); English for any other.
    #[must_use]
    pub fn from_locale(locale: &str) -> Self {
        if locale.to_ascii_lowercase().starts_with("zh") {
            Self::ZhTw
        } else {
            Self::En
        }
    }
}

impl fmt::Display for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.tag())
    }
}

/// A language tag that is neither `zh-TW` nor `en`.
#[derive(Debug, thiserror::Error)]
#[error("unknown language `{0}`; use zh-TW or en")]
pub struct UnknownLang(String);

impl FromStr for Lang {
    type Err = UnknownLang;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|lang| lang.tag().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownLang(text.to_owned()))
    }
}

/// The same text in both languages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bilingual {
    /// Traditional Chinese.
    #[serde(rename = "zh-TW")]
    pub zh_tw: String,
    /// English.
    pub en: String,
}

impl Bilingual {
    /// The text in one language.
    #[must_use]
    pub fn get(&self, lang: Lang) -> &str {
        match lang {
            Lang::ZhTw => &self.zh_tw,
            Lang::En => &self.en,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_picks_its_language_and_anything_else_is_english() {
        assert_eq!(Lang::from_locale("zh_TW.UTF-8"), Lang::ZhTw);
        assert_eq!(Lang::from_locale("C.UTF-8"), Lang::En);
        assert_eq!(Lang::from_locale(""), Lang::En);
    }

    #[test]
    fn an_unknown_tag_is_named_with_the_mend() {
        let error = "fr".parse::<Lang>().unwrap_err();
        assert_eq!(error.to_string(), "unknown language `fr`; use zh-TW or en");
    }
}
