//! Sentences people read. Each lives in `config/text/{zh-TW,en}/*.ftl` under one key; code names the key and gives
//! the values, and gets the sentence in both languages.

use std::borrow::Cow;
use std::sync::{LazyLock, PoisonError, RwLock};

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

use crate::lang::{Bilingual, Lang};

/// A sentence by its key, with the values that go into it.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    key: &'static str,
    args: Vec<(&'static str, Arg)>,
}

#[derive(Clone, Debug, PartialEq)]
enum Arg {
    Text(String),
    Bilingual(Bilingual),
    Number(i64),
}

impl Message {
    /// The sentence under `key`, with no values yet.
    #[must_use]
    pub const fn new(key: &'static str) -> Self {
        Self {
            key,
            args: Vec::new(),
        }
    }

    /// The key the sentence is kept under.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        self.key
    }

    /// Sets `{ $name }` to a text that reads the same in both languages.
    #[must_use]
    pub fn arg(mut self, name: &'static str, value: impl ToString) -> Self {
        self.args.push((name, Arg::Text(value.to_string())));
        self
    }

    /// Sets `{ $name }` to a text that differs by language.
    #[must_use]
    pub fn bilingual(mut self, name: &'static str, value: Bilingual) -> Self {
        self.args.push((name, Arg::Bilingual(value)));
        self
    }

    /// Sets `{ $name }` to a number, which may choose a plural form.
    #[must_use]
    pub fn number(mut self, name: &'static str, value: usize) -> Self {
        self.args
            .push((name, Arg::Number(i64::try_from(value).unwrap_or(i64::MAX))));
        self
    }

    /// The sentence in both languages.
    #[must_use]
    pub fn render(&self) -> Bilingual {
        Bilingual {
            zh_tw: self.render_in(Lang::ZhTw),
            en: self.render_in(Lang::En),
        }
    }

    /// The sentence in one language. A key that no file holds reads as the key itself, and fails the tests.
    #[must_use]
    pub fn render_in(&self, lang: Lang) -> String {
        let mut args = FluentArgs::new();
        for (name, arg) in &self.args {
            let value = match arg {
                Arg::Text(text) => FluentValue::String(Cow::Borrowed(text.as_str())),
                Arg::Bilingual(text) => FluentValue::String(Cow::Borrowed(text.get(lang))),
                Arg::Number(number) => FluentValue::from(*number),
            };
            args.set(*name, value);
        }
        let sentences = sentences(lang);
        sentences
            .render(self.key, &args)
            .unwrap_or_else(|| self.key.to_owned())
    }
}

/// The sentence under `key`, which takes no values, in one language.
#[must_use]
pub fn text(lang: Lang, key: &'static str) -> String {
    Message::new(key).render_in(lang)
}

/// Whether both languages have a sentence under `key`.
#[must_use]
pub fn exists(key: &str) -> bool {
    Lang::ALL
        .into_iter()
        .all(|lang| sentences(lang).source(key).is_some())
}

type Bundle = FluentBundle<FluentResource>;

/// The sentences of one language. A program says few of them: each is parsed when it is first said.
struct Sentences {
    /// Key and source of each message, by key.
    sources: Vec<(&'static str, &'static str)>,
    /// The messages that have been said.
    said: RwLock<Bundle>,
}

fn sentences(lang: Lang) -> &'static Sentences {
    static ZH_TW: LazyLock<Sentences> = LazyLock::new(|| Sentences::new(Lang::ZhTw));
    static EN: LazyLock<Sentences> = LazyLock::new(|| Sentences::new(Lang::En));
    match lang {
        Lang::ZhTw => &ZH_TW,
        Lang::En => &EN,
    }
}

impl Sentences {
    fn new(lang: Lang) -> Self {
        let locale: LanguageIdentifier = lang.tag().parse().unwrap_or_default();
        let mut said = Bundle::new_concurrent(vec![locale]);
        // Isolation marks are for bidirectional text; in PDF, CSV and terminals they are rubbish.
        said.set_use_isolating(false);
        let mut sources: Vec<_> = files(lang).iter().flat_map(|file| messages(file)).collect();
        sources.sort_unstable_by_key(|(key, _)| *key);
        Self {
            sources,
            said: RwLock::new(said),
        }
    }

    /// The source of a message; the tests prove that no key stands twice.
    fn source(&self, key: &str) -> Option<&'static str> {
        let place = self.sources.binary_search_by_key(&key, |(key, _)| key).ok()?;
        self.sources.get(place).map(|(_, source)| *source)
    }

    fn render(&self, key: &str, args: &FluentArgs<'_>) -> Option<String> {
        let rendered = {
            let said = self.said.read().unwrap_or_else(PoisonError::into_inner);
            format(&said, key, args)
        };
        if rendered.is_some() {
            return rendered;
        }
        let source = self.source(key)?.to_owned();
        // The files are part of the program; the tests prove that each message parses.
        let resource = FluentResource::try_new(source).unwrap_or_else(|(partial, _errors)| partial);
        let mut said = self.said.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been faster; the message is the same.
        said.add_resource_overriding(resource);
        format(&said, key, args)
    }
}

fn format(bundle: &Bundle, key: &str, args: &FluentArgs<'_>) -> Option<String> {
    let pattern = bundle.get_message(key)?.value()?;
    let text = bundle.format_pattern(pattern, Some(args), &mut Vec::new());
    Some(text.into_owned())
}

