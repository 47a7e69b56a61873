//! Anchors: copies of checkpoints out of reach of whoever has the collector. From then on nobody, with the key or without
//! it, can change what came before.
//!
//! The newest checkpoint goes out at most once in an interval, and once more when a day is over. What failed is tried
//! again with the checkpoint that is the newest then: nothing else ever waits.

mod file;
mod state;
mod webhook;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use plumbline_config::settings::AnchorSettings;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tracing::{error, info, warn};

use crate::home::{Home, HomeError};
use crate::store::KeptCheckpoint;
use crate::web::Shared;
pub(crate) use state::{Anchored, State};
use webhook::Webhook;

/// How long a failed attempt is followed by none: drawn evenly up to this, which doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// The longest that a failed attempt is followed by none.
const LONGEST_PAUSE: Duration = Duration::from_secs(900);

/// How soon it is looked again whether there is a newer checkpoint.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(5);

/// Where checkpoints go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// A file, to which they are appended.
    File,
    /// A server, to which they are posted.
    Webhook,
}

impl Kind {
    /// Every kind.
    pub(crate) const ALL: [Self; 2] = [Self::File, Self::Webhook];

    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Webhook => "webhook",
        }
    }
}

/// Why checkpoints can't be anchored as the settings say.
#[derive(Debug, thiserror::Error)]
pub enum AnchorSetupError {
    /// The webhook is no address of HTTPS.
    #[error("`webhook` of [anchor] is not an https:// address; checkpoints are posted over HTTPS alone")]
    Address,
    /// The interval is shorter than checkpoints are signed.
    #[error(
        "`interval` of [anchor] is shorter than 10 seconds, in which no two checkpoints are signed; make it longer"
    )]
    Interval,
    /// The certificates that the server's must come from.
    #[error(
        "cannot read the certificates in {place}: {why}; name the right ones with `webhook_ca_file` of [anchor]"
    )]
    Roots {
        /// Where they were looked for.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// The client could not be made.
    #[error("cannot make a client for HTTPS: {0}")]
    Client(String),
    /// What is on record of earlier anchors.
    #[error(transparent)]
    Home(#[from] HomeError),
}

/// All places that checkpoints go to.
pub(crate) struct Anchors {
    interval: SignedDuration,
    places: Vec<Place>,
    state: Arc<Mutex<State>>,
}

/// One place.
struct Place {
    to: To,
    /// When it is looked at again, in microseconds since 1970.
    next: Mutex<Timestamp>,
    failures: AtomicU32,
}

enum To {
    File(PathBuf),
    Webhook(Webhook),
}

impl To {
    const fn kind(&self) -> Kind {
        match self {
            Self::File(_) => Kind::File,
            Self::Webhook(_) => Kind::Webhook,
        }
    }
}

impl Anchors {
    /// What the settings ask for, from where it was left.
    pub(crate) fn new(settings: &AnchorSettings, home: &Home) -> Result<Self, AnchorSetupError> {
        let interval = settings.interval.nominal();
        if interval < SignedDuration::from_secs(10) {
            return Err(AnchorSetupError::Interval);
        }
        let file = settings.file.clone().map(To::File);
        let webhook = settings.webhook.as_deref();
        let webhook = webhook.map(|url| Webhook::new(url, settings.webhook_ca_file.as_deref()));
        let to = file.into_iter().chain(webhook.transpose()?.map(To::Webhook));
        Ok(Self {
            interval,
            places: to
                .map(|to| Place {
                    to,
                    next: Mutex::new(Timestamp::MIN),
                    failures: AtomicU32::new(0),
                })
                .collect(),
            state: Arc::new(Mutex::new(State::load(home)?)),
        })
    }

    /// Whether there is any place.
    pub(crate) const fn is_none(&self) -> bool {
        self.places.is_empty()
    }

    /// When a checkpoint last went to each place.
    pub(crate) async fn successes(&self) -> Vec<(Kind, Timestamp)> {
        let state = self.state.lock().await;
        let at = |kind| Some((kind, state.of(kind)?.anchored_at?));
        Kind::ALL.into_iter().filter_map(at).collect()
    }

    /// Sends the newest checkpoint wherever it is due.
    pub(crate) async fn send_what_is_due(&self, app: &Shared) {
        let now = Timestamp::now();
        for place in &self.places {
            if *place.next.lock().await > now {
                continue;
            }
            let next = self.send(app, place, now).await;
            *place.next.lock().await = next;
        }
    }

    /// Sends the newest checkpoint to a place that may be due, and says when to look again.
    async fn send(&self, app: &Shared, place: &Place, now: Timestamp) -> Timestamp {
        let kind = place.to.kind();
        let soon = now.saturating_add(LOOK_AGAIN).unwrap_or(Timestamp::MAX);
        let read = app.blocking(|store| {
            let zone = crate::report::zone(store).unwrap_or(TimeZone::UTC);
            Ok((store.latest_checkpoint()?, zone))
        });
        let Ok((latest, zone)) = read.await else {
            return soon;
        };
        let anchored = self.state.lock().await.of(kind).cloned().unwrap_or_default();
        let next = anchored.anchored_at.map(|at| due(at, self.interval, &zone));
        if let Some(next) = next.filter(|next| *next > now) {
            return next;
        }
        let Some(latest) = latest.filter(|latest| anchored.size.is_none_or(|size| latest.size > size)) else {
            return soon;
        };
        match deliver(&place.to, &latest).await {
            Ok(()) => {
                place.failures.store(0, Ordering::Relaxed);
                info!(kind = kind.name(), size = latest.size, "anchored a checkpoint");
                self.note(app, kind, |state| {
                    *state = Anchored {
                        size: Some(latest.size),
                        anchored_at: Some(now),
                        failed_at: None,
                        error: None,
                    };
                })
                .await;
                app.metrics.anchored(kind, now);
                due(now, self.interval, &zone)
            }
            Err(reason) => {
                let failures = place.failures.fetch_add(1, Ordering::Relaxed);
                warn!(
                    kind = kind.name(),
                    size = latest.size,
                    reason,
                    "cannot anchor a checkpoint"
                );
                self.note(app, kind, |state| {
                    state.failed_at = Some(now);
                    state.error = Some(reason);
                })
                .await;
                now.saturating_add(pause(failures)).unwrap_or(soon)
            }
        }
    }

    /// Takes note of what became of an attempt, for the command line and the next start.
    async fn note(&self, app: &Shared, kind: Kind, change: impl FnOnce(&mut Anchored)) {
        let mut state = self.state.lock().await;
        change(state.of_mut(kind));
        let (copy, home) = (state.clone(), Home::new(&app.settings.data_dir));
        match spawn_blocking(move || copy.save(&home)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => error!(%error, "what was anchored is not on record"),
            Err(error) => error!(%error, "what was anchored is not on record"),
        }
    }
}

async fn deliver(to: &To, checkpoint: &KeptCheckpoint) -> Result<(), String> {
    match to {
        To::Webhook(webhook) => webhook.post(&checkpoint.note).await,
        To::File(path) => {
            let (path, note) = (path.clone(), checkpoint.note.clone());
            let appended = spawn_blocking(move || file::append(&path, &note)).await;
            appended
                .map_err(|error| error.to_string())?
                .map_err(|error| error.to_string())
        }
    }
}

/// When the next checkpoint is due after one at `at`: an interval later, or when the day is over.
fn due(at: Timestamp, interval: SignedDuration, zone: &TimeZone) -> Timestamp {
    let later = at.saturating_add(interval).unwrap_or(Timestamp::MAX);
    let midnight = at
        .to_zoned(zone.clone())
        .start_of_day()
        .and_then(|day| day.checked_add(1.day()));
    midnight.map_or(later, |midnight| later.min(midnight.timestamp()))
}

/// How long to wait after so many failures, drawn evenly from zero to a ceiling that doubles.
fn pause(failures: u32) -> SignedDuration {
    let doubled = FIRST_PAUSE.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX));
    let ceiling = doubled.min(LONGEST_PAUSE).as_millis();
    let mut drawn = [0; 4];
    // Without random bytes it waits the longest.
    let drawn = SystemRandom::new()
        .fill(&mut drawn)
        .map_or(u32::MAX, |()| u32::from_be_bytes(drawn));
    let millis = ceiling * u128::from(drawn) / u128::from(u32::MAX);
    SignedDuration::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_due_after_the_interval_and_when_the_day_is_over() {
        let zone = TimeZone::get("Asia/Taipei").unwrap();
        let hour = SignedDuration::from_hours(1);
        let due = |at: &str| due(at.parse().unwrap(), hour, &zone).to_string();
        assert_eq!(due("2026-11-22T01:10:00Z"), "2026-11-22T02:10:00Z");
        assert_eq!(
            due("2026-11-22T15:10:00Z"),
            "2026-11-22T16:00:00Z",
            "midnight in Taipei"
        );
        assert_eq!(due("2026-11-22T16:00:00Z"), "2026-11-22T17:00:00Z");
    }

    #[test]
    fn pauses_grow_to_their_bound() {
        for failures in [0, 1, 5, 31, 32, u32::MAX] {
            let ceiling = FIRST_PAUSE.saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX));
            let most = SignedDuration::try_from(ceiling.min(LONGEST_PAUSE)).unwrap();
            for _ in 0..50 {
                let pause = pause(failures);
                assert!(!pause.is_negative() && pause <= most, "{failures}: {pause}");
            }
        }
    }
}
