//! The collector.
mod access;
mod freshness;
mod home;
mod pki;
mod secret;
pub mod store;
pub mod checklist;
pub mod report;
