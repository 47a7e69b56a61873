//! The hellos that are tried for a version, in several shapes, since no one shape is liked by servers of every age.

use plumbline_config::plan::TlsVersion;

use super::hello::{Hello, SSL3, TLS1_2, TLS1_3};
use super::{share, suites};

/// Names to send in `server_name`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// In the first hellos.
    pub(super) first: Option<String>,
    /// In the second hellos.
    pub(super) second: Option<String>,
}

/// A hello that a server of any age since TLS 1.0 can answer, for its highest version.
pub(super) fn any_version(names: &Names) -> Hello {
    Hello {
        version: TLS1_2,
        versions: vec![TLS1_3, TLS1_2],
        suites: [suites::TLS1_3, &suites::all_before_1_3()].concat(),
        groups: suites::groups(),
        signatures: suites::SIGNATURES.to_vec(),
        key_shares: Vec::new(),
        cookie: Vec::new(),
        name: names.first.clone(),
        modern: true,
    }
}

/// A hello without extensions that the oldest servers can read.
pub(super) fn old_style(version: u16) -> Hello {
    Hello {
        version,
        suites: suites::OLD.to_vec(),
        signatures: if version == TLS1_2 {
            suites::SIGNATURES.to_vec()
        } else {
            Vec::new()
        },
        ..Hello::default()
    }
}

/// The hellos for one version, likeliest first.
pub(super) fn shapes(version: u16, names: &Names) -> Vec<Hello> {
    let signatures = if version >= TLS1_2 {
        suites::SIGNATURES.to_vec()
    } else {
        Vec::new()
    };
    let short_groups = vec![0x001d, 0x0017, 0x0018, 0x0019];
    // A server that can't ask for another key share has to find one that it likes.
    let shared_groups = [0x001d, 0x0017, 0x0018, 0x0019, 0x001e, 0x0100];
    match version {
        SSL3 => {
            let long = Hello {
                version,
                suites: suites::all_before_1_3(),
                ..Hello::default()
            };
            vec![long, old_style(version)]
        }
        TLS1_3 => {
            let wide = Hello {
                versions: vec![TLS1_3],
                suites: suites::TLS1_3.to_vec(),
                ..any_version(names)
            };
            let with_keys = Hello {
                groups: shared_groups.to_vec(),
                key_shares: shared_groups
                    .iter()
                    .filter_map(|group| Some((*group, share::share(*group)?)))
                    .collect(),
                name: names.second.clone(),
                ..wide.clone()
            };
            // As short as one can be, for what chokes on length or on anything that it does not know.
            let short = Hello {
                suites: vec![0x1301, 0x1302, 0x1303],
                groups: vec![suites::X25519MLKEM768, 0x001d, 0x0017, 0x0018],
                signatures: vec![0x0403, 0x0503, 0x0807, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501],
                modern: false,
                ..wide.clone()
            };
            vec![wide, with_keys, short]
        }
        _ => {
            let wide = Hello {
                version,
                suites: suites::all_before_1_3(),
                groups: suites::groups(),
                signatures: signatures.clone(),
                name: names.first.clone(),
                modern: true,
                ..Hello::default()
            };
            let short = Hello {
                suites: suites::SHORT.to_vec(),
                groups: short_groups,
                name: names.second.clone(),
                ..wide.clone()
            };
            vec![wide, old_style(version), short]
        }
    }
}

/// The number of a version on the wire; SSL 2.0 has one of its own kind.
pub(super) const fn to_wire(version: TlsVersion) -> u16 {
    match version {
        TlsVersion::Ssl2 => 0x0002,
        TlsVersion::Ssl3 => SSL3,
        TlsVersion::V1_0 => 0x0301,
        TlsVersion::V1_1 => 0x0302,
        TlsVersion::V1_2 => TLS1_2,
        TlsVersion::V1_3 => TLS1_3,
    }
}

/// The version with this number on the wire.
pub(super) fn from_wire(number: u16) -> Option<TlsVersion> {
    TlsVersion::ALL
        .into_iter()
        .find(|version| to_wire(*version) == number)
}
