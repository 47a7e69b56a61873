//! What the collector does by itself, again and again. Of several collectors on one store one does it: who holds the
//! lease. None of it goes wrong where two do it, so a lease only saves work.

mod days;
mod drills;
mod incidents;
mod lease;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use plumbline_config::interval::Interval;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info};

use crate::anchor::Anchors;
use crate::ledger::keeper::Keeper;
use crate::store::{Act, Store};
use crate::web::Shared;
pub(crate) use days::Days;
pub(crate) use drills::Drills;
pub(crate) use incidents::Alarms;
pub(crate) use lease::Lease;

/// How often the collector looks whether its own certificate is due.
const CERTIFICATE_WATCH: Duration = Duration::from_secs(3_600);

/// How often heartbeats are written, and hosts that fell silent are counted.
const PULSE: Duration = Duration::from_secs(5);

/// How often leaves of the ledger that wait are given their places.
const INTEGRATION: Duration = Duration::from_secs(1);

/// How often it is looked whether a day is over, and whether a line fell.
const DAYS: Duration = Duration::from_secs(15);

/// How often hosts that told of something grave are looked at.
const ALARMS: Duration = Duration::from_secs(1);

/// Who the collector is in records of its own.
const COLLECTOR: &str = "collector";

/// How often what is too old is removed, and the engine's own upkeep done.
const UPKEEP: Duration = Duration::from_secs(3_600);

/// How often the ledger is looked at for growth: at most one checkpoint is signed in this time.
const CHECKPOINT: Duration = Duration::from_secs(10);

/// How often it is looked whether a copy of a checkpoint is due.
const ANCHORS: Duration = Duration::from_secs(1);

/// Most hosts that are counted as silent in one transaction.
const AGED_AT_ONCE: usize = 500;

/// Most leaves that get their places in one transaction.
const INTEGRATED_AT_ONCE: usize = 5_000;

/// Most rows of a table that are removed in one transaction.
const PRUNED_AT_ONCE: usize = 2_000;

/// Evidence is kept for so many years whatever the settings say: Section 12 of the plan asks for it.
const LEAST_YEARS: i32 = 5;

/// Renews the collector's own certificate in time.
pub(crate) async fn keep_certificate(app: Shared) {
    let mut ticks = interval(CERTIFICATE_WATCH);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match app.identity.renew_if_due(&app.authority, Timestamp::now()) {
            Ok(true) => info!("renewed the server certificate"),
            Ok(false) => {}
            Err(error) => error!(%error, "cannot renew the server certificate"),
        }
    }
}

/// Writes heartbeats, and lets go stale what nobody heard of.
pub(crate) async fn keep_pulses(app: Shared) {
    let lease = Arc::new(Lease::new("pulses"));
    again(PULSE, app, move |app| pulse(app, &lease)).await;
}

/// Gives leaves of the ledger their places.
pub(crate) async fn keep_order(app: Shared) {
    let lease = Arc::new(Lease::new("ledger-order"));
    again(INTEGRATION, app, move |app| {
        if lease.is_held(app.store.as_ref()) {
            integrate(app.store.as_ref());
        }
    })
    .await;
}

/// Removes what is too old, and does what the engine wants done.
pub(crate) async fn keep_upkeep(app: Shared) {
    let lease = Arc::new(Lease::new("upkeep"));
    again(UPKEEP, app, move |app| {
        if lease.is_held(app.store.as_ref()) {
            upkeep(app);
        }
    })
    .await;
}

/// Keeps what stood at the end of each day, opens a corrective action on each line that fell, and a case for whatever
/// grave a host told of and nobody noticed.
pub(crate) async fn keep_days(app: Shared) {
    let lease = Arc::new(Lease::new("days"));
    again(DAYS, app, move |app| {
        if lease.is_held(app.store.as_ref()) {
            record_days(app);
            let (store, stale_after) = (app.store.as_ref(), app.settings.stale_after);
            if let Err(error) = app.days.watch(store, &app.people, stale_after, Timestamp::now()) {
                error!(%error, "it was not looked whether a line of the checklist fell");
            }
            if let Err(error) = app.alarms.look_through(store, &app.people, Timestamp::now()) {
                error!(%error, "it was not looked whether an incident began unnoticed");
            }
        }
    })
    .await;
}

/// Opens a case for whatever grave a host tells of: each collector answers for the reports that it took in.
pub(crate) async fn keep_incidents(app: Shared) {
    again(ALARMS, app, |app| {
        let (store, people) = (app.store.as_ref(), &app.people);
        if let Err(error) = app.alarms.answer(store, people, Timestamp::now()) {
            error!(%error, "it was not looked whether an incident began");
        }
        if let Err(error) = app.drills.answer(store, Timestamp::now()) {
            error!(%error, "the evidence of a drill was not kept");
        }
    })
    .await;
}

