//! Lists outside the rules that rules look into: sets of ipset(8), lists of `-m recent`.

use std::collections::BTreeSet;

use super::connection::DumpError;
use super::expression::{Expression, Extension};
use super::interfaces::Surroundings;
use super::ruleset::Ruleset;
use super::{ipset, proc_net};
use crate::host::Host;
use crate::known::{Denial, Unknown};

/// Reads the lists that the rules name.
pub(super) fn read(host: &Host, ruleset: &Ruleset, surroundings: &mut Surroundings) -> Result<(), Unknown> {
    let matches = ruleset.expressions().filter_map(|expression| match expression {
        Expression::Extension(extension) if !extension.target => Some(extension),
        _ => None,
    });
    let mut sets = BTreeSet::new();
    for extension in matches {
        match extension.name.as_str() {
            "set" => sets.extend(set_index(extension)),
            "recent" => {
                let name = recent_name(extension);
                if let Some(addresses) = proc_net::recent(host, &name) {
                    surroundings.recent.insert(name, addresses);
                }
            }
            _ => {}
        }
    }
    surroundings.ip_sets = ipset::read(&sets).map_err(|error| match error {
        DumpError::Denied => Unknown::Denied(Denial {
            what: "ipset".to_owned(),
            needs: "CAP_NET_ADMIN".to_owned(),
        }),
        error => Unknown::Failed {
            what: "ipset".to_owned(),
            why: error.to_string(),
        },
    })?;
    Ok(())
}

/// `struct xt_set_info`: the index of the set.
pub(crate) fn set_index(extension: &Extension) -> Option<u16> {
    extension
        .info
        .first_chunk()
        .map(|bytes| u16::from_ne_bytes(*bytes))
}

/// `struct xt_recent_mtinfo`: the name of the list.
pub(crate) fn recent_name(extension: &Extension) -> String {
    let name = extension.info.get(10..210).unwrap_or_default();
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    String::from_utf8_lossy(name.get(..end).unwrap_or_default()).into_owned()
}
