//! `patch.security-updates`: no security update has been pending for longer than declared, by lists fresh enough to
//! tell.

use std::collections::BTreeMap;

use jiff::Timestamp;
use plumbline_config::message::Message;
use plumbline_config::plan::Vulnerability;
use plumbline_facts::packages::{Archive, PackageFacts, SecurityUpdate};
use plumbline_facts::{Facts, ProbeId, Unknown};
use serde_json::{Value, json};

use crate::check::{Check, Context, Verdict};

/// Subject of what is said of the package lists themselves.
const LISTS: &str = "package-lists";

/// Most overdue source packages that get a finding of their own, and most pending ones told in evidence.
const MOST_PACKAGES: usize = 50;

/// How far ahead of the host's clock an archive may have been published, in seconds: a clock may be a little slow.
const MOST_AHEAD_SECONDS: i64 = 24 * 60 * 60;

const DAY_SECONDS: i64 = 24 * 60 * 60;

pub(crate) const CHECK: Check = Check {
    id: "patch.security-updates",
    needs: &[ProbeId::Packages],
    judge,
    #[cfg(test)]
    examples,
};

fn judge(facts: &Facts, context: &Context<'_>) -> Result<Vec<Verdict>, Unknown> {
    let plan = &context.measures().vulnerability;
    if let Some(reason) = &plan.not_applicable {
        return Ok(vec![Verdict::switched_off(reason)]);
    }
    let packages = facts.packages.value()?;
    let pending = by_source(&packages.security);
    let overdue = |package: &&Pending<'_>| {
        let due = package
            .since
            .map(|since| plan.patch_within.after(since, &context.plan.zone()));
        due.is_some_and(|due| due < context.now)
    };
    let mut late: Vec<_> = pending.iter().filter(overdue).collect();
    late.sort_by_key(|package| package.since);
    let undated = pending.iter().filter(|package| package.since.is_none()).count();
    let faulty = lists_verdict(packages, plan);
    let host = if !late.is_empty() {
        let message = Message::new("patch-pending-overdue").number("count", late.len());
        Some(Verdict::fail(
            Verdict::HOST,
            message.bilingual("within", plan.patch_within.words()),
        ))
    } else if undated > 0 {
        let message = Message::new("patch-pending-since-unknown").number("count", undated);
        Some(Verdict::fail(Verdict::HOST, message))
    } else if faulty.is_some() {
        // Lists that are missing, damaged or old can't show that nothing is pending.
        None
    } else if pending.is_empty() {
        let date = packages
            .lists_date
            .map(|date| date.to_string())
            .unwrap_or_default();
        let message = Message::new("patch-nothing-pending").number("installed", packages.installed);
        Some(Verdict::pass(Verdict::HOST, message.arg("date", date)))
    } else {
        let message = Message::new("patch-pending-in-time").number("count", pending.len());
        Some(Verdict::pass(
            Verdict::HOST,
            message.bilingual("within", plan.patch_within.words()),
        ))
    };
    let host = host.map(|verdict| {
        let expected = json!({ "patch_within": plan.patch_within });
        let actual = json!({ "pending": pending.len(), "overdue": late.len(), "since_unknown": undated });
        verdict
            .compared(expected, actual)
            .evidence(evidence(packages, &pending))
    });
    let each = late
        .iter()
        .take(MOST_PACKAGES)
        .map(|package| package.verdict(plan, context.now));
    Ok(host.into_iter().chain(faulty).chain(each).collect())
}

