//! The form's own headings: Sections 1 to 15, their parts, and the thirteen measures of Section 7.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::ident::Role;
use crate::lang::{Bilingual, Lang};

/// A section of the form.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// 1 to 15.
    pub number: u8,
    /// The form's words.
    pub title: Bilingual,
    /// Its parts （1）, （2） …; empty where the form numbers 1., 2. … at once.
    #[serde(default, rename = "part")]
    pub parts: Vec<Bilingual>,
}

/// One of the thirteen measures of Section 7.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// 1 to 13.
    pub number: u8,
    /// The words of 7（1）.
    title: Bilingual,
    /// The words of 7（3） where they differ.
    office: Option<Bilingual>,
}

impl Measure {
    /// The form's words for hosts of `role`.
    #[must_use]
    pub fn title(&self, role: Role) -> &Bilingual {
        match (role, &self.office) {
            (Role::Office, Some(office)) => office,
            _ => &self.title,
        }
    }

    /// Clause of the measure for hosts of `role`, such as `7.3.4`.
    #[must_use]
    pub fn clause(&self, role: Role) -> String {
        let part = match role {
            Role::Service => 1,
            Role::Office => 3,
        };
        format!("7.{part}.{}", self.number)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SectionFile {
    section: Vec<Section>,
    measure: Vec<Measure>,
}

static FILE: LazyLock<SectionFile> = LazyLock::new(|| {
    // The file is part of the program; the tests prove that it parses.
    toml::from_str(include_str!("../../catalogue/sections.toml")).unwrap_or(SectionFile {
        section: Vec::new(),
        measure: Vec::new(),
    })
});

/// Sections 1 to 15.
#[must_use]
pub fn sections() -> &'static [Section] {
    &FILE.section
}

/// The thirteen measures of Section 7.
#[must_use]
pub fn measures() -> &'static [Measure] {
    &FILE.measure
}

/// The clause name of what stands above Section 1: the company and the edition.
pub const HEAD: &str = "head";

/// The clause name of the appendix.
pub const APPENDIX: &str = "appendix";

/// A clause as the form writes it: `7.1.4` → `7（1）4`, `6.1.6.2` → `6（1）6(2)`, `8.3` → `8.3`, `appendix` → 附錄; in
/// English with plain brackets.
#[must_use]
pub fn clause_in_form(clause: &str, lang: Lang) -> String {
    let (name, open, close) = match (clause, lang) {
        (HEAD, Lang::ZhTw) => ("計畫首頁", "", ""),
        (HEAD, Lang::En) => ("head", "", ""),
        (APPENDIX, Lang::ZhTw) => ("附錄", "", ""),
        (APPENDIX, Lang::En) => ("appendix", "", ""),
        (_, Lang::ZhTw) => ("", "（", "）"),
        (_, Lang::En) => ("", "(", ")"),
    };
    if !name.is_empty() {
        return name.to_owned();
    }
    let mut numbers = clause.split('.');
    let section = numbers.next().unwrap_or_default();
    let mut written = section.to_owned();
    let parted = sections()
        .iter()
        .any(|known| known.number.to_string() == section && !known.parts.is_empty());
    if let Some(part) = numbers.next() {
        written += &match parted {
            true => format!("{open}{part}{close}"),
            false => format!(".{part}"),
        };
    }
    if parted {
        written.extend(numbers.next());
    }
    let more: Vec<_> = numbers.collect();
    if !more.is_empty() {
        written += &format!("({})", more.join("."));
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_has_fifteen_sections_and_thirteen_measures() {
        assert!(sections().iter().map(|section| section.number).eq(1..=15));
        assert!(measures().iter().map(|measure| measure.number).eq(1..=13));
        assert_eq!(
            measures()[5].title(Role::Office).zh_tw,
            "檢測伺服器及相關系統漏洞及修補"
        );
        assert_eq!(measures()[3].clause(Role::Office), "7.3.4");
    }

    #[test]
    fn clauses_read_as_the_form_writes_them() {
        for (clause, written) in [
            ("7.1.4", "7（1）4"),
            ("7.2", "7（2）"),
            ("6.1.6.2", "6（1）6(2)"),
            ("8.3", "8.3"),
            ("2.4.1", "2.4(1)"),
            ("2", "2"),
            ("appendix", "附錄"),
        ] {
            assert_eq!(clause_in_form(clause, Lang::ZhTw), written);
        }
        assert_eq!(clause_in_form("6.1.6.2", Lang::En), "6(1)6(2)");
    }
}
