//! Patterns among failures: those of one source, and those at one account from many.

use std::collections::VecDeque;

use plumbline_config::plan::LoginRules;
use plumbline_facts::logins::{Events, Id, Method, Outcome, Row};

use super::anomaly::{Anomaly, AnomalyKind, Subject};
use super::detect::DAY;
use super::source::{Groups, SourceGroup};
use super::window::{Attempts, Both, Different, episodes, mark, microseconds};

/// The failures among some attempts, under some rules.
pub(super) struct Failures<'e> {
    events: &'e Events,
    rules: &'e LoginRules,
    groups: Groups,
    /// All 0 between uses: a place for each number of a source, and of an account.
    by_source: Vec<u32>,
    by_name: Vec<u32>,
}

/// What some attempts of one source, or at one account, come to: which of them are part of each kind of pattern.
struct Marks<'e> {
    rows: Vec<&'e Row>,
    brute_force: Vec<bool>,
    spraying: Vec<bool>,
}

impl<'e> Failures<'e> {
    pub(super) fn of(events: &'e Events, rules: &'e LoginRules) -> Self {
        let groups = Groups::of(events);
        Self {
            events,
            rules,
            by_source: vec![0; groups.numbers()],
            by_name: vec![0; events.names()],
            groups,
        }
    }

    /// What is abnormal about them.
    pub(super) fn anomalies(mut self) -> Vec<Anomaly> {
        let (events, rules) = (self.events, self.rules);
        let mut found = Vec::new();
        for places in self.sources().parts() {
            let rows = at(events, places);
            let source = rows.first().and_then(|row| events.source(row.source));
            let Some(group) = source.and_then(|source| SourceGroup::of(&source)) else {
                continue;
            };
            let subject = Subject::Source(group);
            let marks = self.marks(rows.iter().copied().filter(|row| is_guess(row)).collect());
            let of = |kind, marked: &[bool]| -> Vec<Anomaly> {
                episodes(&marks.rows, marked, DAY)
                    .iter()
                    .filter_map(|episode| Anomaly::of(kind, subject.clone(), events, episode))
                    .collect()
            };
            found.extend(of(AnomalyKind::BruteForce, &marks.brute_force));
            found.extend(of(AnomalyKind::PasswordSpraying, &marks.spraying));
            found.extend(success_after_failures(&subject, events, &rows, rules));
        }
        for places in self.accounts().parts() {
            let rows = at(events, places);
            let marks = self.distributed(&rows);
            for episode in episodes(&rows, &marks, DAY) {
                let known = episode.iter().find(|row| !row.unknown_user);
                let subject = match known.and_then(|row| events.name(row.user)) {
                    Some(user) => Subject::User(user.to_owned()),
                    None => Subject::UnknownUser,
                };
                found.extend(Anomaly::of(AnomalyKind::BruteForce, subject, events, &episode));
            }
        }
        found
    }

    /// Which attempts are part of a pattern, by their places.
    pub(super) fn matter(mut self) -> Vec<bool> {
        let events = self.events;
        let mut matter = vec![false; events.len()];
        let mut keep = |places: &[u32], marks: &[bool]| {
            for (place, _) in places.iter().zip(marks).filter(|(_, marked)| **marked) {
                if let Some(matters) = matter.get_mut(*place as usize) {
                    *matters = true;
                }
            }
        };
        for places in self.sources().parts() {
            let rows = at(events, places);
            keep(places, &before_success(&rows, self.rules));
            let guesses: Vec<u32> = places
                .iter()
                .zip(&rows)
                .filter(|(_, row)| is_guess(row))
                .map(|(place, _)| *place)
                .collect();
            let marks = self.marks(at(events, &guesses));
            keep(&guesses, &marks.brute_force);
            keep(&guesses, &marks.spraying);
        }
        for places in self.accounts().parts() {
            keep(places, &self.distributed(&at(events, places)));
        }
        matter
    }

