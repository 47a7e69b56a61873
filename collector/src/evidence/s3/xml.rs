//! The little XML that S3 speaks: flat records inside a document.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

/// Deepest nesting that is followed.
const DEEPEST: usize = 16;

/// Most records of a document; a page of a list has a thousand.
const MOST: usize = 10_000;

/// The texts inside one element, by the names of the elements that hold them.
pub(super) type Record = BTreeMap<String, String>;

/// Every element of that name, wherever it stands: the texts of the elements right below it. `None` of what is no XML.
pub(super) fn records(document: &str, name: &str) -> Option<Vec<Record>> {
    let mut reader = Reader::from_str(document);
    reader.config_mut().expand_empty_elements = true;
    let mut found: Vec<Record> = Vec::new();
    // The names of the open elements, with what was read of each one's text.
    let mut open: Vec<(String, String)> = Vec::new();
    let mut met = false;
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                let local = start.local_name().into_inner().to_owned();
                if open.len() >= DEEPEST || found.len() >= MOST {
                    return None;
                }
                if local == name {
                    found.push(Record::new());
                }
                met = true;
                open.push((local, String::new()));
            }
            Event::End(_) => {
                let (local, text) = open.pop()?;
                if open.last().is_some_and(|(parent, _)| parent == name)
                    && let Some(record) = found.last_mut()
                {
                    record.entry(local).or_insert(text);
                }
            }
            Event::Text(text) => push(&mut open, &text.xml10_content()),
            Event::CData(text) => push(&mut open, &text.xml10_content()),
            Event::GeneralRef(reference) => {
                if let Some(character) = reference.resolve_char_ref().ok()? {
                    push(&mut open, character.encode_utf8(&mut [0; 4]));
                } else {
                    push(&mut open, resolve_predefined_entity(&reference.xml10_content())?);
                }
            }
            Event::Eof => return (met && open.is_empty()).then_some(found),
            _ => {}
        }
    }
}

/// The text of one element inside the first element of that name.
pub(super) fn text(document: &str, name: &str, inside: &str) -> Option<String> {
    records(document, name)?.into_iter().next()?.remove(inside)
}

fn push(open: &mut [(String, String)], text: &str) {
    if let Some((_, read)) = open.last_mut() {
        read.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIST: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
        <IsTruncated>false</IsTruncated><Contents><Key>a&amp;b&#x41;</Key><Size>3</Size><Owner><ID>x</ID></Owner></Contents>\
        <Contents><Key><![CDATA[c]]></Key><Size/></Contents></ListBucketResult>";

    #[test]
    fn records_are_read_with_their_texts() {
        let records = records(LIST, "Contents").unwrap();
        assert_eq!(records.len(), 2);
        assert_eq!(
            (records[0]["Key"].as_str(), records[0]["Size"].as_str()),
            ("a&bA", "3")
        );
        assert!(!records[0].contains_key("ID"), "{records:?}");
        assert_eq!(
            (records[1]["Key"].as_str(), records[1]["Size"].as_str()),
            ("c", "")
        );
        assert_eq!(
            text(LIST, "ListBucketResult", "IsTruncated").as_deref(),
            Some("false")
        );
        assert_eq!(text(LIST, "Error", "Code"), None);
    }

    #[test]
    fn what_is_no_xml_is_nothing() {
        for bad in [
            "",
            "no",
            "<a>",
            "<a></b>",
            "<a>&unknown;</a>",
            &"<a>".repeat(100_000),
        ] {
            assert!(records(bad, "a").is_none(), "{}", &bad[..bad.len().min(20)]);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(cut in 0..LIST.len(), noise in ".{0,20}") {
            let mut document = LIST.to_owned();
            document.insert_str((0..=cut).rev().find(|at| LIST.is_char_boundary(*at)).unwrap(), &noise);
            let _read = records(&document, "Contents");
        }
    }
}
