//! `access.abnormal`: nobody read personal data in bulk, off hours, or for the first time.

use std::collections::BTreeMap;

use jiff::Timestamp;
use plumbline_config::finding::Severity;
use plumbline_config::message::Message;
use plumbline_config::plan::{AccessRules, NameDetail};
use plumbline_config::seal::sha256_hex;
use plumbline_facts::access::{AccessFacts, Reader, SLOT_SECONDS};
use plumbline_facts::{Facts, ProbeId, Unknown};
use serde_json::{Value, json};

use crate::check::{Check, Context, Verdict};

/// Subject of what is said of the records themselves.
const RECORDS: &str = "access-records";

/// On so many days before an hour is one that an account is used to.
const DAYS_OF_A_HABIT: u16 = 3;

/// Most accounts that get a finding of their own.
const MOST_SUBJECTS: usize = 100;

const DAY_SECONDS: i64 = 24 * 60 * 60;

pub(crate) const CHECK: Check = Check {
    id: "access.abnormal",
    needs: &[ProbeId::Access],
    judge,
    #[cfg(test)]
    examples,
};

/// What makes accesses abnormal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    FirstSeenReader,
    BulkRead,
    OffHoursBulkRead,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::FirstSeenReader => "first-seen-reader",
            Self::BulkRead => "bulk-read",
            Self::OffHoursBulkRead => "off-hours-bulk-read",
        }
    }

    const fn key(self) -> &'static str {
        match self {
            Self::FirstSeenReader => "access-first-seen-reader",
            Self::BulkRead => "access-bulk-read",
            Self::OffHoursBulkRead => "access-off-hours-bulk-read",
        }
    }

    const fn severity(self) -> Severity {
        match self {
            Self::FirstSeenReader => Severity::Medium,
            Self::BulkRead => Severity::High,
            Self::OffHoursBulkRead => Severity::Critical,
        }
    }
}

struct Anomaly {
    kind: Kind,
    count: u64,
    first_at: Timestamp,
    last_at: Timestamp,
}

fn judge(facts: &Facts, context: &Context<'_>) -> Result<Vec<Verdict>, Unknown> {
    let monitoring = &context.measures().monitoring;
    let rules = &monitoring.access;
    if let Some(reason) = monitoring
        .not_applicable
        .as_ref()
        .or(rules.not_applicable.as_ref())
    {
        return Ok(vec![Verdict::switched_off(reason)]);
    }
    let access = facts.access.value()?;
    if access.paths.is_empty() {
        return Ok(vec![Verdict::manual(
            Verdict::HOST,
            Message::new("access-nothing-declared"),
        )]);
    }
    if access.paths.values().all(|there| !there) {
        return Ok(vec![Verdict::not_applicable(
            Verdict::HOST,
            Message::new("access-nothing-here"),
        )]);
    }
    // Without records nobody can tell, whoever read what.
    let log = access.log.value()?;
    let mut verdicts = Vec::new();
    for (name, reader) in &access.readers {
        let mut anomalies = anomalies(reader, access, context);
        anomalies.sort_by_key(|anomaly| std::cmp::Reverse(anomaly.kind));
        verdicts.extend(failing(name, reader, &anomalies, access, rules));
    }
    verdicts.sort_by_key(|verdict| std::cmp::Reverse(verdict.severity));
    if verdicts.len() > MOST_SUBJECTS {
        let others = verdicts.split_off(MOST_SUBJECTS);
        let worst = others.iter().filter_map(|verdict| verdict.severity).max();
        let message = Message::new("access-others").number("count", others.len());
        let verdict = Verdict::fail("user:others", message);
        verdicts.push(verdict.severity(worst.unwrap_or(Severity::Medium)));
    }
    if verdicts.is_empty() {
        let message = Message::new("access-nothing-abnormal").number("readers", access.readers.len());
        verdicts.push(
            Verdict::pass(Verdict::HOST, message)
                .compared(json!({ "anomalies": 0 }), json!({ "anomalies": 0 }))
                .evidence(json!({ "readers": access.readers.len(), "since": access.since })),
        );
    }
    if log.lost || access.left_out > 0 {
        let message = Message::new("access-partly-unread");
        let evidence = json!({ "lost": log.lost, "readers_left_out": access.left_out });
        verdicts.push(Verdict::error(RECORDS, message).evidence(evidence));
    }
    Ok(verdicts)
}

