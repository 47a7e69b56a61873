//! Delivers what the spool holds, says that the host lives, fetches the plan, and renews the certificate.

mod errands;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use plumbline_config::wire::{Ack, Heartbeat};
use tokio::time::{Instant, sleep_until};

use super::board::Trouble;
use super::looked::since_boot;
use super::{DaemonError, Shared, duration};
use crate::spool::{Agreement, Seal, Sealed, SpoolError};
use crate::transport::{Backoff, Client, ClientError, Random, Refusal};

/// A collector that does not take this host's identity is asked again after this, and up to as long again: a person
/// has to mend it, and the host has to notice that it was mended.
const IDENTITY_RETRY: Duration = Duration::from_secs(15 * 60);
/// How often a report is numbered anew in a row before it counts as refused.
const MOST_RENUMBERINGS: u32 = 3;
/// How long the news of another enrolment may take from the spool to here.
const ENROLMENT_NEWS: Duration = Duration::from_secs(1);
/// A collector that knows no heartbeats is offered one again after this; meanwhile it gets reports.
const HEARTBEATS_AGAIN: Duration = Duration::from_secs(60 * 60);
/// HTTP statuses that say: there is no such thing here.
const NO_SUCH_THING: [u16; 3] = [404, 405, 501];
/// The evidence that nothing changed is given up to this part of its interval early, drawn once, so that a fleet does
/// not give it at one moment.
const EVIDENCE_EARLY_PART: u32 = 8;
/// HTTP status of a report that does not follow on what the collector holds.
const CONFLICT: u16 = 409;

/// Delivers what the spool holds.
pub(super) struct Courier {
    shared: Arc<Shared>,
    client: Client,
    /// The enrolment that the client speaks for.
    incarnation: u32,
    send: Attempt,
    renewal: Attempt,
    plan: Attempt,
    /// The collector's plan may be another than ours.
    plan_wanted: bool,
    /// A plan of the collector that was refused; it is not fetched again.
    plan_refused: Option<String>,
    /// When the collector is to hear from this host if nothing else is said before.
    heartbeat_at: Instant,
    /// Until then reports take the place of heartbeats.
    no_heartbeats_until: Option<Instant>,
    /// The last attempt to send something failed.
    failing: bool,
    /// How early evidence is given, drawn once: up to a whole of [`EVIDENCE_EARLY_PART`].
    evidence_early: f64,
    renumberings: u32,
}

/// What there is to send.
enum Turn {
    Report(Sealed),
    Heartbeat(Heartbeat),
    Nothing,
}

/// Something to try, and when to try it next.
struct Attempt {
    backoff: Backoff,
    at: Instant,
}

impl Attempt {
    fn now() -> Self {
        Self {
            backoff: Backoff::new(Random::system()),
            at: Instant::now(),
        }
    }

    fn worked(&mut self) {
        self.backoff.reset();
        self.at = Instant::now();
    }

    fn failed(&mut self, error: &ClientError) {
        let wait = match error {
            ClientError::Busy {
                retry_after: Some(asked),
                ..
            } => self.backoff.asked(*asked),
            ClientError::Identity { .. } => self.backoff.asked(IDENTITY_RETRY),
            _ => self.backoff.after_failure(),
        };
        self.at = Instant::now() + wait;
    }

    fn due(&self) -> bool {
        self.at <= Instant::now()
    }
}

impl Courier {
    pub(super) fn new(shared: Arc<Shared>) -> Result<Self, DaemonError> {
        let identity = shared.identity();
        let settings = shared.settings();
        let client = Client::new(&identity, settings.proxy.as_deref())?;
        let random = Random::system();
        Ok(Self {
            // A fleet that starts at one moment does not say so at one moment.
            heartbeat_at: Instant::now() + random.up_to(duration(settings.heartbeat_interval)),
            shared,
            client,
            incarnation: identity.incarnation(),
            send: Attempt::now(),
            renewal: Attempt::now(),
            plan: Attempt::now(),
            plan_wanted: true,
            plan_refused: None,
            no_heartbeats_until: None,
            failing: false,
            evidence_early: random.up_to(Duration::from_secs(1)).as_secs_f64(),
            renumberings: 0,
        })
    }

