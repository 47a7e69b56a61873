//! Settings of the two programs: what a machine needs to know, as against the plan, which is the company's.

mod agent;
mod collector;
mod evidence;
mod store;

pub use agent::{AgentSettings, DEFAULT_AGENT_SETTINGS};
pub use collector::{AnchorSettings, CollectorSettings, DEFAULT_COLLECTOR_SETTINGS, OidcSettings, UsersBy};
pub use evidence::{EvidenceSettings, ObjectLock, S3Settings};
pub use store::{StoreAddress, without_password};