fn anomalies(reader: &Reader, access: &AccessFacts, context: &Context<'_>) -> Vec<Anomaly> {
    let rules = &context.measures().monitoring.access;
    let zone = context.plan.zone();
    let recent = |at: Timestamp| rules.report_for.after(at, &zone) >= context.now;
    let mut found = Vec::new();
    let learned = access
        .since
        .is_some_and(|since| reader.first_at.duration_since(since) >= rules.learning_period.nominal());
    if learned && recent(reader.first_at) {
        found.push(Anomaly {
            kind: Kind::FirstSeenReader,
            count: reader.slots.values().map(|count| u64::from(*count)).sum(),
            first_at: reader.first_at,
            last_at: reader.last_at,
        });
    }
    let window = rules.bulk_within.nominal_seconds();
    let off_hours: BTreeMap<i64, u32> = reader
        .slots
        .iter()
        .filter(|(slot, _)| !is_usual(**slot, reader, context))
        .map(|(slot, count)| (*slot, *count))
        .collect();
    let usual = |slot: i64| {
        let today = slot.div_euclid(DAY_SECONDS);
        let before = reader
            .busiest
            .range(..today)
            .map(|(_, busiest)| u64::from(*busiest))
            .max();
        u64::from(rules.bulk_reads).max(before.unwrap_or(0).saturating_mul(u64::from(rules.bulk_factor)))
    };
    let least_off_hours = |_| u64::from(rules.off_hours_reads);
    found.extend(bulk(Kind::BulkRead, &reader.slots, window, &usual, &recent));
    found.extend(bulk(
        Kind::OffHoursBulkRead,
        &off_hours,
        window,
        &least_off_hours,
        &recent,
    ));
    found
}

/// The recent slots from which on so many accesses lie within the window, as one anomaly.
fn bulk(
    kind: Kind,
    slots: &BTreeMap<i64, u32>,
    window: i64,
    least: &dyn Fn(i64) -> u64,
    recent: &dyn Fn(Timestamp) -> bool,
) -> Option<Anomaly> {
    let mut spans: Vec<(i64, i64, u64)> = Vec::new();
    for slot in slots.keys() {
        let within = slots.range(*slot..slot.saturating_add(window));
        let count: u64 = within.clone().map(|(_, count)| u64::from(*count)).sum();
        let last = within.last().map_or(*slot, |(last, _)| *last);
        if count >= least(*slot).max(1) {
            spans.push((*slot, last.saturating_add(SLOT_SECONDS), count));
        }
    }
    let at = |second: i64| Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
    spans.retain(|(_, last, _)| recent(at(*last)));
    let (first, last) = (spans.first()?.0, spans.iter().map(|span| span.1).max()?);
    Some(Anomaly {
        kind,
        count: spans.iter().map(|span| span.2).max()?,
        first_at: at(first),
        last_at: at(last),
    })
}

/// Whether people work then, or this account was seen to read at that hour on earlier days.
fn is_usual(slot: i64, reader: &Reader, context: &Context<'_>) -> bool {
    let Ok(at) = Timestamp::from_second(slot) else {
        return true;
    };
    let local = at.to_zoned(context.plan.zone());
    let in_hours = match (u16::try_from(local.hour()), u16::try_from(local.minute())) {
        (Ok(hour), Ok(minute)) => context
            .measures()
            .monitoring
            .logins
            .work_hours
            .contains(hour, minute),
        _ => true,
    };
    let hour = usize::try_from(slot.div_euclid(3600).rem_euclid(24)).unwrap_or_default();
    // The day itself is one of those counted.
    let days = reader.hours.get(hour).copied().unwrap_or(0);
    in_hours || days > DAYS_OF_A_HABIT
}

