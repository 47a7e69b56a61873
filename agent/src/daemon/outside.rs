//! Has the proofs from outside made that the plan asks for, if this host consents, and makes them where it is a prover.
//!
//! Nobody can tell this host to connect to anything: as a prover it goes by its own copy of the plan, and what the
//! collector says of consents only narrows that.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use plumbline_config::ident::HostId;
use plumbline_config::outside::{
    Attempt, COLLECTOR, MOST_PORTS, MOST_PORTS_AT_ONCE, ProofRequest, Testimony,
};
use plumbline_config::plan::OutsideProof;
use plumbline_facts::outside::{History, InQuestion, OutsideFacts, Proof, Round, Sight, Trouble};
use tokio::time::{Instant, sleep_until};

use super::{DaemonError, Shared, duration};
use crate::daemon::connect;
use crate::data_dir::{DataDir, DataDirError};
use crate::transport::{Client, ClientError, Random};

/// File of what came of proofs, in the data directory.
const FILE: &str = "outside.json";
/// Largest such file, in bytes.
const LARGEST: u64 = 4 * 1024 * 1024;

/// What was known when the daemon last ran. Where it can't be read, proofs begin anew.
pub(super) fn remembered(data_dir: &std::path::Path) -> OutsideFacts {
    let read = || -> Result<Option<OutsideFacts>, DataDirError> {
        let bytes = DataDir::open(data_dir)?.read(FILE, LARGEST)?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    };
    match read() {
        Ok(known) => known.unwrap_or_default(),
        Err(error) => {
            tracing::warn!("what came of proofs from outside can't be read, they begin anew: {error}");
            OutsideFacts::default()
        }
    }
}

/// Has proofs made.
pub(super) struct Proving {
    shared: Arc<Shared>,
    client: Client,
    known: OutsideFacts,
    /// The collector is asked to connect no sooner than this.
    next_round: Instant,
    /// Rules and sockets of late, for what other provers find; and what was too much to be in question last.
    history: History,
    beyond: usize,
}

impl Proving {
    pub(super) fn new(shared: Arc<Shared>) -> Result<Self, DaemonError> {
        let client = Client::new(&shared.identity(), shared.settings().proxy.as_deref())?;
        let known = OutsideFacts::clone(&shared.outside.borrow());
        Ok(Self {
            shared,
            client,
            known,
            next_round: Instant::now(),
            history: History::default(),
            beyond: 0,
        })
    }

