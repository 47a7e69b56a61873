//! From what the hosts show to what stands on a line: pure functions.
//!
//! A line is conforming only when everything that the form asks of it is there: every host in its scope passes every
//! check that measures it, each of those checks has been measured, and an attestation stands where one is asked for.
//! A line that nothing speaks for is nonconforming, never left out.

use plumbline_config::catalogue;
use plumbline_config::finding::Status;
use plumbline_config::ident::Role;

use super::model::{Basis, HostCounts, LineStatus};
use crate::store::{Counted, Totals};

/// Hosts of these roles by what they show on a check.
pub(super) fn on_check(totals: &Totals, check: &'static str, roles: &[Role]) -> HostCounts {
    counts(totals, roles, |role, status| Counted::Check(check, role, status))
}

/// Hosts of these roles by the worst they show on the checks of a line.
pub(super) fn on_line(totals: &Totals, line: &'static str, roles: &[Role]) -> HostCounts {
    counts(totals, roles, |role, status| Counted::Line(line, role, status))
}

fn counts(totals: &Totals, roles: &[Role], counted: impl Fn(Role, Status) -> Counted) -> HostCounts {
    let number = |status| {
        let of_role = |role: &Role| totals.get(counted(*role, status));
        u32::try_from(roles.iter().map(of_role).sum::<i64>().max(0)).unwrap_or(u32::MAX)
    };
    HostCounts {
        pass: number(Status::Pass),
        fail: number(Status::Fail),
        stale: number(Status::Stale),
        error: number(Status::Error),
        waived: number(Status::Waived),
        not_applicable: number(Status::NotApplicable),
        manual: number(Status::Manual),
    }
}

/// What the form asks for on a line, and what there is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evidence {
    /// What is asked for.
    pub(super) asked: catalogue::Basis,
    /// What the hosts in scope show, all checks of the line together.
    pub(super) hosts: HostCounts,
    /// Checks that are to measure the line.
    pub(super) checks: usize,
    /// Those of them that some host has reported on.
    pub(super) measured_checks: usize,
    /// What the attestation alone says; nonconforming without one in force.
    pub(super) attested: LineStatus,
}

impl Evidence {
    /// Hosts that speak against the line, or that nothing is known of. What is waived still fails.
    const fn against(&self) -> u32 {
        self.hosts.fail + self.hosts.stale + self.hosts.error + self.hosts.manual + self.hosts.waived
    }

    /// The same once people have said what only they can say: an attestation in force answers hosts that ask for one.
    const fn unanswered(&self) -> u32 {
        match self.attested {
            LineStatus::Conforming => self.against() - self.hosts.manual,
            _ => self.against(),
        }
    }

    /// What measurement alone says; `None` when nothing was measured.
    fn measurement(&self) -> Option<LineStatus> {
        if self.measured_checks == 0 {
            return None;
        }
        let complete = self.measured_checks == self.checks;
        let HostCounts {
            pass,
            waived,
            not_applicable,
            ..
        } = self.hosts;
        Some(if complete && not_applicable == self.hosts.total() {
            LineStatus::NotApplicable
        } else if complete && self.against() == 0 {
            LineStatus::Conforming
        } else if pass + waived > 0 {
            LineStatus::Partly
        } else {
            LineStatus::Nonconforming
        })
    }
}

/// Whether the line is met, and what that rests on.
pub(super) fn line_status(evidence: &Evidence) -> (LineStatus, Basis) {
    use LineStatus::{Conforming, Nonconforming, NotApplicable, Partly};
    let measured = evidence.measurement();
    let attested = evidence.attested;
    let basis = match (measured, attested != Nonconforming) {
        // What only a person can say was said.
        (Some(_), _)
            if evidence.asked == catalogue::Basis::Either && evidence.unanswered() < evidence.against() =>
        {
            Basis::Attested
        }
        (Some(_), _) if evidence.asked != catalogue::Basis::Attested => Basis::Measured,
        (_, true) if evidence.asked != catalogue::Basis::Measured => Basis::Attested,
        _ => Basis::None,
    };
    let status = match evidence.asked {
        catalogue::Basis::Measured => measured.unwrap_or(Nonconforming),
        catalogue::Basis::Attested if attested == Conforming && evidence.unanswered() > 0 => Partly,
        catalogue::Basis::Attested => attested,
        catalogue::Basis::Either => match measured {
            None => attested,
            Some(_) if attested == Conforming && evidence.unanswered() == 0 => Conforming,
            Some(Nonconforming) if attested != Nonconforming => Partly,
            Some(status) => status,
        },
        catalogue::Basis::Both => match (measured, attested) {
            (Some(NotApplicable), attested) => attested,
            (Some(Conforming), Conforming) => Conforming,
            (None | Some(Nonconforming), Nonconforming) => Nonconforming,
            _ => Partly,
        },
    };
    (status, basis)
}