    /// The attempts of each source that failed often enough for anything to be made of it: an attack may come from more
    /// sources than there is room for.
    fn sources(&mut self) -> Grouped {
        let rules = self.rules;
        let least = [
            rules.brute_force_failures,
            rules.slow_failures,
            rules.spraying_users,
            rules.slow_users,
            rules.success_after_failures,
        ];
        let least = least.into_iter().min().unwrap_or_default();
        let groups = &self.groups;
        let key = |row: &Row| groups.number(row);
        grouped(self.events, groups.numbers(), least, key, |_| true)
    }

    /// The failures from elsewhere at each account that was failed at often enough, accounts in order of their names.
    fn accounts(&mut self) -> Grouped {
        let groups = &self.groups;
        let wanted = |row: &Row| is_guess(row) && !groups.number(row).is_none();
        let least = self.rules.distributed_failures;
        let mut accounts = grouped(self.events, self.events.names(), least, |row| row.user, wanted);
        let name = |(account, _): &(Id, std::ops::Range<usize>)| self.events.name(*account);
        accounts.parts.sort_by(|one, other| name(one).cmp(&name(other)));
        accounts
    }

    /// Marks failures of one source.
    fn marks(&mut self, rows: Vec<&'e Row>) -> Marks<'e> {
        let rules = self.rules;
        let mut brute_force = vec![false; rows.len()];
        let least = u64::from(rules.brute_force_failures).max(1);
        let within = rules.brute_force_within.nominal();
        mark(&rows, within, Attempts::least(least), &mut brute_force);
        // A plan that is stricter still is not made laxer by this, nor one that is laxer made strict.
        let slow = Attempts::least(u64::from(rules.slow_failures).max(least));
        mark(&rows, DAY, slow, &mut brute_force);
        let mut spraying = vec![false; rows.len()];
        let least = size(rules.spraying_users).max(2);
        let user = |row: &Row| row.user;
        // Fewer attempts than that name fewer users still.
        if rows.len() >= least {
            let within = rules.spraying_within.nominal();
            let many = Different::least(least, user, &mut self.by_name);
            mark(&rows, within, many, &mut spraying);
            let slow = Different::least(size(rules.slow_users).max(least), user, &mut self.by_name);
            mark(&rows, DAY, slow, &mut spraying);
        }
        Marks {
            rows,
            brute_force,
            spraying,
        }
    }

    /// Marks failures at one account from many sources, each of which may stay below every threshold of its own.
    fn distributed(&mut self, rows: &[&Row]) -> Vec<bool> {
        let rules = self.rules;
        let mut marks = vec![false; rows.len()];
        let groups = &self.groups;
        let key = |row: &Row| groups.number(row);
        let measure = Both(
            Attempts::least(u64::from(rules.distributed_failures)),
            Different::least(size(rules.distributed_sources), key, &mut self.by_source),
        );
        mark(rows, rules.distributed_within.nominal(), measure, &mut marks);
        marks
    }
}

/// Places of attempts by a key.
struct Grouped {
    places: Vec<u32>,
    /// Keys, and where their places stand.
    parts: Vec<(Id, std::ops::Range<usize>)>,
}

impl Grouped {
    /// The places of each key's attempts, in order of time.
    fn parts(&self) -> impl Iterator<Item = &[u32]> {
        let places = |range: &std::ops::Range<usize>| self.places.get(range.clone()).unwrap_or_default();
        self.parts.iter().map(move |(_, range)| places(range))
    }
}

/// The wanted attempts of each key that at least so many guesses have; `numbers` is how many keys there can be.
fn grouped(
    events: &Events,
    numbers: usize,
    least: u32,
    key: impl Fn(&Row) -> Id,
    wanted: impl Fn(&Row) -> bool,
) -> Grouped {
    let logins = || events.rows().iter().filter(|row| !row.service.is_escalation());
    let mut guesses = vec![0u32; numbers];
    let mut lengths = vec![0u32; numbers];
    for row in logins() {
        let place = key(row).place();
        if let (Some(guesses), Some(length)) = (guesses.get_mut(place), lengths.get_mut(place)) {
            if is_guess(row) {
                *guesses = guesses.saturating_add(row.count);
            }
            *length += u32::from(wanted(row));
        }
    }
    let mut parts = Vec::new();
    let mut end = 0;
    for id in logins().map(&key).filter(|id| !id.is_none()) {
        let (Some(count), Some(length)) = (guesses.get_mut(id.place()), lengths.get_mut(id.place())) else {
            continue;
        };
        if *count < least.max(1) || *length == 0 {
            continue;
        }
        // Met first: from here on the length is where the next place goes.
        *count = 0;
        let start = end;
        end += std::mem::take(length) as usize;
        parts.push((id, start..end));
    }
    let mut next: Vec<u32> = lengths;
    next.fill(u32::MAX);
    for (id, range) in &parts {
        if let (Some(next), Ok(start)) = (next.get_mut(id.place()), u32::try_from(range.start)) {
            *next = start;
        }
    }
    let mut places = vec![0; end];
    for (place, row) in (0u32..).zip(events.rows()) {
        if row.service.is_escalation() || !wanted(row) {
            continue;
        }
        if let Some(next) = next.get_mut(key(row).place())
            && let Some(free) = places.get_mut(*next as usize)
        {
            *free = place;
            *next += 1;
        }
    }
    Grouped { places, parts }
}

fn at<'e>(events: &'e Events, places: &[u32]) -> Vec<&'e Row> {
    let rows = events.rows();
    places
        .iter()
        .filter_map(|place| rows.get(*place as usize))
        .collect()
}

