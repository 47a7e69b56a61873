//! Between this host and the collector: HTTP over mutual TLS, and how long to wait when it does not work.

mod backoff;
mod client;
mod compress;
mod error;
mod pin;

pub use backoff::{Backoff, CAP, Random};
pub use client::{Client, PinnedClient};
pub use error::{ClientError, Refusal};
pub use pin::{InvalidPin, Pin};
