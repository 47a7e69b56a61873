//! A report's way in: its body is read and judged ([`body`]), its signature is verified, and it waits its turn to be
//! committed together with others ([`queue`]).

mod body;
mod queue;

pub(crate) use body::{Flaw, LONGEST_NAME, read, require_name, require_os, require_short};
pub(crate) use queue::{IngestQueue, NotKept};
