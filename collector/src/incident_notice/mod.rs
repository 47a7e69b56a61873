//! Drafts of the notices that Section 5 asks for: to the authority, with the fields of the law's form (附表二 of the
//! regulation that the plan names), to the people concerned, and to customers.
//!
//! What the plan and the case know is filled in; what they don't is a blank or an empty box, and every part says that it
//! is a draft. Nothing that a host measured about a person, such as an account or an address, is repeated here: what
//! happened is told by the kind of finding, and by what people wrote down.

mod authority;
mod blanks;
mod letter;
#[cfg(test)]
mod tests;

use std::io;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use plumbline_config::lang::Lang;
use plumbline_config::message::{Message, text};
use plumbline_config::plan::Plan;
use plumbline_document::{Block, DocumentError, Properties, Text, Writer};

use crate::document_format::DocumentFormat;
use crate::records::Incident;
use crate::records::incident::Whom;
use blanks::in_zone;

/// What the drafts are made from.
#[derive(Clone, Copy)]
pub(crate) struct Notice<'a> {
    /// Id of the case.
    pub(crate) id: &'a str,
    /// The case.
    pub(crate) incident: &'a Incident,
    /// The company's plan.
    pub(crate) plan: &'a Plan,
    /// Now.
    pub(crate) now: Timestamp,
    /// The language of the form's words.
    pub(crate) lang: Lang,
}

impl Notice<'_> {
    /// What is said of the document as a whole.
    fn properties(&self) -> Properties {
        let title = self.title("notice-title");
        Properties {
            footer: Message::new("notice-footer")
                .arg("title", self.t("notice-title"))
                .arg("id", self.id)
                .render_in(self.lang),
            title,
            company: self.plan.company.trim().to_owned(),
            lang: self.lang,
            made_at: Some(self.now.as_second()),
        }
    }

    /// Writes the drafts as a file of a format.
    pub(crate) fn make(&self, format: DocumentFormat, out: &mut dyn io::Write) -> Result<(), DocumentError> {
        let mut writer = format.writer(self.properties())?;
        self.write(writer.as_mut())?;
        writer.finish(out)
    }

    /// Sends the drafts to `writer`.
    fn write(&self, writer: &mut dyn Writer) -> Result<(), DocumentError> {
        authority::write(self, writer)?;
        letter::write(self, Whom::Subjects, writer)?;
        letter::write(self, Whom::Customers, writer)
    }

    fn t(&self, key: &'static str) -> String {
        text(self.lang, key)
    }

    /// A heading that says that it is a draft, in words that everybody knows for one.
    fn title(&self, key: &'static str) -> String {
        let (title, draft) = (self.t(key), self.t("notice-draft"));
        if draft == "DRAFT" {
            format!("DRAFT: {title}")
        } else {
            format!("{title}（{draft} DRAFT）")
        }
    }

    fn heading(&self, key: &'static str) -> Block {
        Block::Heading {
            level: 1,
            text: Text::from(self.title(key)),
        }
    }

    fn zone(&self) -> TimeZone {
        self.plan.zone()
    }

    fn time(&self, at: Timestamp) -> String {
        in_zone(at, &self.zone())
    }
}