fn failing(
    name: &str,
    reader: &Reader,
    anomalies: &[Anomaly],
    access: &AccessFacts,
    rules: &AccessRules,
) -> Option<Verdict> {
    let worst = anomalies.first()?;
    let shown = shown(name, rules.names, access.key);
    let message = Message::new(worst.kind.key())
        .arg("user", &shown)
        .number("count", usize::try_from(worst.count).unwrap_or(usize::MAX))
        .arg("first", worst.first_at)
        .arg("last", worst.last_at);
    let evidence: Vec<Value> = anomalies
        .iter()
        .map(|anomaly| {
            json!({
                "kind": anomaly.kind.name(), "severity": anomaly.kind.severity(), "count": anomaly.count,
                "first_at": anomaly.first_at, "last_at": anomaly.last_at,
            })
        })
        .collect();
    let mut evidence = json!({ "anomalies": evidence });
    if let Some(evidence) = evidence.as_object_mut() {
        if rules.names != NameDetail::Hashed {
            evidence.insert("programs".to_owned(), json!(reader.programs));
        }
        if rules.names == NameDetail::Full {
            evidence.insert("directories".to_owned(), json!(reader.directories));
        }
    }
    let expected = json!({
        "bulk_reads_below": rules.bulk_reads, "bulk_within_seconds": rules.bulk_within.nominal_seconds(),
        "bulk_factor": rules.bulk_factor, "off_hours_reads_below": rules.off_hours_reads,
        "learning_seconds": rules.learning_period.nominal_seconds(),
    });
    let kinds: Vec<&str> = anomalies.iter().map(|anomaly| anomaly.kind.name()).collect();
    Some(
        Verdict::fail(format!("user:{shown}"), message)
            .compared(expected, json!({ "kinds": kinds, "count": worst.count }))
            .evidence(evidence)
            .severity(worst.kind.severity()),
    )
}

fn shown(name: &str, detail: NameDetail, [one, other]: [u64; 2]) -> String {
    match detail {
        NameDetail::Full | NameDetail::Account => name.to_owned(),
        NameDetail::Hashed => {
            let digest = sha256_hex(format!("{one:016x}{other:016x}{name}").as_bytes());
            format!("hash:{}", digest.get(..16).unwrap_or_default())
        }
    }
}

