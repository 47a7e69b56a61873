//! The collector's two doors over real TLS on loopback: what is let in, and how what is not is told so.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod anchored;
mod api;
mod audit_report;
mod bundle;
mod command_line;
mod credentials;
mod enrolment;
mod host;
mod incidents;
mod lab;
mod ledger;
mod people;
mod records;
mod records_commands;
mod refused;
mod reports;
mod resumed;
mod reviews;
mod running;
mod sign_in;
mod tamper;
