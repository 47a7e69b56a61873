//! What needs attention, the hosts, and the annex with the findings of each.

use std::io;

use plumbline_config::ident::Role;
use plumbline_document::{Block, DocumentError, Style, Text, Writer};

use super::{finding_status, heading, host_state, table};
use crate::report::WriteError;
use crate::report::fleet::{Fleet, Walk};
use crate::report::model::{Report, ReportHost};
use crate::report::overview::{HostRow, Overview};
use crate::report::words::Words;

pub(super) fn attention(
    overview: &Overview,
    words: &Words<'_>,
    writer: &mut dyn Writer,
) -> Result<(), DocumentError> {
    writer.write(heading(1, words.t("report-attention")))?;
    if overview.attention.is_empty() {
        return writer.write(Block::Paragraph(words.t("report-attention-none").into()));
    }
    if let Some(said) = words.attention_cut(overview) {
        writer.write(Block::Paragraph(said.into()))?;
    }
    let columns = [
        ("report-column-status", 1.7),
        ("report-column-severity", 1.1),
        ("report-column-host", 1.7),
        ("report-column-clause", 1.2),
        ("report-column-summary", 4.0),
        ("report-column-remedy", 3.2),
    ];
    writer.write(table(words, &columns))?;
    for found in &overview.attention {
        let summary = Text::default()
            .and(Style::Strong, found.subject.as_str())
            .and(Style::Plain, format!("\n{}", found.summary))
            .and(Style::Soft, format!("\n{}", found.check));
        let row = vec![
            finding_status(words, found.shown),
            words.t(found.severity.key()).into(),
            found.host_name.as_str().into(),
            found.clause.as_str().into(),
            summary,
            found.remedy.as_str().into(),
        ];
        writer.write(Block::Row(row))?;
    }
    writer.write(Block::TableEnd)
}

/// Why no host of a period that is over is listed.
pub(super) fn past(words: &Words<'_>, writer: &mut dyn Writer) -> Result<(), DocumentError> {
    writer.write(heading(1, words.t("report-hosts")))?;
    writer.write(Block::Paragraph(words.t("report-past-hosts").into()))
}

pub(super) fn list(
    overview: &Overview,
    words: &Words<'_>,
    writer: &mut dyn Writer,
) -> Result<(), DocumentError> {
    writer.write(heading(1, words.t("report-hosts")))?;
    if overview.hosts.is_empty() {
        return writer.write(Block::Paragraph(words.t("report-hosts-none").into()));
    }
    for said in words.hosts_said(overview) {
        writer.write(Block::Paragraph(said.into()))?;
    }
    let columns = [
        ("report-column-host", 2.4),
        ("report-column-role", 1.6),
        ("report-column-system", 2.0),
        ("report-column-state", 1.0),
        ("report-column-heard", 1.7),
        ("report-column-findings", 2.0),
    ];
    writer.write(table(words, &columns))?;
    for host in &overview.hosts {
        writer.write(Block::Row(row(host, words)))?;
    }
    writer.write(Block::TableEnd)
}

fn row(host: &HostRow, words: &Words<'_>) -> Vec<Text> {
    vec![
        Text::plain(host.name.as_str()).and(Style::Soft, format!("\n{}", host.id)),
        words.role(&host.role).into(),
        host.system.as_str().into(),
        host_state(words, host.state),
        words.heard(&host.last_heard).into(),
        words.finding_counts(&host.counts).into(),
    ]
}

/// Each host's findings, scope by scope; where there are too many hosts, where to find them.
pub(super) fn annex(
    report: &Report,
    fleet: &dyn Fleet,
    overview: &Overview,
    words: &Words<'_>,
    writer: &mut dyn Writer,
    go_on: &mut dyn FnMut() -> io::Result<()>,
) -> Result<(), WriteError> {
    writer.write(heading(1, words.t("report-annex")))?;
    if !overview.has_annex() {
        let elsewhere = words.annex_elsewhere(overview.hosts_total, &report.checklist.period);
        return Ok(writer.write(Block::Paragraph(elsewhere.into()))?);
    }
    if overview.hosts.is_empty() {
        return Ok(writer.write(Block::Paragraph(words.t("report-hosts-none").into()))?);
    }
    for role in [Role::Service, Role::Office] {
        if overview.hosts.iter().all(|host| host.role != role) {
            continue;
        }
        writer.write(heading(2, words.role(&role)))?;
        for host in Walk::new(fleet, report.cutoff) {
            let mut host = host?;
            if host.role == role {
                host.sort();
                findings(&host, words, writer)?;
            }
            go_on()?;
        }
    }
    Ok(())
}

fn findings(host: &ReportHost, words: &Words<'_>, writer: &mut dyn Writer) -> Result<(), DocumentError> {
    let title = Text::plain(format!("{}　", host.name)).and(Style::Soft, host.id.as_str());
    writer.write(heading(3, title))?;
    if host.findings.is_empty() {
        return writer.write(Block::Paragraph(words.t("report-annex-none").into()));
    }
    let columns = [
        ("report-column-status", 1.7),
        ("report-column-clause", 1.2),
        ("report-column-check", 2.4),
        ("report-column-summary", 4.6),
        ("report-column-observed", 1.7),
    ];
    writer.write(table(words, &columns))?;
    for found in &host.findings {
        let finding = &found.finding;
        let summary = Text::default()
            .and(Style::Strong, finding.subject.as_str())
            .and(Style::Plain, format!("\n{}", words.words(&finding.summary)));
        let row = vec![
            finding_status(words, found.shown),
            finding.clause.as_str().into(),
            finding.check.as_str().into(),
            summary,
            words.time(&finding.observed_at).into(),
        ];
        writer.write(Block::Row(row))?;
    }
    writer.write(Block::TableEnd)
}
