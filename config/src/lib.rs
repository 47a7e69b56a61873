//! What every part of Plumbline agrees on: the plan (the policy), the settings of the programs, the catalogue of
//! controls, findings, and the wire model between agent and collector.
//!
//! Nothing here does I/O beyond loading a file that a person wrote.

pub mod catalogue;
pub mod file;
pub mod finding;
pub mod ident;
pub mod interval;
pub mod lang;
pub mod message;
pub mod outside;
pub mod plan;
pub mod seal;
pub mod settings;
pub mod state;
pub mod wire;

pub use jiff::Timestamp;