    /// Goes on without end.
    pub(super) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let mut settings = shared.settings.subscribe();
        let mut identity = shared.identity.subscribe();
        let mut plan = shared.plan.subscribe();
        loop {
            self.step().await;
            // As often as the collector hears of this host otherwise; and a fleet not at one moment.
            let pause = duration(self.shared.settings().heartbeat_interval);
            let wake = Instant::now() + pause / 2 + Random::system().up_to(pause / 2);
            tokio::select! {
                () = sleep_until(wake) => {}
                _ = settings.changed() => self.reconnect(),
                _ = identity.changed() => self.reconnect(),
                _ = plan.changed() => self.next_round = Instant::now(),
            }
        }
    }

    fn reconnect(&mut self) {
        self.next_round = Instant::now();
        match Client::new(&self.shared.identity(), self.shared.settings().proxy.as_deref()) {
            Ok(client) => self.client = client,
            Err(error) => tracing::error!("{error}; the connection before stays"),
        }
    }

    async fn step(&mut self) {
        let identity = self.shared.identity();
        let host = identity.host_id().clone();
        self.known.consents = self.shared.settings().outside_proof;
        self.known.host = Some(host.clone());
        let loaded = self.shared.plan();
        let firewall = &loaded.0.plan.measures(identity.role()).intrusion.firewall;
        if firewall.not_applicable.is_none() {
            let plan = &firewall.outside_proof;
            if self.known.consents {
                self.be_proved(plan, &host).await;
            }
            if plan.by_host(&host) {
                self.prove_others(plan, &host).await;
            }
        }
        self.publish().await;
    }

    /// Hands on what is known, and keeps it, if it is news.
    async fn publish(&self) {
        let known = Arc::new(self.known.clone());
        let is_news = self.shared.outside.send_if_modified(|current| {
            let is_news = **current != *known;
            current.clone_from(&known);
            is_news
        });
        if !is_news {
            return;
        }
        let data_dir = self.shared.settings().data_dir.clone();
        let write = move || -> Result<(), DataDirError> {
            let bytes = serde_json::to_vec(&*known).unwrap_or_default();
            DataDir::open(&data_dir)?.write(FILE, &bytes)
        };
        match tokio::task::spawn_blocking(write).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!("what came of proofs from outside is not kept: {error}"),
            Err(error) => tracing::error!("what came of proofs from outside is not kept: {error}"),
        }
    }

    async fn be_proved(&mut self, plan: &OutsideProof, host: &HostId) {
        self.known
            .rounds
            .retain(|prover, _| plan.provers.contains(prover));
        let done_at = |prover: &str| self.known.rounds.get(prover).and_then(|round| round.done_at);
        let others = plan.provers.iter().map(String::as_str);
        let others = others.filter(|prover| *prover != COLLECTOR && *prover != host.as_str());
        let others: Vec<bool> = others.map(|prover| is_due(done_at(prover), plan)).collect();
        if plan.by_collector() && self.next_round <= Instant::now() && is_due(done_at(COLLECTOR), plan) {
            self.collector_round(plan).await;
        }
        if others.is_empty() {
            self.known.in_question.clear();
            self.history.clear();
        } else {
            self.look_and_hear(others.contains(&true)).await;
        }
    }

    /// Has the collector connect to what is in question, address by address. A round that is not carried to its end
    /// leaves the one before as it was.
    async fn collector_round(&mut self, plan: &OutsideProof) {
        let pause = duration(self.shared.settings().heartbeat_interval).min(duration(plan.interval));
        let (round, wait) = match self.ask_collector().await {
            Ok(round) => (round, pause),
            Err(Unproved { trouble, wait }) => {
                let before = self.known.rounds.remove(COLLECTOR).unwrap_or_default();
                let trouble = Some(trouble);
                (Round { trouble, ..before }, wait.unwrap_or(pause))
            }
        };
        self.next_round = Instant::now() + wait;
        self.known.rounds.insert(COLLECTOR.to_owned(), round);
    }

    async fn ask_collector(&self) -> Result<Round, Unproved> {
        let before = self.sight().await?;
        let InQuestion { ports, mut beyond } = before.in_question();
        let mut attempts = Vec::new();
        let mut declined = None;
        let mut was_taken = ports.is_empty();
        for (address, ports) in ports {
            for ports in ports.chunks(MOST_PORTS_AT_ONCE) {
                let request = ProofRequest {
                    address,
                    ports: ports.to_vec(),
                };
                let reply = self.client.prove(&request).await?;
                if let Some(why) = reply.declined {
                    declined = declined.or(Some(why));
                    break;
                }
                was_taken = true;
                let asked = |attempt: &Attempt| attempt.to == address && ports.contains(&attempt.port);
                let answers: Vec<Attempt> = reply.attempts.into_iter().filter(asked).collect();
                beyond += ports.len().saturating_sub(answers.len());
                attempts.extend(answers);
            }
        }
        if let Some(why) = declined.filter(|_| !was_taken) {
            return Err(Trouble::Declined(why).into());
        }
        let after = self.sight().await?;
        Ok(Round {
            done_at: Some(Timestamp::now()),
            proofs: attempts
                .into_iter()
                .map(|attempt| before.beside(&after, attempt))
                .collect(),
            beyond,
            trouble: None,
        })
    }

    /// Looks, and if something new is due learns what other provers found beside how the host looked then.
    async fn look_and_hear(&mut self, is_due: bool) {
        let sight = match self.sight().await {
            Ok(sight) => sight,
            Err(unproved) => return tracing::warn!("proofs from outside: {:?}", unproved.trouble),
        };
        if self.history.add(sight) {
            let newest = self.history.newest().map(Sight::in_question);
            let InQuestion { ports, beyond } = newest.unwrap_or_default();
            let in_question = ports.into_iter();
            let in_question = in_question.map(|(address, ports)| ProofRequest { address, ports });
            self.known.in_question = in_question.collect();
            self.beyond = beyond;
        }
        if !is_due {
            return;
        }
        match self.client.testimonies().await {
            Ok(testimonies) => {
                for testimony in testimonies {
                    self.hear(testimony);
                }
            }
            Err(error) => tracing::warn!("what other hosts found could not be asked for: {error}"),
        }
    }

    fn hear(&mut self, testimony: Testimony) {
        let Testimony { prover, at, attempts } = testimony;
        let prover = prover.to_string();
        let last = self.known.rounds.get(&prover).and_then(|round| round.done_at);
        if last.is_some_and(|heard| heard >= at) {
            return;
        }
        let here = |attempt: &Attempt| {
            let mut own = self.known.in_question.iter();
            own.any(|own| own.address == attempt.to)
        };
        let attempts = attempts.into_iter().filter(here).take(MOST_PORTS);
        let proofs: Vec<Proof> = attempts.map(|attempt| self.history.beside(attempt)).collect();
        let round = Round {
            done_at: Some(at),
            proofs,
            beyond: self.beyond,
            trouble: None,
        };
        self.known.rounds.insert(prover, round);
    }

    async fn sight(&self) -> Result<Sight, Unproved> {
        let host = Arc::clone(&self.shared.host);
        let failed = |why: String| Unproved::from(Trouble::Failed(why));
        match tokio::task::spawn_blocking(move || Sight::read(&host, Timestamp::now())).await {
            Ok(Ok(sight)) => Ok(sight),
            Ok(Err(unknown)) => Err(failed(format!("the rules could not be read: {unknown:?}"))),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    async fn prove_others(&mut self, plan: &OutsideProof, host: &HostId) {
        self.known
            .found
            .retain(|other, _| plan.targets.iter().any(|target| target.host == *other));
        let mut hosts = plan.targets.iter().map(|target| &target.host);
        let last = |other: &HostId| self.known.found.get(other).map(|found| found.at);
        if !hosts.any(|other| other != host && is_due(last(other), plan)) {
            return;
        }
        let consents = match self.client.consents().await {
            Ok(consents) => consents,
            Err(error) => {
                return tracing::warn!("who consents to be connected to could not be asked: {error}");
            }
        };
        for consent in consents.into_iter().filter(|consent| consent.host != *host) {
            let last = self.known.found.get(&consent.host).map(|found| found.at);
            if is_due(last, plan)
                && let Some(found) = connect::to(plan, &consent).await
            {
                self.known.found.insert(consent.host, found);
                self.publish().await;
            }
        }
    }
}

/// Whether it is time for a round after the one of the moment `last`.
fn is_due(last: Option<Timestamp>, plan: &OutsideProof) -> bool {
    last.is_none_or(|last| {
        let age = Timestamp::now().duration_since(last);
        age.is_negative() || age >= plan.interval.nominal()
    })
}

/// Why a round came to nothing.
struct Unproved {
    trouble: Trouble,
    /// How long the other side wants to be left alone.
    wait: Option<Duration>,
}

impl From<Trouble> for Unproved {
    fn from(trouble: Trouble) -> Self {
        Self { trouble, wait: None }
    }
}

impl From<ClientError> for Unproved {
    fn from(error: ClientError) -> Self {
        let wait = match &error {
            ClientError::Busy { retry_after, .. } => *retry_after,
            _ => None,
        };
        tracing::warn!("the collector could not be asked for a proof from outside: {error}");
        Self {
            trouble: Trouble::Failed(error.to_string()),
            wait,
        }
    }
}