/// What is wrong with the lists, if anything: a fault that keeps us from looking, before one of age alone.
fn lists_verdict(packages: &PackageFacts, plan: &Vulnerability) -> Option<Verdict> {
    let security = packages.archives.iter().filter(|archive| archive.security);
    let fault = if packages
        .archives
        .iter()
        .all(|archive| archive.read_lists().next().is_none())
    {
        Some(Message::new("patch-lists-none"))
    } else if security.clone().next().is_none() {
        Some(Message::new("patch-lists-no-security-archive"))
    } else if packages.broken > 0 {
        Some(Message::new("patch-status-broken").number("count", packages.broken))
    } else {
        security.clone().find_map(fault)
    };
    let verdict = match fault {
        Some(message) => Verdict::error(LISTS, message),
        None => {
            let limit = plan.lists_maximum_age.nominal_seconds();
            let oldest = security.max_by_key(|archive| archive.age_seconds)?;
            let age = oldest.age_seconds.filter(|age| *age > limit)?;
            let message = Message::new("patch-lists-old")
                .arg("archive", name(oldest))
                .number("days", days(age))
                .bilingual("limit", plan.lists_maximum_age.words());
            Verdict::fail(LISTS, message)
        }
    };
    let expected = json!({ "lists_maximum_age": plan.lists_maximum_age });
    let actual = json!({ "lists_date": packages.lists_date });
    Some(
        verdict
            .compared(expected, actual)
            .evidence(json!({ "archives": archives(packages) })),
    )
}

/// Why a security archive's lists can't be relied on, their age apart.
fn fault(archive: &Archive) -> Option<Message> {
    let broken = |count: usize| (count > 0).then(|| format!("{count} stanzas can't be understood"));
    let mut faults = archive.lists.iter().filter_map(|list| {
        let why = list.failure.clone().or_else(|| broken(list.broken))?;
        let message = Message::new("patch-lists-damaged").arg("archive", name(archive));
        Some(message.arg("list", &list.path).arg("why", why))
    });
    if let Some(message) = faults.next() {
        return Some(message);
    }
    let key = match archive.age_seconds {
        _ if archive.lists.is_empty() => "patch-lists-not-fetched",
        None => "patch-lists-undated",
        Some(age) if age < -MOST_AHEAD_SECONDS => "patch-lists-ahead",
        Some(_) => return None,
    };
    Some(Message::new(key).arg("archive", name(archive)))
}

fn name(archive: &Archive) -> String {
    format!("{} {}", archive.uri, archive.suite)
}

fn days(seconds: i64) -> usize {
    usize::try_from(seconds / DAY_SECONDS).unwrap_or_default()
}

/// A source package of which installed packages lack a security update.
struct Pending<'a> {
    source: &'a str,
    packages: Vec<&'a SecurityUpdate>,
    /// `None`: longer than has been watched.
    since: Option<Timestamp>,
}

impl Pending<'_> {
    fn verdict(&self, plan: &Vulnerability, now: Timestamp) -> Verdict {
        let age = self.since.map(|since| now.duration_since(since).as_secs());
        let fixed = self
            .packages
            .first()
            .map(|package| package.fixed.as_str())
            .unwrap_or_default();
        let message = Message::new("patch-package-overdue")
            .arg("package", self.source)
            .arg("version", fixed)
            .number("days", age.map(days).unwrap_or_default());
        Verdict::fail(format!("package:{}", self.source), message)
            .compared(
                json!({ "patch_within": plan.patch_within }),
                json!({ "age_seconds": age }),
            )
            .evidence(self.evidence())
    }

    fn evidence(&self) -> Value {
        let package = |package: &&SecurityUpdate| {
            json!({
                "name": package.name,
                "architecture": package.architecture,
                "installed": package.installed,
                "fixed": package.fixed,
                "held": package.held,
            })
        };
        json!({
            "source": self.source,
            "first_seen": self.since,
            "packages": self.packages.iter().map(package).collect::<Vec<_>>(),
        })
    }
}

fn by_source<'a>(updates: &'a [SecurityUpdate]) -> Vec<Pending<'a>> {
    let mut sources: BTreeMap<&str, Vec<&SecurityUpdate>> = BTreeMap::new();
    for update in updates {
        sources.entry(&update.source).or_default().push(update);
    }
    let pending = |(source, packages): (_, Vec<&'a SecurityUpdate>)| Pending {
        source,
        // `None`, the unknown, is the least and so the oldest.
        since: packages.iter().map(|package| package.first_seen).min().flatten(),
        packages,
    };
    sources.into_iter().map(pending).collect()
}

