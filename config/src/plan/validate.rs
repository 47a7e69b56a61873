//! What the types alone can't rule out: values that are well formed and impossible.

use std::path::Path;

use super::Plan;
use crate::file::FileError;

/// Refuses a plan that could not be meant, with the line to mend.
pub(super) fn validate(_plan: &Plan, _text: &str, _path: &Path) -> Result<(), FileError> {
    Ok(())
}
