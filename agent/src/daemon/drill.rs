//! Drills of failed logins: asked for over the local socket, announced by the check of logins before their first line is
//! written, and told of like any finding.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use plumbline_config::wire::Assessment;
use plumbline_facts::logins::Drill;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::Shared;
use super::board::{DrillStage, DrillStatus};

/// How long attempts of a drill count: time to tell the collector, to write them and to read them.
const LENGTH: SignedDuration = SignedDuration::from_mins(5);
/// From the beginning of one drill to the next.
const SPACING: SignedDuration = SignedDuration::from_mins(10);
/// Most attempts of one.
const MOST_ATTEMPTS: u32 = 50;
/// The check that finds them.
pub(super) const CHECK: &str = "logins.abnormal";

/// What the daemon answers to who asks for a drill.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DrillReply {
    /// It was begun.
    Begun(Drill),
    /// It was not, for this reason.
    Refused(String),
}

/// Drills that no run knows of yet.
#[derive(Debug, Default)]
pub(super) struct Drills {
    waiting: Mutex<Vec<Drill>>,
    last_at: Mutex<Option<Timestamp>>,
    asked: Notify,
}

impl Drills {
    /// Waits until one is asked for.
    pub(super) async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Those that no run knows of yet.
    pub(super) fn take(&self) -> Vec<Drill> {
        std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Begins a drill, unless there was one a moment ago or it could show nothing.
pub(super) fn begin(shared: &Shared, now: Timestamp) -> DrillReply {
    let plan = shared.plan();
    let measures = plan.0.plan.measures(shared.identity().role());
    let rules = &measures.monitoring.logins;
    let off = [
        &measures.not_applicable,
        &measures.monitoring.not_applicable,
        &rules.not_applicable,
    ];
    if off.iter().any(|reason| reason.is_some()) {
        return refused("the plan does not have logins watched for on this host");
    }
    let attempts = rules.brute_force_failures.saturating_add(1);
    if attempts > MOST_ATTEMPTS {
        return refused("the plan calls so many failures a brute force that a drill would flood the log");
    }
    let mut last_at = shared
        .drills
        .last_at
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if last_at.is_some_and(|last| now.duration_since(last) < SPACING) {
        let minutes = SPACING.as_mins();
        return refused(&format!(
            "the last drill began less than {minutes} minutes ago; wait until then"
        ));
    }
    let mut random = [0; 18];
    if SystemRandom::new().fill(&mut random).is_err() {
        return refused("the system gives no random numbers");
    }
    let drill = Drill::new(random, now, LENGTH, attempts);
    *last_at = Some(now);
    let stage = DrillStage::Asked;
    shared.board.update(|status| {
        status.drill = Some(DrillStatus {
            drill: drill.clone(),
            stage,
        });
    });
    shared
        .drills
        .waiting
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(drill.clone());
    shared.drills.asked.notify_one();
    tracing::info!(id = drill.id, attempts, "a drill of failed logins was asked for");
    DrillReply::Begun(drill)
}

fn refused(why: &str) -> DrillReply {
    DrillReply::Refused(why.to_owned())
}

/// What a run said of the drill with this id.
pub(super) fn stage(assessment: &Assessment, id: &str) -> Option<DrillStage> {
    let subject = format!("drill:{id}");
    let finding = assessment
        .findings
        .iter()
        .find(|finding| finding.check == CHECK && finding.subject == subject)?;
    match finding.evidence.get("drill")?.get("state")?.as_str()? {
        "announced" => Some(DrillStage::Announced),
        "detected" => Some(DrillStage::Detected),
        _ => Some(DrillStage::Missed),
    }
}

/// How long after a drill's last moment it is looked whether it was missed.
pub(super) fn looked_for_after() -> Duration {
    Duration::try_from(LENGTH).unwrap_or_default() + Duration::from_secs(5)
}