/// Keeps what stood at the end of the days that are over.
pub(crate) fn record_days(app: &Shared) {
    let (store, stale_after) = (app.store.as_ref(), app.settings.stale_after);
    if let Err(error) = app.days.record(store, &app.people, stale_after, Timestamp::now()) {
        error!(%error, "what stood at the end of the day was not recorded");
    }
}

/// Does `work` on a blocking thread each time `every` has passed, one at a time.
async fn again(every: Duration, app: Shared, work: impl Fn(&Shared) + Clone + Send + 'static) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (app, work) = (Arc::clone(&app), work.clone());
        if let Err(error) = spawn_blocking(move || work(&app)).await {
            error!(%error, "a periodic job failed");
        }
    }
}

fn pulse(app: &Shared, lease: &Lease) {
    // First what was heard, so that nobody who spoke counts as silent.
    app.pulses.write(app.store.as_ref(), app.cutoff());
    // Who has not the lease learns from the asking whether the store can be written.
    match lease.ask(app.store.as_ref()) {
        Ok(true) => {}
        asked => {
            app.writable.store(asked.is_ok(), Ordering::Relaxed);
            return;
        }
    }
    let cutoff = app.cutoff();
    loop {
        let aged = app.store.age(cutoff, AGED_AT_ONCE);
        app.writable.store(aged.is_ok(), Ordering::Relaxed);
        match aged {
            Ok(AGED_AT_ONCE) => {}
            Ok(_) => return,
            Err(error) => return error!(%error, "hosts that fell silent were not counted"),
        }
    }
}

/// Gives all leaves that wait their places.
pub(crate) fn integrate(store: &dyn Store) {
    loop {
        match store.integrate(INTEGRATED_AT_ONCE) {
            Ok(INTEGRATED_AT_ONCE) => {}
            Ok(_) => return,
            Err(error) => return error!(%error, "leaves of the ledger did not get their places"),
        }
    }
}

/// Signs a checkpoint of the ledger when it has grown.
pub(crate) async fn keep_ledger(app: Shared, keeper: Arc<Keeper>) {
    let lease = Arc::new(Lease::new("checkpoints"));
    again(CHECKPOINT, app, move |app| {
        if lease.is_held(app.store.as_ref()) {
            sign_checkpoint(&keeper);
        }
    })
    .await;
}

/// Sends copies of checkpoints where they are out of reach.
pub(crate) async fn keep_anchors(app: Shared, anchors: Anchors) {
    for (kind, at) in anchors.successes().await {
        app.metrics.anchored(kind, at);
    }
    if anchors.is_none() {
        return;
    }
    let lease = Arc::new(Lease::new("anchors"));
    let mut ticks = interval(ANCHORS);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (holder, asking) = (Arc::clone(&lease), Arc::clone(&app));
        if let Ok(true) = spawn_blocking(move || holder.is_held(asking.store.as_ref())).await {
            anchors.send_what_is_due(&app).await;
        }
    }
}

fn upkeep(app: &Shared) {
    let now = Timestamp::now();
    if let Err(error) = app.store.upkeep(now) {
        error!(%error, "the database's upkeep was not done");
    }
    let Some(before) = kept_from(now, app.settings.retention) else {
        return;
    };
    let act = Act {
        at: now,
        who: "collector:retention".to_owned(),
        what: "store.prune".to_owned(),
        on: format!("bodies of reports and history before {before}"),
    };
    let mut removed = 0;
    loop {
        match app.store.prune(before, PRUNED_AT_ONCE, &act) {
            Ok(0) => break,
            Ok(rows) => removed += rows,
            Err(error) => return error!(%error, "what is too old was not removed"),
        }
    }
    if removed > 0 {
        info!(rows = removed, %before, "removed what is too old");
    }
}

/// The moment from which on everything is kept.
fn kept_from(now: Timestamp, retention: Interval) -> Option<Timestamp> {
    let utc = now.to_zoned(jiff::tz::TimeZone::UTC);
    let least = utc.checked_sub(LEAST_YEARS.years()).ok()?.timestamp();
    let asked = now.saturating_sub(retention.nominal()).ok()?;
    Some(asked.min(least))
}

/// Signs a checkpoint if there is something new to sign.
pub(crate) fn sign_checkpoint(keeper: &Keeper) {
    if let Err(error) = keeper.sign_if_grown(Timestamp::now()) {
        error!(%error, "the ledger has no new checkpoint");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_kept_for_five_years_whatever_the_settings_say() {
        let now: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
        let from = |days| kept_from(now, Interval::days(days)).unwrap().to_string();
        assert_eq!(from(1), "2021-11-22T00:00:00Z");
        assert_eq!(from(5 * 365), "2021-11-22T00:00:00Z", "leap days count");
        assert_eq!(from(3_652), "2016-11-22T00:00:00Z");
    }
}
