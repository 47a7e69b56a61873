//! Makes one event of many like ones, when there are more than there is room for.

use super::event::Outcome;
use super::packed::Row;

/// Joins failures of one user from one source by one method within ten minutes into one event that counts them all.
pub(super) fn join_like(rows: &mut Vec<Row>) {
    const MICROSECONDS: i64 = 600 * 1_000_000;
    let alike = |row: &Row| {
        let bucket = row.at.div_euclid(MICROSECONDS);
        let how = (row.outcome, row.service, row.method, row.unknown_user);
        (how, row.source, row.user, row.by, bucket)
    };
    rows.sort_unstable_by_key(|row| (alike(row), row.at, row.line));
    rows.dedup_by(|later, first| {
        let joined = first.outcome == Outcome::Failed && alike(first) == alike(later);
        if joined {
            first.count = first.count.saturating_add(later.count);
        }
        joined
    });
    rows.sort_unstable_by_key(|row| (row.at, row.line));
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::event::{LoginEvent, Method, Service, Source};
    use super::super::packed::Events;
    use super::*;

    #[test]
    fn like_failures_are_joined_and_none_is_lost() {
        let event = |second: i64, user: &str, outcome| LoginEvent {
            at: Timestamp::from_second(second).unwrap(),
            service: Service::Sshd,
            user: Some(user.to_owned()),
            unknown_user: false,
            by: None,
            source: Some(Source::Address([203, 0, 113, 7].into())),
            outcome,
            method: Method::Password,
            count: 1,
            line: 0,
        };
        let mut events: Vec<_> = (0..1_200).map(|n| event(n, "root", Outcome::Failed)).collect();
        events.push(event(30, "ann", Outcome::Failed));
        events.extend((0..3).map(|n| event(n, "ann", Outcome::Accepted)));
        let mut events: Events = events.into_iter().collect();
        join_like(events.rows_mut());
        let counts: Vec<_> = events
            .iter()
            .filter(|event| event.outcome == Outcome::Failed)
            .map(|event| (event.at.as_second(), event.count))
            .collect();
        assert_eq!(counts, [(0, 600), (30, 1), (600, 600)]);
        assert_eq!(events.len(), 6);
    }
}
