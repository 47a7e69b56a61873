//! Keeps an eye on the certificates that the listeners show: takes new files, and tells when each ends.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info, warn};

use crate::pki::FileIdentity;
use crate::web::Shared;

/// How often files are looked at. SIGHUP has them read at once.
const LOOK: Duration = Duration::from_secs(30);

/// Looks after the certificates until the collector stops.
pub(crate) async fn watch(app: Shared) {
    // Taken also where there are no files: what asks a daemon to read its files again must not end it.
    let mut hangup = match signal(SignalKind::hangup()) {
        Ok(hangup) => Some(hangup),
        Err(error) => {
            warn!(%error, "cannot listen for SIGHUP");
            None
        }
    };
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let asked = tokio::select! {
            _ = ticks.tick() => false,
            () = told(&mut hangup) => true,
        };
        if let Some(files) = &app.files {
            look(files, asked).await;
        }
        tell(&app);
    }
}

/// Until SIGHUP comes; without end where it can't be listened for.
async fn told(hangup: &mut Option<Signal>) {
    match hangup {
        Some(hangup) => drop(hangup.recv().await),
        None => std::future::pending().await,
    }
}

async fn look(files: &Arc<FileIdentity>, asked: bool) {
    let reading = Arc::clone(files);
    match tokio::task::spawn_blocking(move || reading.reload(asked)).await {
        Ok(Ok(true)) => {
            info!(not_after = %files.not_after(), "took the certificate for people anew");
            if files.not_after() < Timestamp::now() {
                warn!("the certificate for people is past its end");
            }
        }
        Ok(Ok(false)) => {}
        Ok(Err(error)) => error!(%error, "kept the certificate for people as it was"),
        Err(error) => error!(%error, "could not look for a new certificate for people"),
    }
}

/// Tells when the certificate of each listener ends.
fn tell(app: &Shared) {
    let own = app.identity.not_after();
    app.metrics.certificate("agent", own);
    let people = app.files.as_ref().map_or(own, |files| files.not_after());
    app.metrics.certificate("web", people);
}
