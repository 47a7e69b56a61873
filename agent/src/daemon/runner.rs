//! Runs checks when they are due, and keeps what they say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use plumbline_checks::{CHECKS, Check};
use plumbline_config::finding::Status as FindingStatus;
use plumbline_facts::{Memory, PROBES, ProbeEntry};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};

use super::board::{CheckStatus, Trouble};
use super::drill;
use super::gist::Gists;
use super::looked::since_boot;
use super::pulse::{self, Pulse};
use super::{Shared, duration};
use crate::look::{Look, Seen, look};
use crate::plan::Source;
use crate::schedule::{Due, Schedule};
use crate::spool::SpoolError;
use crate::transport::Random;
use crate::watch::{Changes, Watch, watched};

/// A run that takes longer than this is told as a trouble. It can't be broken off (it waits in the kernel); meanwhile
/// no other begins, heartbeats go on, and the collector sees the findings grow old.
const LONGEST_RUN: Duration = Duration::from_secs(10 * 60);
/// How long a host that holds no plan yet waits for the collector's before it judges by the form's usual values.
const FIRST_PLAN: Duration = Duration::from_secs(10);
/// What could not be kept is measured again after this.
const KEEP_AGAIN: Duration = Duration::from_secs(2 * 60);

/// Runs checks when they are due.
pub(super) struct Runner {
    shared: Arc<Shared>,
    checks: Vec<&'static Check>,
    schedule: Schedule,
    watch: Watch,
    pulse: Pulse,
    memory: Memory,
    running: Option<Running>,
    gists: Gists,
    /// When the last drill is over.
    drill_over_at: Option<Instant>,
}

struct Running {
    due: Due,
    task: JoinHandle<Seen>,
    /// When looking began, since the host started.
    began: Option<Duration>,
    overdue_at: Instant,
    told: bool,
}

impl Runner {
    pub(super) async fn new(shared: Arc<Shared>) -> Self {
        let checks: Vec<&'static Check> = CHECKS.iter().collect();
        let now = Instant::now();
        let interval = duration(shared.settings().check_interval);
        let mut schedule = Schedule::new(
            checks.iter().map(|check| check.id),
            interval,
            Random::system(),
            now,
        );
        for check in checks.iter().filter(|check| is_urgent(check)) {
            schedule.hurry(check.id);
        }
        let watched = watched(checks.iter().copied());
        let memory = remembered(&shared).await;
        Self {
            watch: Watch::new(&shared.root, &watched),
            pulse: Pulse::new(Arc::clone(&shared.host), checks.clone()),
            schedule,
            memory,
            checks,
            running: None,
            gists: Gists::default(),
            drill_over_at: None,
            shared,
        }
    }

    /// Goes on without end.
    pub(super) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let mut settings = shared.settings.subscribe();
        if shared.plan().1 == Source::BuiltIn {
            // Where it does not come in time the built-in one serves.
            let _late = tokio::time::timeout(FIRST_PLAN, shared.plan_asked.notified()).await;
        }
        let mut plan = shared.plan.subscribe();
        let mut identity = shared.identity.subscribe();
        let mut outside = shared.outside.subscribe();
        let mut ticks = interval_at(Instant::now(), pulse::PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let changes = self.watch.inspect();
        self.note(&changes);
        loop {
            self.show_times();
            let overdue = self.running.as_ref().filter(|running| !running.told);
            let overdue = overdue.map(|running| running.overdue_at);
            let due = self.schedule.next().filter(|_| self.running.is_none());
            tokio::select! {
                ended = finished(&mut self.running) => self.finish(ended).await,
                () = until(due) => self.begin(),
                () = until(overdue) => self.tell_overdue(),
                () = until(self.drill_over_at) => self.end_drill(),
                () = shared.drills.asked() => self.announce_drill(),
                changes = self.watch.next() => self.note(&changes),
                _ = ticks.tick() => self.beat().await,
                _ = settings.changed() => {
                    let interval = duration(settings.borrow_and_update().check_interval);
                    self.schedule.set_interval(interval, Instant::now());
                }
                // Under another plan, or role, the same facts mean something else.
                _ = plan.changed() => self.schedule.run_all_extra(Instant::now()),
                _ = identity.changed() => self.schedule.run_all_extra(Instant::now()),
                _ = outside.changed() => {
                    self.schedule.run_extra(plumbline_config::outside::CHECK, Instant::now());
                }
            }
        }
    }

