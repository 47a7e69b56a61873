//! What of the attempts to log in is abnormal: pure functions over events, used by the check and by `inspect logins`.

mod anomaly;
mod detect;
mod source;
mod window;

pub use anomaly::{Anomaly, AnomalyKind, Subject};
pub use detect::detect;
pub use source::SourceGroup;