/// An item from its lines: those that do not apply do not count.
pub(super) fn item_status(lines: impl IntoIterator<Item = LineStatus>) -> LineStatus {
    let lines: Vec<LineStatus> = lines
        .into_iter()
        .filter(|status| *status != LineStatus::NotApplicable)
        .collect();
    if lines.is_empty() {
        LineStatus::NotApplicable
    } else if lines.iter().all(|status| *status == LineStatus::Conforming) {
        LineStatus::Conforming
    } else if lines.iter().all(|status| *status == LineStatus::Nonconforming) {
        LineStatus::Nonconforming
    } else {
        LineStatus::Partly
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(pass: u32, fail: u32, not_applicable: u32) -> HostCounts {
        HostCounts {
            pass,
            fail,
            not_applicable,
            ..HostCounts::default()
        }
    }

    fn measured(hosts: HostCounts, checks: usize, measured_checks: usize) -> Evidence {
        Evidence {
            asked: catalogue::Basis::Measured,
            hosts,
            checks,
            measured_checks,
            attested: LineStatus::Nonconforming,
        }
    }

    #[test]
    fn a_line_conforms_only_when_every_check_of_it_is_measured_and_passes() {
        let status = |evidence| line_status(&evidence).0;
        assert_eq!(status(measured(hosts(3, 0, 0), 1, 1)), LineStatus::Conforming);
        assert_eq!(status(measured(hosts(3, 0, 1), 1, 1)), LineStatus::Conforming);
        assert_eq!(status(measured(hosts(3, 1, 0), 1, 1)), LineStatus::Partly);
        assert_eq!(status(measured(hosts(0, 1, 0), 1, 1)), LineStatus::Nonconforming);
        assert_eq!(
            status(measured(hosts(3, 0, 0), 2, 1)),
            LineStatus::Partly,
            "one check is not yet measured"
        );
        assert_eq!(
            status(measured(hosts(0, 0, 0), 1, 0)),
            LineStatus::Nonconforming,
            "nothing has run"
        );
        assert_eq!(status(measured(hosts(0, 0, 2), 1, 1)), LineStatus::NotApplicable);
    }

    #[test]
    fn what_is_stale_unseen_or_waived_is_never_plainly_conforming() {
        for (name, counts) in [
            (
                "stale",
                HostCounts {
                    stale: 1,
                    pass: 1,
                    ..HostCounts::default()
                },
            ),
            (
                "error",
                HostCounts {
                    error: 1,
                    pass: 1,
                    ..HostCounts::default()
                },
            ),
            (
                "waived",
                HostCounts {
                    waived: 1,
                    pass: 1,
                    ..HostCounts::default()
                },
            ),
            (
                "manual",
                HostCounts {
                    manual: 1,
                    pass: 1,
                    ..HostCounts::default()
                },
            ),
        ] {
            assert_eq!(
                line_status(&measured(counts, 1, 1)).0,
                LineStatus::Partly,
                "{name}"
            );
        }
        let silent = HostCounts {
            stale: 2,
            ..HostCounts::default()
        };
        assert_eq!(line_status(&measured(silent, 1, 1)).0, LineStatus::Nonconforming);
    }

    #[test]
    fn a_line_without_measurement_or_attestation_is_nonconforming_and_rests_on_nothing() {
        for asked in [
            catalogue::Basis::Measured,
            catalogue::Basis::Attested,
            catalogue::Basis::Either,
            catalogue::Basis::Both,
        ] {
            let nothing = Evidence {
                asked,
                ..measured(HostCounts::default(), 1, 0)
            };
            assert_eq!(
                line_status(&nothing),
                (LineStatus::Nonconforming, Basis::None),
                "{asked:?}"
            );
        }
    }

    #[test]
    fn a_failing_finding_keeps_a_line_from_being_met_whatever_it_asks_for() {
        use catalogue::Basis::{Attested, Both, Either, Measured};
        for asked in [Measured, Attested, Either, Both] {
            let failing = Evidence {
                asked,
                attested: LineStatus::Conforming,
                ..measured(hosts(1, 1, 0), 1, 1)
            };
            assert_eq!(line_status(&failing).0, LineStatus::Partly, "{asked:?}");
        }
    }

    #[test]
    fn an_attestation_stands_in_for_measurement_only_where_the_form_lets_it_and_nothing_speaks_against() {
        let attested = |asked, hosts: HostCounts, measured_checks| Evidence {
            asked,
            attested: LineStatus::Conforming,
            ..measured(hosts, 1, measured_checks)
        };
        let none = HostCounts::default();
        let status = |evidence| line_status(&evidence);
        assert_eq!(
            status(attested(catalogue::Basis::Attested, none, 0)),
            (LineStatus::Conforming, Basis::Attested)
        );
        assert_eq!(
            status(attested(catalogue::Basis::Measured, none, 0)),
            (LineStatus::Nonconforming, Basis::None)
        );
        assert_eq!(
            status(attested(catalogue::Basis::Either, none, 0)),
            (LineStatus::Conforming, Basis::Attested)
        );
        assert_eq!(
            status(attested(catalogue::Basis::Either, hosts(0, 1, 0), 1)),
            (LineStatus::Partly, Basis::Measured)
        );
        assert_eq!(
            status(attested(catalogue::Basis::Either, hosts(1, 1, 0), 1)),
            (LineStatus::Partly, Basis::Measured)
        );
        assert_eq!(
            status(attested(catalogue::Basis::Both, none, 0)),
            (LineStatus::Partly, Basis::Attested)
        );
        assert_eq!(
            status(attested(catalogue::Basis::Both, hosts(1, 0, 0), 1)),
            (LineStatus::Conforming, Basis::Measured)
        );
        let unattested = Evidence {
            attested: LineStatus::Nonconforming,
            ..attested(catalogue::Basis::Both, hosts(1, 0, 0), 1)
        };
        assert_eq!(status(unattested), (LineStatus::Partly, Basis::Measured));
    }

    #[test]
    fn an_attestation_answers_hosts_that_ask_for_one_and_no_others() {
        use catalogue::Basis::Either;
        let asks = HostCounts {
            manual: 2,
            pass: 1,
            ..HostCounts::default()
        };
        let with = |hosts, attested| {
            line_status(&Evidence {
                asked: Either,
                attested,
                ..measured(hosts, 1, 1)
            })
        };
        assert_eq!(
            with(asks, LineStatus::Nonconforming),
            (LineStatus::Partly, Basis::Measured)
        );
        assert_eq!(
            with(asks, LineStatus::Conforming),
            (LineStatus::Conforming, Basis::Attested)
        );
        for silent in [
            HostCounts { stale: 1, ..asks },
            HostCounts { error: 1, ..asks },
            HostCounts { fail: 1, ..asks },
        ] {
            assert_eq!(with(silent, LineStatus::Conforming).0, LineStatus::Partly);
        }
        let only = HostCounts {
            manual: 2,
            ..HostCounts::default()
        };
        assert_eq!(with(only, LineStatus::Nonconforming).0, LineStatus::Nonconforming);
        assert_eq!(with(only, LineStatus::Conforming).0, LineStatus::Conforming);
    }

    #[test]
    fn an_attestation_that_leaves_something_open_meets_a_line_in_part() {
        let none = HostCounts::default();
        for asked in [
            catalogue::Basis::Attested,
            catalogue::Basis::Either,
            catalogue::Basis::Both,
        ] {
            let open = Evidence {
                asked,
                attested: LineStatus::Partly,
                ..measured(none, 1, 0)
            };
            assert_eq!(
                line_status(&open),
                (LineStatus::Partly, Basis::Attested),
                "{asked:?}"
            );
        }
    }

    #[test]
    fn an_item_leaves_out_what_does_not_apply_and_is_no_better_than_its_lines() {
        use LineStatus::{Conforming, Nonconforming, NotApplicable, Partly};
        assert_eq!(item_status([Conforming, NotApplicable]), Conforming);
        assert_eq!(item_status([Conforming, Nonconforming]), Partly);
        assert_eq!(item_status([Nonconforming, Nonconforming]), Nonconforming);
        assert_eq!(item_status([NotApplicable]), NotApplicable);
        assert_eq!(item_status([]), NotApplicable);
    }
}