#[cfg(test)]
fn examples() -> crate::check::Examples {
    use plumbline_config::plan::Plan;

    crate::check::Examples {
        passing: (
            tests::facts(&[("alice", tests::reads("2026-11-21T03:00:00Z", 100))]),
            Plan::default(),
        ),
        failing: (
            tests::facts(&[("alice", tests::reads("2026-11-21T03:00:00Z", 300))]),
            Plan::default(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use jiff::SignedDuration;
    use plumbline_config::finding::Status;
    use plumbline_config::ident::Role;
    use plumbline_config::plan::Plan;
    use plumbline_facts::Known;
    use plumbline_facts::logins::Reading;

    use super::*;
    use crate::invariants::NOW;

    pub(super) fn reads(at: &str, count: u32) -> Reader {
        Reader::of(&[(at.parse().unwrap(), count)])
    }

    pub(super) fn facts(readers: &[(&str, Reader)]) -> Facts {
        let readers = readers
            .iter()
            .map(|(name, reader)| ((*name).to_owned(), reader.clone()));
        let now: Timestamp = NOW.parse().unwrap();
        Facts {
            access: Known::Value(AccessFacts {
                paths: BTreeMap::from([(PathBuf::from("/srv/pii"), true)]),
                log: Known::Value(Reading::default()),
                readers: readers.collect(),
                since: Some(now - SignedDuration::from_hours(10 * 24)),
                ..AccessFacts::default()
            }),
            ..Facts::default()
        }
    }

    fn judged(facts: &Facts, plan: &Plan) -> Vec<Verdict> {
        let context = Context {
            plan,
            role: Role::Service,
            now: NOW.parse().unwrap(),
        };
        judge(facts, &context).unwrap()
    }

    fn kinds(reader: Reader) -> Vec<String> {
        let verdicts = judged(&facts(&[("alice", reader)]), &Plan::default());
        let kinds = verdicts
            .iter()
            .flat_map(|v| v.actual["kinds"].as_array().cloned().unwrap_or_default());
        kinds.map(|kind| kind.as_str().unwrap().to_owned()).collect()
    }

    // The plan's zone is Asia/Taipei: 03:00 UTC is 11:00 there, 18:00 UTC is 02:00.

    #[test]
    fn a_bulk_is_so_many_within_the_time_and_more_than_is_usual() {
        let day = |day: u32, count| (format!("2026-11-{day}T03:00:00Z").parse().unwrap(), count);
        assert_eq!(kinds(Reader::of(&[day(21, 199)])), [""; 0]);
        assert_eq!(kinds(Reader::of(&[day(21, 200)])), ["bulk-read"]);
        assert_eq!(
            kinds(Reader::of(&[day(18, 90), day(21, 260)])),
            [""; 0],
            "three times its usual"
        );
        assert_eq!(kinds(Reader::of(&[day(18, 80), day(21, 260)])), ["bulk-read"]);
        let split =
            ["02:50:00", "03:20:00", "03:40:00"].map(|at| (format!("2026-11-21T{at}Z").parse().unwrap(), 70));
        assert_eq!(
            kinds(Reader::of(&split)),
            ["bulk-read"],
            "over the end of an hour"
        );
        let apart = ["01:00:00", "03:20:00", "05:40:00"]
            .map(|at| (format!("2026-11-21T{at}Z").parse().unwrap(), 190));
        assert_eq!(kinds(Reader::of(&apart)), [""; 0]);
        assert_eq!(kinds(Reader::of(&[day(18, 500)])), [""; 0], "reported long ago");
    }

    #[test]
    fn off_hours_takes_less_unless_it_is_habit() {
        let night = |day: u32, count| (format!("2026-11-{day}T18:00:00Z").parse().unwrap(), count);
        assert_eq!(kinds(Reader::of(&[night(21, 49)])), [""; 0]);
        assert_eq!(kinds(Reader::of(&[night(21, 50)])), ["off-hours-bulk-read"]);
        let nightly = Reader::of(&[night(17, 50), night(18, 50), night(19, 50), night(21, 50)]);
        assert_eq!(kinds(nightly), [""; 0], "a nightly job");
        assert_eq!(
            kinds(Reader::of(&[night(21, 200)])),
            ["off-hours-bulk-read", "bulk-read"],
            "worst first"
        );
    }

    #[test]
    fn who_was_never_seen_counts_after_the_learning_period() {
        let mut facts = facts(&[("mallory", reads("2026-11-21T03:00:00Z", 2))]);
        assert_eq!(judged(&facts, &Plan::default())[0].status, Status::Pass);
        if let Known::Value(access) = &mut facts.access {
            access.since = Some("2026-10-01T00:00:00Z".parse().unwrap());
        }
        let verdicts = judged(&facts, &Plan::default());
        assert_eq!(verdicts[0].actual["kinds"], json!(["first-seen-reader"]));
    }

    #[test]
    fn no_more_is_told_of_names_than_the_plan_lets() {
        let facts = facts(&[("alice", reads("2026-11-21T03:00:00Z", 300))]);
        let told = |detail| {
            let mut plan = Plan::default();
            plan.service.monitoring.access.names = detail;
            let verdict = judged(&facts, &plan).remove(0);
            format!(
                "{} {} {}",
                verdict.subject,
                verdict.evidence,
                verdict.message.render().en
            )
        };
        let hashed = told(NameDetail::Hashed);
        assert!(
            !hashed.contains("alice") && !hashed.contains("cat") && !hashed.contains("/srv"),
            "{hashed}"
        );
        let account = told(NameDetail::Account);
        assert!(account.contains("user:alice") && account.contains("cat") && !account.contains("/srv"));
        assert!(told(NameDetail::Full).contains("/srv/pii"));
        assert!(
            !told(NameDetail::Full).contains("/srv/pii/file"),
            "never the file"
        );
    }

    #[test]
    fn without_records_it_is_an_error_and_with_a_gap_both() {
        let mut facts = facts(&[]);
        let with = |facts: &mut Facts, log| {
            if let Known::Value(access) = &mut facts.access {
                access.log = log;
            }
        };
        with(&mut facts, Known::Absent("audit.log".to_owned()));
        let context = Context {
            plan: &Plan::default(),
            role: Role::Service,
            now: NOW.parse().unwrap(),
        };
        assert!(judge(&facts, &context).is_err());
        with(
            &mut facts,
            Known::Value(Reading {
                lost: true,
                ..Reading::default()
            }),
        );
        let statuses: Vec<Status> = judged(&facts, &Plan::default())
            .iter()
            .map(|v| v.status)
            .collect();
        assert_eq!(statuses, [Status::Pass, Status::Error]);
    }
}
