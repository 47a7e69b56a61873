//! What is copied: the tables that both engines have, by the names that they share.
//!
//! Left out are what belongs to one engine or one moment: migrations, leases, notes, the queue of the ledger, and the
//! totals, which are counted anew.

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    /// None.
    Null,
    /// A number, or a time.
    Integer(i64),
    /// A text, plain.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Yes or no.
    Flag(bool),
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Numbers and times.
    Integer,
    /// Texts.
    Text,
    /// Bytes.
    Bytes,
    /// Yes or no.
    Flag,
}

/// A table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its columns; the first `key` of them name a row.
    pub(crate) columns: &'static [(&'static str, Kind)],
    /// How many columns name a row.
    pub(crate) key: usize,
    /// Rows in one transaction.
    pub(crate) at_once: usize,
}

impl Table {
    /// The columns that name a row.
    pub(crate) fn keys(&self) -> &'static [(&'static str, Kind)] {
        self.columns.get(..self.key).unwrap_or_default()
    }

    /// What of a row names it.
    pub(crate) fn key_of(&self, row: &[Cell]) -> Vec<Cell> {
        row.iter().take(self.key).cloned().collect()
    }

    /// Whether its first column numbers its rows by itself.
    pub(crate) fn is_numbered(&self) -> bool {
        self.columns.first() == Some(&("id", INTEGER)) && self.name != "ledger_head"
    }
}

const INTEGER: Kind = Kind::Integer;
const TEXT: Kind = Kind::Text;
const BYTES: Kind = Kind::Bytes;
const FLAG: Kind = Kind::Flag;

/// Rows of a narrow table in one transaction.
const MANY: usize = 2_000;

/// Rows of a table with large values in one transaction.
const FEW: usize = 100;

const fn table(
    name: &'static str,
    key: usize,
    at_once: usize,
    columns: &'static [(&'static str, Kind)],
) -> Table {
    Table {
        name,
        columns,
        key,
        at_once,
    }
}