fn size(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// Whether a failure may have been a guess at a secret. A key that a server does not take is none: clients offer all
/// that they have, and nobody guesses keys. Nor is a peer that never named a user.
fn is_guess(row: &Row) -> bool {
    row.outcome == Outcome::Failed
        && row.method != Method::Probe
        && (row.unknown_user || !(row.method.is_key() || row.method == Method::None))
}

/// Whether it was a login by something that can be guessed.
fn is_guessable_login(row: &Row) -> bool {
    row.outcome == Outcome::Accepted && !row.method.is_key()
}

/// A login by something that can be guessed, soon after enough failures from the same source.
fn success_after_failures(
    subject: &Subject,
    events: &Events,
    rows: &[&Row],
    rules: &LoginRules,
) -> Vec<Anomaly> {
    let within = microseconds(rules.success_after_failures_within.nominal());
    let least = u64::from(rules.success_after_failures).max(1);
    let mut recent: VecDeque<&Row> = VecDeque::new();
    let mut found: Vec<(Id, Anomaly)> = Vec::new();
    for row in rows {
        while let Some(oldest) = recent.front()
            && row.microsecond().saturating_sub(oldest.microsecond()) > within
        {
            recent.pop_front();
        }
        if is_guess(row) {
            recent.push_back(row);
            continue;
        }
        if !is_guessable_login(row) {
            continue;
        }
        let failures: u64 = recent.iter().map(|failure| u64::from(failure.count)).sum();
        if failures < least {
            continue;
        }
        let same = |(user, known): &&mut (Id, Anomaly)| {
            *user == row.user && row.at().duration_since(known.last_at) <= DAY
        };
        if let Some((_, known)) = found.iter_mut().find(same) {
            known.last_at = row.at();
            continue;
        }
        let all: Vec<&Row> = recent.iter().copied().chain([*row]).collect();
        let kind = AnomalyKind::SuccessAfterFailures;
        if let Some(mut anomaly) = Anomaly::of(kind, subject.clone(), events, &all) {
            anomaly.user = events.name(row.user).map(str::to_owned);
            anomaly.count = failures;
            found.push((row.user, anomaly));
        }
    }
    found.into_iter().map(|(_, anomaly)| anomaly).collect()
}

/// Marks the failures that a login by something that can be guessed came soon after.
fn before_success(rows: &[&Row], rules: &LoginRules) -> Vec<bool> {
    let within = microseconds(rules.success_after_failures_within.nominal());
    let mut login_at: Option<i64> = None;
    let mut marks: Vec<bool> = rows
        .iter()
        .rev()
        .map(|row| {
            if is_guessable_login(row) {
                login_at = Some(row.microsecond());
            }
            login_at.is_some_and(|login| login.saturating_sub(row.microsecond()) <= within)
        })
        .collect();
    marks.reverse();
    marks
}
