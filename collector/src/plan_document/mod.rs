//! The company's plan as a document: the form in its own words and order, with the plan's values in its blanks.
//!
//! The form is `form.txt`, a line a line of the form. What a line holds beside words:
//!
//! | | |
//! |---|---|
//! | `{key}` | a blank: the plan's value, or ＿＿＿＿ |
//! | `[key]` | a box: ■ or □ |
//! | `+…` | a line of ours, left out when its blank is not filled in |
//! | `~key` | why the plan takes the line above out, if it does |
//! | `@name` | a table |
//!
//! The form is a Taiwanese authority's and is in Chinese; so is the document.

mod boxes;
mod form;
mod tables;
#[cfg(test)]
mod tests;
mod values;
mod version;

use plumbline_config::lang::Lang;
use plumbline_config::message::text;
use plumbline_config::plan::LoadedPlan;
use plumbline_document::{Block, Cover, DocumentError, Properties, Style, Text, Writer};

/// The language of the form.
const LANG: Lang = Lang::ZhTw;

/// What is said of the document as a whole. It was made on the day that the plan's version names.
#[must_use]
pub fn properties(plan: &LoadedPlan) -> Properties {
    let company = company(plan);
    let title = format!("{company}{}", text(LANG, "plan-document-title"));
    Properties {
        footer: format!("{title}　{}", plan.plan.version),
        title,
        company,
        lang: LANG,
        made_at: version::day(&plan.plan.version)
            .and_then(|day| day.to_zoned(plan.plan.zone()).ok())
            .map(|begins| begins.timestamp().as_second()),
    }
}

/// Sends the document to `writer`.
pub fn write(plan: &LoadedPlan, writer: &mut dyn Writer) -> Result<(), DocumentError> {
    let t = |key| text(LANG, key);
    writer.write(Block::Cover(Cover {
        company: company(plan),
        title: t("plan-document-title"),
        subtitle: plan.plan.version.clone(),
        facts: vec![(
            t("plan-document-hash"),
            Text::default().and(Style::Soft, plan.reference.sha256.as_str()),
        )],
        code: None,
    }))?;
    let contents = Block::Contents {
        title: t("report-contents"),
    };
    form::write(&plan.plan, contents, writer)
}

fn company(plan: &LoadedPlan) -> String {
    let name = plan.plan.company.trim();
    if name.is_empty() {
        values::UNFILLED.to_owned()
    } else {
        name.to_owned()
    }
}