/// The messages of a file, key and source: a message begins with its key at the beginning of a line, and goes on until
/// the next begins.
fn messages(file: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let starts = |line: &str| line.starts_with(|c: char| c.is_ascii_lowercase());
    let mut rest = file;
    std::iter::from_fn(move || {
        while !rest.is_empty() && !starts(rest) {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
        }
        let mut end = 0;
        for line in rest.split_inclusive('\n') {
            if end > 0 && starts(line) {
                break;
            }
            end += line.len();
        }
        let (source, after) = rest
            .split_at_checked(end)
            .filter(|(source, _)| !source.is_empty())?;
        rest = after;
        Some((source.split_once(" =")?.0, source))
    })
}

macro_rules! files {
    ($lang:literal) => {
        &[
            include_str!(concat!("../text/", $lang, "/common.ftl")),
            include_str!(concat!("../text/", $lang, "/access.ftl")),
            include_str!(concat!("../text/", $lang, "/agent.ftl")),
            include_str!(concat!("../text/", $lang, "/antivirus.ftl")),
            include_str!(concat!("../text/", $lang, "/bundle.ftl")),
            include_str!(concat!("../text/", $lang, "/collector.ftl")),
            include_str!(concat!("../text/", $lang, "/encryption.ftl")),
            include_str!(concat!("../text/", $lang, "/evidence.ftl")),
            include_str!(concat!("../text/", $lang, "/firewall.ftl")),
            include_str!(concat!("../text/", $lang, "/incident.ftl")),
            include_str!(concat!("../text/", $lang, "/ledger.ftl")),
            include_str!(concat!("../text/", $lang, "/logins.ftl")),
            include_str!(concat!("../text/", $lang, "/patch.ftl")),
            include_str!(concat!("../text/", $lang, "/people.ftl")),
            include_str!(concat!("../text/", $lang, "/plan.ftl")),
            include_str!(concat!("../text/", $lang, "/plan_document.ftl")),
            include_str!(concat!("../text/", $lang, "/protection.ftl")),
            include_str!(concat!("../text/", $lang, "/records.ftl")),
            include_str!(concat!("../text/", $lang, "/report.ftl")),
            include_str!(concat!("../text/", $lang, "/store.ftl")),
            include_str!(concat!("../text/", $lang, "/tls.ftl")),
        ]
    };
}

fn files(lang: Lang) -> &'static [&'static str] {
    match lang {
        Lang::ZhTw => files!("zh-TW"),
        Lang::En => files!("en"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// Key → names of the values its sentence uses, for one language; fails on a file that does not parse.
    fn keys(lang: Lang) -> BTreeMap<String, BTreeSet<String>> {
        let mut found = BTreeMap::new();
        for source in files(lang) {
            FluentResource::try_new((*source).to_owned())
                .unwrap_or_else(|(_, errors)| panic!("{lang}: {errors:?} in {source}"));
            let mut key = String::new();
            for line in source.lines() {
                if let Some((head, _)) = line
                    .split_once(" =")
                    .filter(|(h, _)| !h.starts_with([' ', '#', '-']))
                {
                    key = head.to_owned();
                    assert!(
                        found.insert(key.clone(), BTreeSet::new()).is_none(),
                        "{lang}: {key} stands twice"
                    );
                }
                let names = line.split("{ $").skip(1).filter_map(|rest| {
                    rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-')
                        .next()
                });
                if !line.starts_with('#') {
                    found
                        .entry(key.clone())
                        .or_default()
                        .extend(names.map(str::to_owned));
                }
            }
        }
        found.remove("");
        found
    }

    #[test]
    fn both_languages_hold_the_same_keys_with_the_same_values() {
        let (zh, en) = (keys(Lang::ZhTw), keys(Lang::En));
        let missing: Vec<_> = en.keys().filter(|k| !zh.contains_key(*k)).collect();
        assert!(missing.is_empty(), "not in zh-TW: {missing:?}");
        let missing: Vec<_> = zh.keys().filter(|k| !en.contains_key(*k)).collect();
        assert!(missing.is_empty(), "not in en: {missing:?}");
        for (key, names) in &en {
            assert_eq!(names, &zh[key], "{key} uses other values in the two languages");
        }
    }

    #[test]
    fn each_message_is_found_and_parses_by_itself() {
        for lang in Lang::ALL {
            let found = sentences(lang);
            let wanted = keys(lang);
            let whole = files(lang)
                .iter()
                .map(|file| FluentResource::try_new((*file).to_owned()).unwrap());
            let in_files: usize = whole.map(|file| file.entries().count()).sum();
            assert_eq!(
                (found.sources.len(), wanted.len()),
                (in_files, in_files),
                "{lang}"
            );
            for (key, source) in &found.sources {
                assert!(wanted.contains_key(*key), "{lang}: {key}");
                let alone = FluentResource::try_new((*source).to_owned())
                    .unwrap_or_else(|(_, errors)| panic!("{lang}: {errors:?} in {source}"));
                assert_eq!(alone.entries().count(), 1, "{lang}: {source}");
            }
        }
    }

    #[test]
    fn a_value_stands_in_the_sentence_as_it_was_given() {
        let message = Message::new("fact-denied")
            .arg("what", "/etc/shadow")
            .arg("needs", "CAP_DAC_READ_SEARCH");
        let text = message.render();
        assert!(
            text.en.contains("/etc/shadow") && text.zh_tw.contains("/etc/shadow"),
            "{text:?}"
        );
        assert!(!text.en.contains('\u{2068}'), "isolation mark in {:?}", text.en);
    }
}
