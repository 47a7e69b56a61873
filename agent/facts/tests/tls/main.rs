//! What the TLS prober says of real OpenSSL servers, and of scripted peers of every kind of honesty.
//!
//! OpenSSL is the system's own `openssl s_server`; SSL 2.0 and 3.0, which it no longer speaks, are answered by
//! constructed bytes.

#![allow(
    clippy::disallowed_methods,
    reason = "the tests run OpenSSL, which is a real peer that no library here can stand in for"
)]

#[cfg(test)]
mod datagrams;
#[cfg(test)]
mod keepers;
#[cfg(test)]
mod openssl;
#[cfg(test)]
mod peers;
#[cfg(test)]
mod pki;
#[cfg(test)]
mod services;
#[cfg(test)]
mod starttls;
#[cfg(test)]
mod support;
#[cfg(test)]
mod traps;
#[cfg(test)]
mod trust;
#[cfg(test)]
mod zoo;