/// Every table, those first that others refer to.
pub(crate) const TABLES: &[Table] = &[
    table(
        "hosts",
        1,
        MANY,
        &[
            ("id", TEXT),
            ("name", TEXT),
            ("role", TEXT),
            ("labels", TEXT),
            ("os", TEXT),
            ("machine", TEXT),
            ("agent_version", TEXT),
            ("incarnation", INTEGER),
            ("enrolled_at", INTEGER),
            ("plan_version", TEXT),
            ("plan_sha256", TEXT),
            ("clock_skew_ms", INTEGER),
            ("revoked_at", INTEGER),
            ("conflict_at", INTEGER),
            ("last_sequence", INTEGER),
            ("last_sha256", TEXT),
            ("reports", INTEGER),
            ("missing_reports", INTEGER),
            ("forks", INTEGER),
            ("sum", BYTES),
        ],
    ),
    table(
        "host_pulse",
        1,
        MANY,
        &[
            ("host", TEXT),
            ("heard_at", INTEGER),
            ("looked_at", INTEGER),
            ("silent", FLAG),
            ("overdue", FLAG),
        ],
    ),
    table("host_tallies", 1, MANY, &[("host", TEXT), ("tally", TEXT)]),
    table(
        "certificates",
        1,
        MANY,
        &[
            ("serial", TEXT),
            ("host", TEXT),
            ("incarnation", INTEGER),
            ("public_key", BYTES),
            ("token_sha256", TEXT),
            ("issued_at", INTEGER),
            ("not_after", INTEGER),
            ("revoked_at", INTEGER),
        ],
    ),
    table(
        "enrolment_tokens",
        1,
        MANY,
        &[
            ("sha256", TEXT),
            ("id", TEXT),
            ("role", TEXT),
            ("labels", TEXT),
            ("uses", INTEGER),
            ("used", INTEGER),
            ("created_at", INTEGER),
            ("expires_at", INTEGER),
        ],
    ),
    table(
        "api_tokens",
        1,
        MANY,
        &[
            ("sha256", TEXT),
            ("id", TEXT),
            ("access", TEXT),
            ("scopes", TEXT),
            ("note", TEXT),
            ("created_at", INTEGER),
            ("expires_at", INTEGER),
            ("revoked_at", INTEGER),
            ("used_at", INTEGER),
        ],
    ),
    table(
        "users",
        1,
        MANY,
        &[
            ("name", TEXT),
            ("role", TEXT),
            ("role_claimed", FLAG),
            ("password", TEXT),
            ("password_changed_at", INTEGER),
            ("oidc_issuer", TEXT),
            ("oidc_subject", TEXT),
            ("created_at", INTEGER),
            ("disabled_at", INTEGER),
        ],
    ),
    table(
        "sessions",
        1,
        MANY,
        &[
            ("sha256", TEXT),
            ("user_name", TEXT),
            ("created_at", INTEGER),
            ("seen_at", INTEGER),
            ("expires_at", INTEGER),
        ],
    ),
    table(
        "reports",
        1,
        FEW,
        &[
            ("id", INTEGER),
            ("host", TEXT),
            ("incarnation", INTEGER),
            ("sequence", INTEGER),
            ("received_at", INTEGER),
            ("sealed_at", INTEGER),
            ("previous", TEXT),
            ("body_sha256", TEXT),
            ("signature", TEXT),
            ("packing", TEXT),
            ("body", BYTES),
        ],
    ),
    table(
        "report_gaps",
        1,
        MANY,
        &[
            ("id", INTEGER),
            ("host", TEXT),
            ("incarnation", INTEGER),
            ("sequence", INTEGER),
            ("missing", INTEGER),
            ("chained", FLAG),
            ("noticed_at", INTEGER),
        ],
    ),
    table(
        "report_forks",
        3,
        MANY,
        &[
            ("host", TEXT),
            ("incarnation", INTEGER),
            ("sequence", INTEGER),
            ("offered_sha256", TEXT),
            ("times", INTEGER),
            ("first_at", INTEGER),
            ("last_at", INTEGER),
        ],
    ),
    table(
        "findings_latest",
        3,
        FEW,
        &[
            ("host", TEXT),
            ("check_id", TEXT),
            ("subject", TEXT),
            ("status", TEXT),
            ("severity", TEXT),
            ("observed_at", INTEGER),
            ("received_at", INTEGER),
            ("since", INTEGER),
            ("finding", TEXT),
            ("hash", BYTES),
        ],
    ),
    table(
        "findings_history",
        1,
        MANY,
        &[
            ("id", INTEGER),
            ("host", TEXT),
            ("check_id", TEXT),
            ("subject", TEXT),
            ("change", TEXT),
            ("before", TEXT),
            ("after", TEXT),
            ("severity", TEXT),
            ("at", INTEGER),
            ("sequence", INTEGER),
        ],
    ),
    table(
        "plans",
        1,
        FEW,
        &[
            ("id", INTEGER),
            ("sha256", TEXT),
            ("version", TEXT),
            ("toml", TEXT),
            ("signature", TEXT),
            ("published_at", INTEGER),
            ("published_by", TEXT),
        ],
    ),
    table(
        "acts",
        1,
        MANY,
        &[
            ("id", INTEGER),
            ("at", INTEGER),
            ("who", TEXT),
            ("what", TEXT),
            ("subject", TEXT),
            ("nonce", TEXT),
        ],
    ),
    table(
        "records",
        1,
        FEW,
        &[
            ("nonce", TEXT),
            ("family", TEXT),
            ("subject", TEXT),
            ("version", INTEGER),
            ("body", TEXT),
        ],
    ),
    table(
        "ledger_leaves",
        1,
        MANY,
        &[
            ("idx", INTEGER),
            ("hash", BYTES),
            ("kind", TEXT),
            ("reference", INTEGER),
            ("at", INTEGER),
        ],
    ),
    table(
        "ledger_nodes",
        2,
        MANY,
        &[("level", INTEGER), ("idx", INTEGER), ("hash", BYTES)],
    ),
    table(
        "ledger_head",
        1,
        MANY,
        &[("id", INTEGER), ("size", INTEGER), ("frontier", BYTES)],
    ),
    table(
        "ledger_checkpoints",
        1,
        MANY,
        &[("size", INTEGER), ("note", TEXT), ("signed_at", INTEGER)],
    ),
];
