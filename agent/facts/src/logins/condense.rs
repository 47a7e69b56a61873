//! Makes one event of many like ones, when there are more than there is room for.

use super::event::{LoginEvent, Outcome};

/// Joins failures of one user from one source by one method within ten minutes into one event that counts them all.
pub(super) fn join_like(events: &mut Vec<LoginEvent>) {
    const SECONDS: i64 = 600;
    events.sort_unstable_by(|one, other| {
        let place = |event: &LoginEvent| (event.outcome, event.service, event.method, event.unknown_user);
        let bucket = |event: &LoginEvent| event.at.as_second().div_euclid(SECONDS);
        (place(one), &one.source, &one.user, &one.by, bucket(one), one.at).cmp(&(
            place(other),
            &other.source,
            &other.user,
            &other.by,
            bucket(other),
            other.at,
        ))
    });
    events.dedup_by(|later, first| {
        let alike = first.outcome == Outcome::Failed
            && (first.outcome, first.service, first.method, first.unknown_user)
                == (later.outcome, later.service, later.method, later.unknown_user)
            && (&first.source, &first.user, &first.by) == (&later.source, &later.user, &later.by)
            && first.at.as_second().div_euclid(SECONDS) == later.at.as_second().div_euclid(SECONDS);
        if alike {
            first.count = first.count.saturating_add(later.count);
        }
        alike
    });
    events.sort_unstable_by_key(|event| (event.at, event.line));
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::event::{Method, Service, Source};
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
        join_like(&mut events);
        let counts: Vec<_> = events
            .iter()
            .filter(|event| event.outcome == Outcome::Failed)
            .map(|event| (event.at.as_second(), event.count))
            .collect();
        assert_eq!(counts, [(0, 600), (30, 1), (600, 600)]);
        assert_eq!(events.len(), 6);
    }
}