fn evidence(packages: &PackageFacts, pending: &[Pending<'_>]) -> Value {
    let mut oldest: Vec<_> = pending.iter().collect();
    oldest.sort_by_key(|package| package.since);
    json!({
        "manager": packages.manager,
        "installed": packages.installed,
        "upgradable": packages.upgradable.len(),
        "archives": archives(packages),
        "unevaluated": packages.unevaluated,
        "pending": oldest.iter().take(MOST_PACKAGES).map(|package| package.evidence()).collect::<Vec<_>>(),
        "pending_left_out": pending.len().saturating_sub(MOST_PACKAGES),
    })
}

fn archives(packages: &PackageFacts) -> Value {
    let archive = |archive: &Archive| {
        let failed = archive.lists.iter().filter(|list| list.failure.is_some());
        json!({
            "uri": archive.uri,
            "suite": archive.suite,
            "security": archive.security,
            "date": archive.release.as_ref().and_then(|release| release.date),
            "age_seconds": archive.age_seconds,
            "failed_lists": failed.map(|list| &list.path).collect::<Vec<_>>(),
        })
    };
    packages.archives.iter().map(archive).collect()
}

#[cfg(test)]
fn examples() -> crate::check::Examples {
    use plumbline_config::plan::Plan;
    let with = |facts: PackageFacts| Facts {
        packages: plumbline_facts::Known::Value(facts),
        ..Facts::default()
    };
    crate::check::Examples {
        passing: (with(tests::packages()), Plan::default()),
        failing: (
            with(tests::pending(Some("2026-11-01T00:00:00Z"))),
            Plan::default(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use plumbline_config::finding::Status;
    use plumbline_config::ident::Role;
    use plumbline_config::plan::Plan;
    use plumbline_facts::Known;
    use plumbline_facts::packages::release::Release;
    use plumbline_facts::packages::{List, Reboot};

    use super::*;
    use crate::invariants::NOW;

    fn archive(suite: &str, age_seconds: i64) -> Archive {
        let now: Timestamp = NOW.parse().unwrap();
        Archive {
            uri: "http://deb.debian.org/debian-security/".to_owned(),
            suite: suite.to_owned(),
            security: suite.ends_with("-security"),
            release: Some(Release {
                date: Some(now - jiff::SignedDuration::from_secs(age_seconds)),
                ..Release::default()
            }),
            age_seconds: Some(age_seconds),
            lists: vec![List {
                path: "main/binary-amd64/Packages".to_owned(),
                packages: 10,
                ..List::default()
            }],
        }
    }

    /// A host with nothing pending, by lists a day old.
    pub(super) fn packages() -> PackageFacts {
        PackageFacts {
            manager: "dpkg".to_owned(),
            lists_date: Some("2026-11-21T00:00:00Z".parse().unwrap()),
            installed: 300,
            upgradable: Vec::new(),
            security: Vec::new(),
            // The main archive of a stable release is published a few times a year.
            archives: vec![
                archive("stable", 100 * DAY_SECONDS),
                archive("stable-security", DAY_SECONDS),
            ],
            unevaluated: Vec::new(),
            broken: 0,
            reboot_required: Reboot::default(),
        }
    }

    /// The same host with openssl's two packages pending since then.
    pub(super) fn pending(since: Option<&str>) -> PackageFacts {
        let update = |name: &str| SecurityUpdate {
            name: name.to_owned(),
            architecture: "amd64".to_owned(),
            source: "openssl".to_owned(),
            installed: "3.0.15-1".to_owned(),
            fixed: "3.0.17-1".to_owned(),
            held: false,
            first_seen: since.map(|since| since.parse().unwrap()),
        };
        PackageFacts {
            security: vec![update("libssl3"), update("openssl")],
            ..packages()
        }
    }

    fn judged(facts: PackageFacts) -> Vec<(String, Status, &'static str)> {
        let plan = Plan::default();
        let context = Context {
            plan: &plan,
            role: Role::Service,
            now: NOW.parse().unwrap(),
        };
        let facts = Facts {
            packages: Known::Value(facts),
            ..Facts::default()
        };
        let verdicts = judge(&facts, &context).unwrap();
        assert!(
            verdicts
                .iter()
                .all(|v| plumbline_config::message::exists(v.message.key()))
        );
        verdicts
            .into_iter()
            .map(|v| (v.subject, v.status, v.message.key()))
            .collect()
    }

    fn one(facts: PackageFacts) -> (String, Status, &'static str) {
        let verdicts = judged(facts);
        assert_eq!(verdicts.len(), 1, "{verdicts:?}");
        verdicts.into_iter().next().unwrap()
    }

    #[test]
    fn an_update_has_its_declared_time_and_then_fails_by_name() {
        let (subject, status, key) = one(pending(Some("2026-11-20T00:00:00Z")));
        assert_eq!(
            (subject.as_str(), status, key),
            ("host", Status::Pass, "patch-pending-in-time")
        );
        let verdicts = judged(pending(Some("2026-11-01T00:00:00Z")));
        let found: Vec<_> = verdicts
            .iter()
            .map(|(subject, status, _)| (subject.as_str(), *status))
            .collect();
        assert_eq!(found, [("host", Status::Fail), ("package:openssl", Status::Fail)]);
    }

    #[test]
    fn an_update_of_unknown_age_fails() {
        assert_eq!(
            one(pending(None)),
            ("host".to_owned(), Status::Fail, "patch-pending-since-unknown")
        );
    }

    #[test]
    fn old_lists_fail_and_never_show_that_nothing_is_pending() {
        let old = || PackageFacts {
            archives: vec![archive("stable-security", 8 * DAY_SECONDS)],
            ..packages()
        };
        assert_eq!(one(old()), (LISTS.to_owned(), Status::Fail, "patch-lists-old"));
        let young = PackageFacts {
            archives: old().archives,
            ..pending(Some("2026-11-20T00:00:00Z"))
        };
        assert_eq!(one(young).0, LISTS);
    }

    #[test]
    fn lists_that_can_not_be_relied_on_are_an_error() {
        let with = |archives: Vec<Archive>| {
            one(PackageFacts {
                archives,
                ..packages()
            })
        };
        let damaged = Archive {
            lists: vec![List {
                failure: Some("unexpected end of file".to_owned()),
                ..List::default()
            }],
            ..archive("stable-security", 0)
        };
        let undated = Archive {
            age_seconds: None,
            ..archive("stable-security", 0)
        };
        let unfetched = Archive {
            lists: Vec::new(),
            ..archive("stable-security", 0)
        };
        let main = || archive("stable", 0);
        for (archives, key) in [
            (vec![], "patch-lists-none"),
            (vec![unfetched.clone()], "patch-lists-none"),
            (vec![main()], "patch-lists-no-security-archive"),
            (vec![main(), damaged], "patch-lists-damaged"),
            (vec![main(), undated], "patch-lists-undated"),
            (vec![main(), unfetched], "patch-lists-not-fetched"),
            (
                vec![archive("stable-security", -2 * DAY_SECONDS)],
                "patch-lists-ahead",
            ),
        ] {
            assert_eq!(with(archives), (LISTS.to_owned(), Status::Error, key));
        }
        let broken = PackageFacts {
            broken: 1,
            ..packages()
        };
        assert_eq!(one(broken).2, "patch-status-broken");
    }

    #[test]
    fn overdue_packages_are_told_one_by_one_up_to_a_limit() {
        let mut facts = pending(Some("2026-11-01T00:00:00Z"));
        let template = facts.security[0].clone();
        facts.security = (0..80)
            .map(|n| SecurityUpdate {
                source: format!("source{n}"),
                ..template.clone()
            })
            .collect();
        assert_eq!(judged(facts).len(), 1 + MOST_PACKAGES);
    }
}
