//! One simulated agent: the agent's own client and backoff over a made-up host.

use std::sync::Arc;
use std::time::{Duration, Instant};

use plumbline_agent::identity::Identity;
use plumbline_agent::transport::{Backoff, Client, ClientError, Random};
use tokio::sync::Semaphore;
use tokio::time::sleep;

use crate::company::{Company, Host};
use crate::stats::Stats;

/// An agent.
pub(crate) struct Agent {
    pub(crate) host: Host,
    client: Client,
    backoff: Backoff,
}

/// What the agents of a scenario share.
pub(crate) struct World {
    pub(crate) company: Arc<Company>,
    pub(crate) stats: Stats,
    /// Connections under way.
    pub(crate) under_way: Arc<Semaphore>,
    /// Agents that are done.
    pub(crate) done: std::sync::atomic::AtomicUsize,
}

impl Agent {
    pub(crate) fn new(identity: &Identity, host: Host) -> Self {
        Self {
            host,
            client: Client::new(identity, None).expect("a client"),
            backoff: Backoff::new(Random::system()),
        }
    }

    /// Delivers the report that waits, or the next one; tries until the collector has it.
    pub(crate) async fn deliver(&mut self, world: &World) {
        loop {
            let body = self.host.seal(&world.company).to_vec();
            let _way = world.under_way.acquire().await;
            let began = Instant::now();
            match self.client.send(body).await {
                Ok(ack) => {
                    assert!(!ack.resync, "{}: the collector keeps another state", self.host.id);
                    assert_eq!(
                        ack.sequence,
                        self.host.sequence + 1,
                        "{}: acknowledged",
                        self.host.id
                    );
                    world
                        .stats
                        .accepted(if ack.duplicate { "re-post" } else { "report" }, began.elapsed());
                    self.host.confirmed();
                    return self.backoff.reset();
                }
                Err(error) => {
                    drop(_way);
                    self.wait(world, &error).await;
                }
            }
        }
    }

    /// Says that it lives; tries until the collector takes it.
    pub(crate) async fn beat(&mut self, world: &World) {
        loop {
            let heartbeat = self.host.heartbeat(&world.company);
            let _way = world.under_way.acquire().await;
            let began = Instant::now();
            match self.client.heartbeat(&heartbeat).await {
                Ok(reply) => {
                    assert!(
                        !reply.resync,
                        "{}: the collector keeps another state",
                        self.host.id
                    );
                    world.stats.accepted("heartbeat", began.elapsed());
                    return self.backoff.reset();
                }
                Err(error) => {
                    drop(_way);
                    self.wait(world, &error).await;
                }
            }
        }
    }

    /// Asks for the plan, which it has.
    pub(crate) async fn ask_for_plan(&mut self, world: &World) {
        loop {
            let _way = world.under_way.acquire().await;
            let began = Instant::now();
            match self.client.plan(Some(&world.company.plan.sha256)).await {
                Ok(plan) => {
                    assert!(plan.is_none(), "the collector has another plan");
                    world.stats.accepted("plan", began.elapsed());
                    return self.backoff.reset();
                }
                Err(error) => {
                    drop(_way);
                    self.wait(world, &error).await;
                }
            }
        }
    }

    /// Waits as the agent's courier does after this.
    async fn wait(&mut self, world: &World, error: &ClientError) {
        let wait: Duration = match error {
            ClientError::Busy {
                retry_after: Some(asked),
                ..
            } => self.backoff.asked(*asked),
            ClientError::Busy { .. } | ClientError::Unreachable { .. } | ClientError::Unexpected { .. } => {
                self.backoff.after_failure()
            }
            ClientError::Setup(_) | ClientError::Identity { .. } | ClientError::Refused { .. } => {
                panic!("{}: {error}", self.host.id)
            }
        };
        world.stats.refused(match error {
            ClientError::Busy { status, .. } | ClientError::Unexpected { status, .. } => {
                format!("HTTP {status}")
            }
            ClientError::Unreachable { why, .. } => format!("no answer: {why}"),
            _ => String::new(),
        });
        sleep(wait).await;
    }
}
