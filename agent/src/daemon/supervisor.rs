//! Starts the parts, tells the service manager, and minds signals.

use std::sync::Arc;
use std::time::Duration;

use plumbline_config::settings::AgentSettings;
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::board::Trouble;
use super::courier::Courier;
use super::outside::Proving;
use super::runner::Runner;
use super::socket::StatusSocket;
use super::{DaemonError, Options, Shared, certificate_status, metrics, prepare};
use crate::identity::Identity;
use crate::plan;
use crate::spool::Enrolment;

/// How often the watchdog is fed where the service manager asks for none: never.
const NO_WATCHDOG: Duration = Duration::from_secs(24 * 3_600);

/// Runs all parts until a signal ends them.
pub(super) async fn supervise(options: Options) -> Result<(), DaemonError> {
    let shared = Arc::new(prepare(&options)?);
    let handler = |kind| signal(kind).map_err(DaemonError::system("handle signals"));
    let mut terminate = handler(SignalKind::terminate())?;
    let mut interrupt = handler(SignalKind::interrupt())?;
    let hangup = handler(SignalKind::hangup())?;
    let socket = StatusSocket::bind(&options.settings.socket)?;
    let runner = Runner::new(Arc::clone(&shared)).await;
    let courier = Courier::new(Arc::clone(&shared))?;
    let proving = Proving::new(Arc::clone(&shared))?;

    tell(&[NotifyState::Ready]);
    tracing::info!(
        host = %shared.identity().host_id(),
        collector = shared.identity().agent_url(),
        "running"
    );
    // Each part goes on without end; the first signal ends them all. What is under way is durable or not begun.
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = runner.run() => {}
        () = courier.run() => {}
        () = proving.run() => {}
        () = socket.serve(&shared) => {}
        () = metrics::serve(&shared) => {}
        () = reload_on(hangup, &options, &shared) => {}
        () = feed_watchdog() => {}
    }
    tell(&[NotifyState::Stopping]);
    tracing::info!("stopping");
    Ok(())
}

/// Says something to the service manager; nothing happens where there is none.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!("the service manager could not be told: {error}");
    }
}

/// All parts share one thread: while this is reached in time, none of them holds it.
async fn feed_watchdog() {
    let wanted = sd_notify::watchdog_enabled();
    let period = wanted
        .map_or(NO_WATCHDOG, |limit| limit / 2)
        .max(Duration::from_millis(1));
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if wanted.is_some() {
            tell(&[NotifyState::Watchdog]);
        }
    }
}

async fn reload_on(mut hangup: Signal, options: &Options, shared: &Shared) {
    while hangup.recv().await.is_some() {
        let reloading = NotifyState::monotonic_usec_now();
        if let Ok(when) = reloading {
            tell(&[NotifyState::Reloading, when]);
        }
        reload(options, shared).await;
        tell(&[NotifyState::Ready]);
    }
}

/// Reads settings, identity and plan again. What does not stand is told, and what was in force stays.
async fn reload(options: &Options, shared: &Shared) {
    if let Some(path) = &options.settings_path {
        match AgentSettings::load(path) {
            Ok(new) => {
                let old = shared.settings();
                if new.data_dir != old.data_dir || new.socket != old.socket {
                    tracing::warn!("data_dir and socket change at the next start, not by a reload");
                }
                // What can't change while running stays as it is.
                let new = AgentSettings {
                    data_dir: old.data_dir.clone(),
                    socket: old.socket.clone(),
                    ..new
                };
                if new != *old {
                    shared.settings.send_replace(Arc::new(new));
                }
            }
            Err(error) => tracing::error!("settings not reloaded: {error}"),
        }
    }
    let settings = shared.settings();
    match Identity::load(&settings.data_dir) {
        Ok(identity) => adopt(shared, identity).await,
        Err(error) => tracing::error!("identity not reloaded: {error}"),
    }
    let identity = shared.identity();
    match plan::load(settings.plan.as_deref(), &settings.data_dir, &identity.plan_key()) {
        Ok((plan, source)) => shared.set_plan(plan, source),
        Err(error) => {
            tracing::error!("plan not reloaded: {error}");
            let trouble = Trouble::now(error.to_string());
            shared.board.update(|status| status.plan.error = Some(trouble));
        }
    }
    tracing::info!("reloaded");
}

/// Goes on as this identity: a fresh certificate, or a new enrolment made while the daemon ran.
async fn adopt(shared: &Shared, identity: Identity) {
    let before = shared.identity();
    if before.certificate_pem() == identity.certificate_pem() {
        return;
    }
    let enrolment = Enrolment::from(&identity);
    if enrolment != Enrolment::from(before.as_ref()) {
        let again = enrolment.clone();
        if let Err(error) = shared.spool(move |spool| spool.enrol(&again)).await {
            tracing::error!("the new enrolment was not taken: {error}");
            return;
        }
        // Perhaps under another role: what was seen is judged anew.
        shared.looked.clear();
        tracing::info!(host = %enrolment.host_id, incarnation = enrolment.incarnation, "new enrolment");
    }
    shared.board.update(|status| {
        status.host_id = enrolment.host_id;
        status.incarnation = enrolment.incarnation;
        status.role = enrolment.role;
        status.certificate = certificate_status(&identity);
        status.sync.collector = identity.agent_url().to_owned();
    });
    shared.identity.send_replace(Arc::new(identity));
}