    /// Goes on without end.
    pub(super) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let mut settings = shared.settings.subscribe();
        let mut identity = shared.identity.subscribe();
        loop {
            let idle = self.step().await;
            let wake = self.wake(idle);
            tokio::select! {
                () = sleep_until(wake) => {}
                () = shared.kept.notified(), if idle => {}
                _ = settings.changed() => self.connect(),
                _ = identity.changed() => self.connect(),
            }
        }
    }

    /// Does what is due. `true`: nothing waits to be sent.
    async fn step(&mut self) -> bool {
        let renew_at = self.shared.identity().validity().renew_at();
        if renew_at <= Timestamp::now() && self.renewal.due() {
            self.renew().await;
        }
        if self.fetches_plan() && self.plan.due() {
            self.fetch_plan().await;
            self.shared.plan_asked.notify_one();
        }
        if !self.send.due() {
            return false;
        }
        match self.turn().await {
            // The host was enrolled again a moment ago, and the news of it is on its way here.
            Ok(Turn::Report(Sealed { incarnation, .. }) | Turn::Heartbeat(Heartbeat { incarnation, .. }))
                if incarnation != self.incarnation =>
            {
                self.send.at = Instant::now() + ENROLMENT_NEWS;
                false
            }
            Ok(Turn::Report(sealed)) => {
                self.send(sealed).await;
                false
            }
            Ok(Turn::Heartbeat(heartbeat)) => {
                self.beat(heartbeat).await;
                false
            }
            Ok(Turn::Nothing) => true,
            Err(error) => {
                self.spool_failed(&error);
                false
            }
        }
    }

    /// What there is to send: a report, or a heartbeat where it is time and no report waits.
    async fn turn(&self) -> Result<Turn, SpoolError> {
        let now = Instant::now();
        let settings = self.shared.settings();
        let time = self.heartbeat_at <= now;
        let as_report = time && self.no_heartbeats_until.is_some_and(|until| now < until);
        let evidence = duration(settings.evidence_interval);
        let evidence = evidence.saturating_sub((evidence / EVIDENCE_EARLY_PART).mul_f64(self.evidence_early));
        let seal = Seal {
            now: Timestamp::now(),
            looked_age_seconds: self.shared.looked.age_seconds(since_boot()),
            silence: if as_report {
                SignedDuration::ZERO
            } else {
                SignedDuration::try_from(evidence).unwrap_or(SignedDuration::MAX)
            },
            resync_spacing: settings.heartbeat_interval.nominal(),
        };
        self.shared
            .spool(move |spool| {
                if let Some(sealed) = spool.next(seal)? {
                    return Ok(Turn::Report(sealed));
                }
                let heartbeat = if time { spool.heartbeat(seal)? } else { None };
                Ok(heartbeat.map_or(Turn::Nothing, Turn::Heartbeat))
            })
            .await
    }

    /// When there is something to do next.
    fn wake(&self, idle: bool) -> Instant {
        let mut wake = if idle { self.heartbeat_at } else { self.send.at };
        if self.fetches_plan() {
            wake = wake.min(self.plan.at);
        }
        let renew_at = self.shared.identity().validity().renew_at();
        let until = Duration::try_from(Timestamp::now().duration_until(renew_at)).unwrap_or_default();
        wake.min(self.renewal.at.max(Instant::now() + until))
    }

    fn fetches_plan(&self) -> bool {
        self.plan_wanted && self.shared.settings().plan.is_none()
    }

    async fn send(&mut self, sealed: Sealed) {
        let Sealed { sequence, body, .. } = sealed;
        let result = match self.client.send(body).await {
            Ok(ack) if ack.sequence >= sequence => self.confirmed(sequence, ack).await,
            Ok(ack) => {
                let detail = format!(
                    "the collector confirms report {} when sent {sequence}",
                    ack.sequence
                );
                self.send_failed(&ClientError::Unexpected {
                    url: self.shared.identity().agent_url().to_owned(),
                    status: 200,
                    detail,
                });
                Ok(())
            }
            Err(ClientError::Refused { url, refusal }) => {
                let kept = refusal.clone();
                self.send_failed(&ClientError::Refused { url, refusal });
                self.refused(sequence, kept).await
            }
            Err(error) => {
                self.send_failed(&error);
                Ok(())
            }
        };
        if let Err(error) = result {
            self.spool_failed(&error);
        }
    }

    async fn confirmed(&mut self, sequence: u64, ack: Ack) -> Result<(), SpoolError> {
        let now = Timestamp::now();
        let (confirmed, depth) = self
            .shared
            .spool(move |spool| Ok((spool.confirm(sequence, ack.resync, now)?, spool.depth()?)))
            .await?;
        self.renumberings = 0;
        self.shared.board.update(|status| {
            status.spool = depth;
            status.sync.delivered_assessments += u64::from(confirmed.assessment);
        });
        self.heard(confirmed.agreement, ack.plan_sha256.as_ref());
        Ok(())
    }

    async fn beat(&mut self, heartbeat: Heartbeat) {
        let reply = match self.client.heartbeat(&heartbeat).await {
            Ok(reply) => reply,
            Err(ClientError::Unexpected { status, .. }) if NO_SUCH_THING.contains(&status) => {
                tracing::info!("the collector takes no heartbeats: reports take their place");
                self.no_heartbeats_until = Some(Instant::now() + HEARTBEATS_AGAIN);
                return;
            }
            // What can't be said this way can be said by a report, whose refusal says more.
            Err(error @ ClientError::Refused { .. }) => {
                tracing::warn!("{error}");
                self.no_heartbeats_until = Some(Instant::now() + HEARTBEATS_AGAIN);
                return;
            }
            Err(error) => return self.send_failed(&error),
        };
        let plan = reply.plan_sha256.clone();
        let heard = self
            .shared
            .spool(move |spool| Ok((spool.heard(heartbeat.incarnation, &reply)?, spool.depth()?)))
            .await;
        match heard {
            Ok((agreement, depth)) => {
                self.shared.board.update(|status| {
                    status.spool = depth;
                    status.sync.last_heartbeat_at = Some(Timestamp::now());
                });
                self.heard(agreement, plan.as_ref());
            }
            Err(error) => self.spool_failed(&error),
        }
    }

    /// The collector answered, with or without a wish for everything.
    fn heard(&mut self, agreement: Agreement, plan_sha256: Option<&String>) {
        self.send.worked();
        let interval = duration(self.shared.settings().heartbeat_interval);
        // A fleet that lost its collector at one moment does not come to it in step from then on.
        let wait = if std::mem::take(&mut self.failing) {
            Random::system().up_to(interval)
        } else {
            interval
        };
        self.heartbeat_at = Instant::now() + wait;
        if agreement == Agreement::InVain {
            tracing::warn!(
                "the collector asks for everything again right after it was sent; it is sent again later"
            );
        }
        self.shared.board.update(|status| {
            status.sync.last_success_at = Some(Timestamp::now());
            status.sync.error = None;
            status.sync.next_attempt_at = None;
            match agreement {
                Agreement::Agreed => status.sync.resync_error = None,
                Agreement::InVain => {
                    let message = "the collector asks for everything again right after it was sent";
                    status.sync.resync_error = Some(Trouble::now(message));
                }
                Agreement::Asked | Agreement::Unsaid => {}
            }
        });
        let held = &self.shared.plan().0.reference.sha256;
        let new = |sha256: &&String| *sha256 != held && Some(*sha256) != self.plan_refused.as_ref();
        if plan_sha256.filter(new).is_some() {
            self.plan_wanted = true;
        }
    }

    /// The body is refused for good. One that does not follow on what the collector holds is numbered anew, where the
    /// collector says what that is.
    async fn refused(&mut self, sequence: u64, refusal: Refusal) -> Result<(), SpoolError> {
        let conflict = refusal.status == CONFLICT && self.renumberings < MOST_RENUMBERINGS;
        let renumber = refusal.last_sequence.filter(|_| conflict);
        self.renumberings = if renumber.is_some() {
            self.renumberings + 1
        } else {
            0
        };
        let now = Timestamp::now();
        let depth = self
            .shared
            .spool(move |spool| {
                match renumber {
                    Some(last) => spool.renumber(last)?,
                    None => spool.refuse(sequence, refusal.status, &refusal.detail, now)?,
                }
                spool.depth()
            })
            .await?;
        self.shared.board.update(|status| status.spool = depth);
        Ok(())
    }

    fn send_failed(&mut self, error: &ClientError) {
        self.failing = true;
        self.send.failed(error);
        tracing::warn!("{error}");
        let wait = self.send.at.saturating_duration_since(Instant::now());
        let next = SignedDuration::try_from(wait)
            .ok()
            .and_then(|wait| Timestamp::now().checked_add(wait).ok());
        self.shared.board.update(|status| {
            status.sync.error = Some(Trouble::now(error.to_string()));
            status.sync.next_attempt_at = next;
        });
    }

    fn spool_failed(&mut self, error: &SpoolError) {
        tracing::error!("{error}");
        self.send.at = Instant::now() + self.send.backoff.after_failure();
        self.shared
            .board
            .update(|status| status.run_error = Some(Trouble::now(error.to_string())));
    }

    /// A client for the identity and settings as they are now. Waits end: what failed before may work with these.
    fn connect(&mut self) {
        let identity = self.shared.identity();
        match Client::new(&identity, self.shared.settings().proxy.as_deref()) {
            Ok(client) => {
                self.client = client;
                self.incarnation = identity.incarnation();
                self.send.worked();
                self.plan.worked();
            }
            Err(error) => tracing::error!("{error}; the connection before stays"),
        }
        self.no_heartbeats_until = None;
        let interval = duration(self.shared.settings().heartbeat_interval);
        self.heartbeat_at = Instant::now() + Random::system().up_to(interval);
        // Another collector, or one that got its plan meanwhile.
        self.plan_wanted = true;
    }
}
