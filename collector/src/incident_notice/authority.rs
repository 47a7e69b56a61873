//! The draft of the notice to the authority, 5（2）4 and the law's form.

use plumbline_config::catalogue;
use plumbline_config::interval::Interval;
use plumbline_config::message::Message;
use plumbline_document::{Block, Column, DocumentError, Style, Text, Tone, Writer};

use super::Notice;
use super::blanks::{boxes, ticked};
use crate::records::incident::{Assessed, ClockState, Harm, IncidentStep, Seen, Whom};

/// A row: the key of the field's name, and what stands in it, a line each.
type Row = (&'static str, Vec<String>);

pub(super) fn write(notice: &Notice<'_>, writer: &mut dyn Writer) -> Result<(), DocumentError> {
    writer.write(notice.heading("notice-title"))?;
    let said = Text::default().and(Style::Status(Tone::Bad), notice.t("notice-draft-said"));
    writer.write(Block::Paragraph(said))?;
    writer.write(Block::Facts(facts(notice)))?;
    writer.write(Block::Table(vec![
        Column {
            title: notice.t("notice-field"),
            share: 2.4,
        },
        Column {
            title: notice.t("notice-content"),
            share: 7.6,
        },
    ]))?;
    for (field, lines) in rows(notice) {
        let name = Text::default().and(Style::Strong, notice.t(field));
        writer.write(Block::Row(vec![name, lines.join("\n").into()]))?;
    }
    writer.write(Block::TableEnd)
}

fn facts(notice: &Notice<'_>) -> Vec<(String, Text)> {
    let clock = notice.incident.clock(notice.now);
    let said = clock.said(notice.lang, &|at| notice.time(at));
    let tone = match clock.state {
        ClockState::Overdue | ClockState::Late => Tone::Bad,
        ClockState::Running => Tone::Doubtful,
        ClockState::Met | ClockState::NotOwed => Tone::Neutral,
    };
    let state = notice.t(notice.incident.state().key());
    vec![
        (
            notice.t("notice-case"),
            Text::plain(notice.id).and(Style::Soft, format!("　{state}")),
        ),
        (
            notice.t("notice-until"),
            Text::default().and(Style::Status(tone), said),
        ),
        (notice.t("notice-made-at"), notice.time(notice.now).into()),
        (
            notice.t("notice-form"),
            notice.filled(&notice.plan.incident.authority.form_url).into(),
        ),
    ]
}

fn rows(notice: &Notice<'_>) -> Vec<Row> {
    let nothing = Assessed::default();
    let assessed = notice.incident.assessed().unwrap_or(&nothing);
    let opened = &notice.incident.opened;
    let one = |line: String| vec![line];
    vec![
        ("notice-company", one(notice.filled(&notice.plan.company))),
        ("notice-authority", authority(notice)),
        (
            "notice-told-at",
            one(notice.moment(notice.incident.told(Whom::Authority))),
        ),
        ("notice-by", reporter(notice)),
        ("notice-known-at", one(notice.time(opened.known_at))),
        ("notice-happened-at", happened(notice)),
        ("notice-kind", one(harms(notice, assessed))),
        ("notice-numbers", numbers(notice, assessed)),
        (
            "notice-categories",
            one(notice.filled(&assessed.categories.join(&notice.t("incident-list-separator")))),
        ),
        ("notice-summary", summary(notice, assessed)),
        ("notice-damage", one(notice.filled(&assessed.damage))),
        ("notice-consequences", one(notice.filled(&assessed.consequences))),
        ("notice-measures", measures(notice)),
        ("notice-telling", telling(notice)),
        ("notice-media", one(media(notice))),
        ("notice-in-time", in_time(notice)),
    ]
}

fn authority(notice: &Notice<'_>) -> Vec<String> {
    let authority = &notice.plan.incident.authority;
    vec![
        notice.filled(&authority.name),
        notice.with("notice-phone", "phone", notice.filled(&authority.phone)),
        notice.with("notice-mailbox", "mailbox", notice.filled(&authority.mailbox)),
    ]
}

/// 2、4(2) 事故通報個資聯絡窗口.
fn reporter(notice: &Notice<'_>) -> Vec<String> {
    let contact = &notice.plan.policy.incident_contact;
    vec![
        notice.with("notice-by-name", "name", notice.filled(&contact.name)),
        notice.with("notice-by-title", "title", notice.filled(&contact.title)),
        notice.with("notice-by-phone", "phone", notice.filled(&contact.phone)),
        notice.with("notice-by-email", "email", notice.filled(&contact.email)),
        notice.with("notice-by-address", "address", notice.t("notice-unfilled")),
        notice.with("notice-by-signature", "blank", notice.t("notice-unfilled")),
    ]
}

fn happened(notice: &Notice<'_>) -> Vec<String> {
    let opened = &notice.incident.opened;
    let measured = |seen: &Seen| {
        let at = notice.time(seen.observed_at);
        notice.with("notice-observed-at", "observed_at", at)
    };
    std::iter::once(notice.moment(opened.happened_at))
        .chain(opened.finding.as_ref().map(measured))
        .collect()
}

fn harms(notice: &Notice<'_>, assessed: &Assessed) -> String {
    let boxes: Vec<String> = Harm::ALL
        .into_iter()
        .map(|harm| ticked(assessed.harms.contains(&harm), &notice.t(harm.key())))
        .collect();
    Message::new("notice-kind-other")
        .arg("harms", boxes.join("　"))
        .arg("blank", notice.t("notice-unfilled"))
        .render_in(notice.lang)
}

fn numbers(notice: &Notice<'_>, assessed: &Assessed) -> Vec<String> {
    let number = |key, number| notice.with(key, "number", notice.number(number));
    let general = assessed
        .records
        .zip(assessed.special_records)
        .map(|(all, special)| all.saturating_sub(special));
    let some = |number: Option<u64>| number.is_some_and(|number| number > 0);
    vec![
        number("notice-numbers-total", assessed.records),
        ticked(some(general), &number("notice-numbers-general", general)),
        ticked(
            some(assessed.special_records),
            &number("notice-numbers-special", assessed.special_records),
        ),
        number("notice-numbers-people", assessed.people),
    ]
}

/// What was measured, told by its kind alone, and what people found.
fn summary(notice: &Notice<'_>, assessed: &Assessed) -> Vec<String> {
    let opened = &notice.incident.opened;
    let mut lines = Vec::new();
    match (&opened.finding, &opened.host) {
        (Some(seen), Some(host)) => {
            let entry = catalogue::check(&seen.check);
            let check = entry.map_or(seen.check.as_str(), |entry| entry.title.get(notice.lang));
            let measured = Message::new("notice-measured")
                .arg("host", &host.name)
                .arg("at", notice.time(seen.observed_at))
                .arg("check", check)
                .arg("kind", notice.t(opened.kind.key()));
            lines.push(measured.render_in(notice.lang));
            if seen.anomaly.as_deref() == Some("success-after-failures") {
                lines.push(notice.t("notice-anomaly-success-after-failures"));
            }
        }
        _ => lines.push(opened.text.clone()),
    }
    lines.push(notice.filled(&assessed.text));
    lines
}

/// What was done, and what the plan says is to be done, 5（5）1.
fn measures(notice: &Notice<'_>) -> Vec<String> {
    let mut lines = taken(notice);
    if lines.is_empty() {
        lines.push(notice.t("notice-unfilled"));
    }
    let planned = &notice.plan.incident.containment;
    if !planned.is_empty() {
        lines.push(format!(
            "{}{}",
            notice.t("notice-measures-planned"),
            boxes(planned)
        ));
    }
    lines
}

/// What was done against it, as people put it on record.
pub(super) fn taken(notice: &Notice<'_>) -> Vec<String> {
    let said = notice.incident.history.iter().filter_map(|taken| {
        let IncidentStep::Contain(entry) = &taken.step else {
            return None;
        };
        let said = Message::new("notice-measure-taken")
            .arg("at", notice.time(taken.at))
            .arg("text", &entry.text);
        Some(said.render_in(notice.lang))
    });
    said.collect()
}

/// 5（3）: when and how the people concerned are told, and where they may ask.
fn telling(notice: &Notice<'_>) -> Vec<String> {
    let incident = &notice.plan.incident;
    let told = notice.incident.told(Whom::Subjects);
    vec![
        notice.with("notice-telling-at", "at", notice.moment(told)),
        format!(
            "{}{}",
            notice.t("notice-telling-by"),
            boxes(&incident.subject_channels)
        ),
        notice.with(
            "notice-telling-enquiry",
            "channel",
            notice.filled(&incident.enquiry_channel),
        ),
    ]
}

fn within(seconds: i64, notice: &Notice<'_>) -> String {
    let hours = u32::try_from(seconds / 3_600).unwrap_or(u32::MAX);
    let interval = Interval::new(hours, plumbline_config::interval::Unit::Hour);
    interval.words().get(notice.lang).to_owned()
}

fn media(notice: &Notice<'_>) -> String {
    let Some(at) = notice.incident.in_media_at else {
        return notice.t("notice-media-none");
    };
    let seconds = notice.incident.opened.report_within_if_in_media_seconds;
    Message::new("notice-media-at")
        .arg("at", notice.time(at))
        .arg("within", within(seconds, notice))
        .render_in(notice.lang)
}

/// 是否於知悉後七十二小時內通報: answered once it was told, or is too late.
fn in_time(notice: &Notice<'_>) -> Vec<String> {
    let state = notice.incident.clock(notice.now).state;
    let late = matches!(state, ClockState::Overdue | ClockState::Late);
    let reason = notice.with("notice-no", "reason", notice.t("notice-unfilled"));
    let asked = notice.with(
        "notice-in-time-asked",
        "within",
        within(notice.incident.opened.report_within_seconds, notice),
    );
    vec![
        asked,
        format!(
            "{}　{}",
            ticked(state == ClockState::Met, &notice.t("notice-yes")),
            ticked(late, &reason)
        ),
    ]
}
