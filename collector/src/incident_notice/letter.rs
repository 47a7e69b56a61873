//! The drafts of what people concerned, 5（3）3, and customers, 5（4）3, are told.

use plumbline_config::message::Message;
use plumbline_document::{Block, DocumentError, Style, Text, Tone, Writer};

use super::Notice;
use super::authority::taken;
use super::blanks::{boxes, ticked};
use crate::records::incident::{Assessed, Harm, Whom};

pub(super) fn write(notice: &Notice<'_>, whom: Whom, writer: &mut dyn Writer) -> Result<(), DocumentError> {
    let incident = &notice.plan.incident;
    let (title, channels) = match whom {
        Whom::Customers => ("notice-customers-title", &incident.customer.channels),
        Whom::Authority | Whom::Subjects => ("notice-subjects-title", &incident.subject_channels),
    };
    writer.write(notice.heading(title))?;
    if let (Whom::Customers, Some(reason)) = (whom, &incident.customer.not_applicable) {
        let none = notice.with("notice-customers-none", "reason", reason);
        return writer.write(Block::Paragraph(none.into()));
    }
    let draft = Text::default().and(Style::Status(Tone::Bad), notice.t("notice-letter-draft"));
    writer.write(Block::Paragraph(
        draft.and(Style::Plain, format!("\n{}", boxes(channels))),
    ))?;
    for (heading, lines) in parts(notice, whom) {
        writer.write(Block::Heading {
            level: 2,
            text: notice.t(heading).into(),
        })?;
        for line in lines {
            writer.write(Block::Paragraph(line.into()))?;
        }
    }
    Ok(())
}

fn parts(notice: &Notice<'_>, whom: Whom) -> Vec<(&'static str, Vec<String>)> {
    let nothing = Assessed::default();
    let assessed = notice.incident.assessed().unwrap_or(&nothing);
    let opened = &notice.incident.opened;
    let facts = Message::new("notice-letter-facts-said")
        .arg("known_at", notice.time(opened.known_at))
        .arg("happened_at", notice.moment(opened.happened_at))
        .render_in(notice.lang);
    let harms = Harm::ALL.map(|harm| ticked(assessed.harms.contains(&harm), &notice.t(harm.key())));
    let categories = assessed.categories.join(&notice.t("incident-list-separator"));
    let mut measures = taken(notice);
    if measures.is_empty() {
        measures.push(notice.t("notice-unfilled"));
    }
    let contact = &notice.plan.policy.rights_contact;
    let enquiry = [
        &notice.plan.incident.enquiry_channel,
        &contact.phone,
        &contact.email,
    ];
    let enquiry: Vec<&str> = enquiry
        .into_iter()
        .map(|channel| channel.trim())
        .filter(|channel| !channel.is_empty())
        .collect();
    let mut parts = vec![
        ("notice-letter-facts", vec![facts, harms.join("　")]),
        ("notice-letter-data", vec![notice.filled(&categories)]),
        ("notice-letter-measures", measures),
    ];
    if whom == Whom::Customers {
        let help = notice.with("notice-letter-help-said", "blank", notice.t("notice-unfilled"));
        parts.push(("notice-letter-help", vec![help]));
    }
    parts.push(("notice-letter-later", vec![notice.t("notice-letter-later-said")]));
    parts.push((
        "notice-letter-enquiry",
        vec![
            notice.filled(&notice.plan.company),
            notice.filled(&enquiry.join("　")),
        ],
    ));
    parts
}
