//! The commands, one file each.

pub(crate) mod bundle;
pub(crate) mod check;
pub(crate) mod drill;
pub(crate) mod enroll;
pub(crate) mod explain;
pub(crate) mod list;
pub(crate) mod plan;
pub(crate) mod propose;
pub(crate) mod run;
mod settings;
pub(crate) mod status;
