//! `inspect logins`.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use plumbline_checks::logins::{Anomaly, Observed, Place, detect, winnow};
use plumbline_config::finding::Severity;
use plumbline_config::ident::Role;
use plumbline_config::interval::Interval;
use plumbline_config::message::{Message, text};
use plumbline_config::plan::{LoadedPlan, LoginRules, Plan};
use plumbline_console::{Failure, Format, Outcome, Output};
use plumbline_facts::Host;
use plumbline_facts::logins::{Events, Habits, Input, Inspected, LoginEvent, inspect, inspect_within};
use serde::{Serialize, Serializer};

/// Arguments of `inspect logins`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: plumbline-agent inspect logins /var/log/auth.log.1 /var/log/auth.log --events"
)]
pub(crate) struct Args {
    /// Logs (plain, .gz, .bz2, .xz or .zst), wtmp, btmp, wtmp.db, lastlog2.db or journal export; oldest first where one follows another
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// Year of lines that have none; otherwise the newest that is not after the file was last written to
    #[arg(long, value_name = "YEAR", value_parser = clap::value_parser!(i16).range(1970..=9998))]
    year: Option<i16>,

    /// Print every attempt too
    #[arg(long)]
    events: bool,

    /// The plan whose thresholds are used; otherwise the form's usual ones
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,

    /// Scope of Section 7 whose thresholds are used: service or office
    #[arg(long, default_value = "service")]
    role: Role,
}

#[derive(Serialize)]
struct Report<'a> {
    lines: u64,
    unparsed: u64,
    /// Attempts that had to be dropped for want of room.
    evicted: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<EventRows<'a>>,
    anomalies: Vec<AnomalyRow<'a>>,
}

/// Attempts, each made when it is written.
struct EventRows<'a>(&'a Events);

impl Serialize for EventRows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(EventRow::of))
    }
}

#[derive(Serialize)]
struct EventRow {
    at: Timestamp,
    service: &'static str,
    user: Option<String>,
    /// Whether the log does not vouch that the account exists.
    unknown_user: bool,
    source: Option<String>,
    outcome: &'static str,
    method: &'static str,
    count: u32,
    line: u64,
}

#[derive(Serialize)]
struct AnomalyRow<'a> {
    kind: &'static str,
    user: Option<&'a str>,
    sources: &'a [Place],
    first_at: Timestamp,
    last_at: Timestamp,
    count: u64,
    severity: Severity,
    /// Groups, files or reasons, where the anomaly is about privileges.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    what: Vec<&'a str>,
    /// Who gave them.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    /// Lines, or records, of the first attempts and the last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lines: Vec<u64>,
}

/// Prints attempts and what is abnormal among them. All attempts in the files count, however old they are.
pub(crate) fn run(args: &Args, output: &Output) -> Result<Outcome, Failure> {
    let (mut rules, dormant_after) = rules(args)?;
    let files = args
        .files
        .iter()
        .map(|path| absolute(path))
        .collect::<Result<_, _>>()?;
    let input = Input {
        files,
        year: args.year,
        patterns: rules.patterns.clone(),
        geoip_file: rules.geoip_file.clone(),
    };
    let host = Host::live()?;
    // Every attempt is told, or those are held alone that something may yet be made of.
    let inspected = if args.events {
        inspect(&host, &input)
    } else {
        let spare = |events: &mut Events, read_to| winnow(events, read_to, &rules);
        inspect_within(&host, &input, &spare)
    }?;
    if args.plan.is_none() {
        rules.learning_period = learning_period(&inspected, rules.learning_period);
    }
    let observed = Observed {
        events: &inspected.events,
        changes: &inspected.changes,
        habits: &Habits::default(),
        places: &inspected.places,
        dormant_after,
        zone: &inspected.zone.0,
    };
    let anomalies = detect(&observed, &rules);
    if output.format == Format::Json {
        output.json(&Report {
            lines: inspected.lines,
            unparsed: inspected.unparsed,
            evicted: inspected.evicted,
            events: args.events.then_some(EventRows(&inspected.events)),
            anomalies: anomalies.iter().map(AnomalyRow::of).collect(),
        })?;
    } else {
        print(&inspected, &anomalies, args.events, output)?;
    }
    Ok(Outcome::Clean)
}