    fn begin(&mut self) {
        let now = Instant::now();
        let due = self.schedule.take_due(now);
        let ids: BTreeSet<&str> = due.all().collect();
        if ids.is_empty() {
            return;
        }
        if !due.regular.is_empty() {
            let changes = self.watch.inspect();
            self.note(&changes);
        }
        let checks: Vec<&'static Check> = self
            .checks
            .iter()
            .copied()
            .filter(|check| ids.contains(check.id))
            .collect();
        tracing::debug!(
            regular = due.regular.len(),
            changed = due.changed.len(),
            "looking"
        );
        self.memory.drills.extend(self.shared.drills.take());
        let host = Arc::clone(&self.shared.host);
        let plan = self.shared.plan();
        let identity = self.shared.identity();
        let memory = self.memory.clone();
        let watching = self.watching(&checks);
        let outside = Arc::clone(&self.shared.outside.borrow());
        let task = tokio::task::spawn_blocking(move || {
            let what = Look {
                host: &host,
                host_id: Some(identity.host_id()),
                plan: &plan.0,
                role: identity.role(),
                checks: &checks,
                watching: Some(watching),
                memory: &memory,
                outside: Some(&outside),
            };
            look(&what, &|_| {})
        });
        self.running = Some(Running {
            due,
            task,
            began: since_boot(),
            overdue_at: now + LONGEST_RUN,
            told: false,
        });
    }

