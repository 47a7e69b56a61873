//! What the collector does by itself, again and again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info};

use crate::ledger::keeper::Keeper;
use crate::web::Shared;

/// How often the collector looks whether its own certificate is due.
const CERTIFICATE_WATCH: Duration = Duration::from_secs(3_600);

/// How often heartbeats are written, and hosts that fell silent are counted.
const PULSE: Duration = Duration::from_secs(5);

/// How often the ledger is looked at for growth: at most one checkpoint is signed in this time.
const CHECKPOINT: Duration = Duration::from_secs(10);

/// Most hosts that are counted as silent in one transaction.
const AGED_AT_ONCE: usize = 500;

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
    let mut ticks = interval(PULSE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let app = Arc::clone(&app);
        if let Err(error) = spawn_blocking(move || pulse(&app)).await {
            error!(%error, "the keeping of pulses failed");
        }
    }
}

fn pulse(app: &Shared) {
    // First what was heard, so that nobody who spoke counts as silent.
    app.pulses.write(app.store.as_ref());
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

/// Signs a checkpoint of the ledger when it has grown.
pub(crate) async fn keep_ledger(keeper: Arc<Keeper>) {
    let mut ticks = interval(CHECKPOINT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let keeper = Arc::clone(&keeper);
        if let Err(error) = spawn_blocking(move || sign_checkpoint(&keeper)).await {
            error!(%error, "the keeping of the ledger failed");
        }
    }
}

/// Signs a checkpoint if there is something new to sign.
pub(crate) fn sign_checkpoint(keeper: &Keeper) {
    if let Err(error) = keeper.sign_if_grown(Timestamp::now()) {
        error!(%error, "the ledger has no new checkpoint");
    }
}