/// The plan's rules, and how long an account sleeps before it is dormant.
fn rules(args: &Args) -> Result<(LoginRules, SignedDuration), Failure> {
    let plan = match &args.plan {
        Some(path) => LoadedPlan::load(path)?.plan,
        None => Plan::default(),
    };
    let measures = plan.measures(args.role);
    Ok((
        measures.monitoring.logins.clone(),
        measures.review.dormant_after.nominal(),
    ))
}

/// Of files that reach back less than twice the usual time, the first half shows what is usual, but three days at least.
fn learning_period(inspected: &Inspected, usual: Interval) -> Interval {
    const LEAST_DAYS: i64 = 3;
    let rows = inspected.events.rows();
    let days = match (rows.first(), rows.last()) {
        (Some(first), Some(last)) => last.at().duration_since(first.at()).as_hours() / 48,
        _ => 0,
    };
    let usual_days = usual.nominal_seconds() / 86_400;
    if days >= usual_days {
        return usual;
    }
    u32::try_from(days.max(LEAST_DAYS)).map_or(usual, Interval::days)
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

impl EventRow {
    fn of(event: LoginEvent) -> Self {
        Self {
            at: event.at,
            service: event.service.name(),
            user: event.user,
            unknown_user: event.unknown_user,
            source: event.source.as_ref().map(ToString::to_string),
            outcome: event.outcome.name(),
            method: event.method.name(),
            count: event.count,
            line: event.line,
        }
    }
}

impl<'a> AnomalyRow<'a> {
    fn of(anomaly: &'a Anomaly) -> Self {
        Self {
            kind: anomaly.kind.name(),
            user: anomaly.user.as_deref(),
            sources: &anomaly.sources,
            first_at: anomaly.first_at,
            last_at: anomaly.last_at,
            count: anomaly.count,
            severity: anomaly.kind.severity(),
            what: anomaly.what.iter().map(String::as_str).collect(),
            by: anomaly.by.as_deref(),
            lines: anomaly.events.iter().map(|event| event.line).collect(),
        }
    }
}

fn print(inspected: &Inspected, anomalies: &[Anomaly], events: bool, output: &Output) -> Result<(), Failure> {
    let size = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let summary = Message::new("inspect-logins-summary")
        .number("lines", size(inspected.lines))
        .number("unparsed", size(inspected.unparsed))
        .number("attempts", size(inspected.attempts))
        .number("anomalies", anomalies.len());
    output.line(&summary.render_in(output.lang))?;
    let word = |key| text(output.lang, key);
    if events {
        let headings = [
            "heading-time",
            "heading-service",
            "heading-user",
            "heading-source",
            "heading-outcome",
            "heading-method",
            "heading-count",
            "heading-line",
        ]
        .map(word);
        let rows = inspected.events.iter().map(EventRow::of).map(|row| {
            [
                row.at.to_string(),
                row.service.to_owned(),
                row.user.unwrap_or_else(|| "-".to_owned()),
                row.source.unwrap_or_else(|| "-".to_owned()),
                row.outcome.to_owned(),
                row.method.to_owned(),
                row.count.to_string(),
                row.line.to_string(),
            ]
        });
        output.table(headings.each_ref().map(String::as_str), rows)?;
    }
    if anomalies.is_empty() {
        return Ok(());
    }
    let headings = [
        "heading-severity",
        "heading-kind",
        "heading-user",
        "heading-sources",
        "heading-first",
        "heading-last",
        "heading-count",
    ]
    .map(word);
    let rows = anomalies.iter().map(|anomaly| {
        [
            output.severity(anomaly.kind.severity()),
            anomaly.kind.name().to_owned(),
            anomaly.user.clone().unwrap_or_else(|| "-".to_owned()),
            anomaly
                .sources
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", "),
            anomaly.first_at.to_string(),
            anomaly.last_at.to_string(),
            anomaly.count.to_string(),
        ]
    });
    output.table(headings.each_ref().map(String::as_str), rows)
}