    /// The files of these checks whose change would be noticed.
    fn watching(&self, checks: &[&'static Check]) -> BTreeSet<String> {
        let watched = watched(checks.iter().copied());
        let seen = watched.iter().filter(|watched| self.watch.sees(watched.path));
        seen.map(|watched| watched.path.to_owned()).collect()
    }

    async fn finish(&mut self, ended: Ended) {
        let Ended { due, began, seen } = ended;
        let Some(seen) = seen else {
            self.trouble("a run of the checks ended before its time");
            return;
        };
        let role = self.shared.identity().role();
        if seen.assessment.host.role != role {
            // The role changed while it ran; all checks are due again under the new one.
            return;
        }
        self.show_findings(&seen);
        for (check, duration) in &seen.durations {
            self.schedule.took(check, *duration);
        }
        let Seen {
            assessment, memory, ..
        } = seen;
        // What a change alone brought may be no news. It is then not written down either: who ends before it is reads on
        // where what was last kept ends, and loses nothing.
        let now = Instant::now();
        let urgent = |id: &str| self.checks.iter().any(|check| check.id == id && is_urgent(check));
        let for_a_change = due.regular.is_empty() && due.all().all(urgent);
        let wait = self.gists.can_wait(&assessment, now).filter(|_| for_a_change);
        if let Some(until) = wait {
            self.memory = memory;
            self.shared.looked.note(due.all(), began);
            for check in due.all() {
                self.schedule.run_extra(check, until);
            }
            return;
        }
        let gist = assessment.clone();
        let drill = self.shared.board.read().drill;
        let stage = drill.and_then(|known| drill::stage(&assessment, &known.drill.id));
        let limit = self.shared.settings().spool_bytes;
        let kept = memory.clone();
        let result = self
            .shared
            .spool(move |spool| {
                spool.keep(assessment, &kept, limit)?;
                spool.depth()
            })
            .await;
        match result {
            Ok(depth) => {
                self.memory = memory;
                self.gists.note(&gist, now);
                self.shared.looked.note(due.all(), began);
                self.shared.board.update(|status| {
                    status.spool = depth;
                    if let (Some(drill), Some(stage)) = (&mut status.drill, stage) {
                        drill.stage = stage;
                    }
                });
                self.shared.kept.notify_one();
            }
            Err(error) => {
                self.trouble(&format!("what the checks said could not be kept: {error}"));
                for check in due.all() {
                    self.schedule.run_extra(check, Instant::now() + KEEP_AGAIN);
                }
            }
        }
    }

    fn note(&mut self, changes: &Changes) {
        let now = Instant::now();
        if changes.all {
            self.schedule.all_changed(now);
        }
        for check in &changes.checks {
            self.schedule.changed(check, now);
        }
        if let Some(trouble) = &changes.trouble {
            tracing::warn!("{trouble}");
        }
        self.shared.board.update(|status| {
            status.watch.directories = self.watch.directories();
            status.watch.restarts = self.watch.restarts();
            if let Some(trouble) = &changes.trouble {
                status.watch.error = Some(Trouble::now(trouble));
            }
        });
    }

    /// The check of logins runs at once, so that the collector hears of a drill before it begins, and again when it is over.
    fn announce_drill(&mut self) {
        let now = Instant::now();
        self.schedule.run_extra(drill::CHECK, now);
        self.drill_over_at = Some(now + drill::looked_for_after());
    }

    /// The check of logins looks once more whether a drill was found.
    fn end_drill(&mut self) {
        self.drill_over_at = None;
        self.schedule.run_extra(drill::CHECK, Instant::now());
    }

    async fn beat(&mut self) {
        let beat = self.pulse.look().await;
        let now = Instant::now();
        if beat.slept {
            tracing::info!("the host slept or its clock was set forward: looking again");
            self.schedule.run_all_extra(now);
        }
        for check in beat.checks {
            self.schedule.changed(check, now);
        }
    }

    fn tell_overdue(&mut self) {
        let Some(running) = &mut self.running else {
            return;
        };
        running.told = true;
        let checks: Vec<&str> = running.due.all().collect();
        let message = format!(
            "a run has taken longer than {} s and goes on: {}",
            LONGEST_RUN.as_secs(),
            checks.join(", ")
        );
        self.trouble(&message);
    }

    fn trouble(&self, message: &str) {
        tracing::error!("{message}");
        self.shared
            .board
            .update(|status| status.run_error = Some(Trouble::now(message)));
    }

    fn show_times(&self) {
        let now = Instant::now();
        let wall = Timestamp::now();
        let at = |instant: Instant| {
            let wait = SignedDuration::try_from(instant.saturating_duration_since(now)).ok()?;
            wall.checked_add(wait).ok()
        };
        self.shared.board.update(|status| {
            for (check, next) in self.schedule.times() {
                status.checks.entry(check.to_owned()).or_default().next_run_at = at(next);
            }
        });
    }

    fn show_findings(&self, seen: &Seen) {
        let finished_at = seen.assessment.finished_at;
        self.shared.board.update(|status| {
            for (check, duration) in &seen.durations {
                let mut findings: BTreeMap<String, u64> = BTreeMap::new();
                for finding in seen.assessment.findings.iter().filter(|f| f.check == *check) {
                    *findings.entry(finding.status.name().to_owned()).or_default() += 1;
                }
                let looked = !findings.contains_key(FindingStatus::Error.name());
                let before = status.checks.remove(*check).unwrap_or_default();
                let shown = CheckStatus {
                    last_run_at: Some(finished_at),
                    last_success_at: if looked {
                        Some(finished_at)
                    } else {
                        before.last_success_at
                    },
                    duration_seconds: duration.as_secs_f64(),
                    findings,
                    ..before
                };
                status.checks.insert((*check).to_owned(), shown);
            }
        });
    }
}

/// Whether what a check rests on must be judged within seconds.
fn is_urgent(check: &Check) -> bool {
    let needed = |probe: &&ProbeEntry| check.needs.contains(&probe.id);
    PROBES.iter().filter(needed).any(|probe| probe.urgent)
}

/// What the probes left. Where an other version of the agent left what this one can't read, they start anew.
async fn remembered(shared: &Shared) -> Memory {
    match shared.spool(crate::spool::Spool::memory).await {
        Ok(memory) => memory,
        Err(error @ SpoolError::Row(_)) => {
            tracing::warn!("what probes left for this run can't be read, they start anew: {error}");
            Memory::default()
        }
        Err(error) => {
            tracing::error!("what probes left for this run can't be read, they start anew: {error}");
            Memory::default()
        }
    }
}

/// A run that ended.
struct Ended {
    due: Due,
    began: Option<Duration>,
    seen: Option<Seen>,
}

/// The end of the run that is under way; waits for ever where none is.
async fn finished(running: &mut Option<Running>) -> Ended {
    let Some(run) = running else {
        return std::future::pending().await;
    };
    let seen = (&mut run.task).await.ok();
    let (due, began) = running.take().map(|run| (run.due, run.began)).unwrap_or_default();
    Ended { due, began, seen }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
