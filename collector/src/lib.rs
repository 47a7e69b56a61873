//! The collector: enrols hosts, takes their reports in durably, and answers for what they found.
//!
//! A report's way: [`web`]'s agents' door (who is it?) → `ingest` (is it sound, is it signed?) → [`store`] (does it
//! follow the one before? commit) → answer; and from the store to the [`checklist`], the [`report`], the API, the
//! metrics and the command line, each time with its age ([`freshness`]).

pub mod access;
mod anchor;
#[doc(hidden)]
pub mod bench;
pub mod bundle;
mod certificates;
pub mod checklist;
mod cli;
mod commands;
mod desk;
mod document_format;
pub mod evidence;
pub mod freshness;
mod home;
mod incident_notice;
mod ingest;
mod jobs;
pub mod ledger;
mod metrics;
mod oidc;
mod pki;
pub mod plan_document;
mod presence;
mod prover;
pub mod records;
pub mod report;
mod secret;
mod server;
pub mod store;
mod tokens;
mod users;
mod view;
mod web;

pub use anchor::AnchorSetupError;
pub use cli::main;
pub use home::HomeError;
pub use metrics::MetricsError;
pub use oidc::OidcSetupError;
pub use pki::{FilesError, PkiError};
pub use server::{ServeError, Server};
pub use users::UserError;
