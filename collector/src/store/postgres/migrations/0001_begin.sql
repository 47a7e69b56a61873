-- Times are microseconds since 1970-01-01 UTC. Hashes and serial numbers in texts are lower-case hexadecimal.
--
-- Plain SQL: no triggers, no foreign keys (which are triggers, fired for every row), no sequence whose gaps would
-- matter, nothing that needs a session of its own between two transactions. Texts that are put in order are of
-- COLLATE "C", so that pages follow the bytes whatever the database's own collation is.
--
-- Locks are taken in one order, so that writers wait for each other but never in a circle: `notes`, `hosts` by id,
-- `host_pulse` by host, `totals` by name.

CREATE TABLE notes (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- The row that whoever makes a host shares, and whoever counts all hosts anew holds alone.
INSERT INTO notes (name, value) VALUES ('totals_catalogue', '');

CREATE TABLE hosts (
    id              TEXT COLLATE "C" PRIMARY KEY,
    name            TEXT NOT NULL,
    role            TEXT NOT NULL,
    labels          TEXT NOT NULL,             -- JSON object of texts
    os              TEXT NOT NULL,             -- JSON, wire model
    machine         TEXT NOT NULL,             -- '' when the host has no machine id
    agent_version   TEXT NOT NULL,
    incarnation     BIGINT NOT NULL,
    enrolled_at     BIGINT NOT NULL,
    plan_version    TEXT,
    plan_sha256     TEXT,
    clock_skew_ms   BIGINT,
    revoked_at      BIGINT,
    conflict_at     BIGINT,
    last_sequence   BIGINT NOT NULL DEFAULT 0,
    last_sha256     TEXT,
    reports         BIGINT NOT NULL DEFAULT 0, -- kept, over all incarnations
    missing_reports BIGINT NOT NULL DEFAULT 0,
    forks           BIGINT NOT NULL DEFAULT 0,
    sum             BYTEA NOT NULL             -- over the hashes of the host's findings
) WITH (fillfactor = 80);

CREATE INDEX hosts_by_machine ON hosts (machine, name);

-- When each host was heard from and looked at. Apart from `hosts`, because every heartbeat writes it: many of these
-- narrow rows share a page, and no index covers what changes, so that an update stays on its page.
CREATE TABLE host_pulse (
    host      TEXT COLLATE "C" PRIMARY KEY,
    heard_at  BIGINT NOT NULL,
    looked_at BIGINT,                          -- every finding kept of it stood then
    silent    BOOLEAN NOT NULL DEFAULT FALSE,  -- counted in `totals` as not heard from
    overdue   BOOLEAN NOT NULL DEFAULT FALSE   -- counted in `totals` as not looked at
) WITH (fillfactor = 50);

-- How many findings of each kind a host has.
CREATE TABLE host_tallies (
    host  TEXT COLLATE "C" PRIMARY KEY,
    tally TEXT NOT NULL
);

-- What all hosts together show. Each collector counts on a shard of its own; the sum is what counts.
CREATE TABLE totals (
    shard   TEXT COLLATE "C" NOT NULL,
    counted TEXT COLLATE "C" NOT NULL,
    number  BIGINT NOT NULL,
    PRIMARY KEY (shard, counted)
) WITH (fillfactor = 50);

CREATE TABLE certificates (
    serial       TEXT COLLATE "C" PRIMARY KEY,
    host         TEXT COLLATE "C" NOT NULL,
    incarnation  BIGINT NOT NULL,
    public_key   BYTEA NOT NULL,
    token_sha256 TEXT,                         -- of the enrolment; NULL for a renewal
    issued_at    BIGINT NOT NULL,
    not_after    BIGINT NOT NULL,
    revoked_at   BIGINT
);

CREATE INDEX certificates_by_host ON certificates (host, incarnation, issued_at);
CREATE INDEX certificates_by_token ON certificates (token_sha256);

CREATE TABLE enrolment_tokens (
    sha256     TEXT COLLATE "C" PRIMARY KEY,
    id         TEXT COLLATE "C" NOT NULL UNIQUE,
    role       TEXT NOT NULL,
    labels     TEXT NOT NULL,
    uses       BIGINT NOT NULL,
    used       BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE api_tokens (
    sha256     TEXT COLLATE "C" PRIMARY KEY,
    id         TEXT COLLATE "C" NOT NULL UNIQUE,
    access     TEXT NOT NULL,
    scopes     TEXT NOT NULL,                  -- JSON list of names; empty: all that the role may
    note       TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    used_at    BIGINT                          -- to the hour
);

CREATE TABLE users (
    name                TEXT COLLATE "C" PRIMARY KEY,
    role                TEXT NOT NULL,
    role_claimed        BOOLEAN NOT NULL,      -- the identity provider says the role at each sign-in
    password            TEXT,                  -- argon2id, PHC string; NULL: signs in at the identity provider alone
    password_changed_at BIGINT,
    oidc_issuer         TEXT,
    oidc_subject        TEXT,                  -- means something together with its issuer alone
    created_at          BIGINT NOT NULL,
    disabled_at         BIGINT
);

CREATE UNIQUE INDEX users_by_subject ON users (oidc_issuer, oidc_subject);

CREATE TABLE sessions (
    sha256     TEXT COLLATE "C" PRIMARY KEY,   -- of the cookie
    user_name  TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,                -- to the minute
    expires_at BIGINT NOT NULL                 -- whatever it is used
);

CREATE INDEX sessions_by_user ON sessions (user_name, created_at);
CREATE INDEX sessions_by_end ON sessions (expires_at);

-- Every report, one partition a month; `reports_rest` takes what no partition was made for, so that no report is ever
-- refused for want of one.
--
-- That (host, incarnation, sequence) comes once is the work of the locked row of its host: who keeps a report holds that
-- lock and has seen `last_sequence` go up to it. A unique index can't say it, for it would have to hold `received_at`.
CREATE TABLE reports (
    id          BIGINT GENERATED BY DEFAULT AS IDENTITY,
    host        TEXT COLLATE "C" NOT NULL,
    incarnation BIGINT NOT NULL,
    sequence    BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    sealed_at   BIGINT NOT NULL,
    previous    TEXT NOT NULL,                 -- as it was signed
    body_sha256 TEXT NOT NULL,                 -- of the bytes before packing
    signature   TEXT NOT NULL,                 -- over the bytes before packing
    PRIMARY KEY (id, received_at)
) PARTITION BY RANGE (received_at);

CREATE INDEX reports_by_sequence ON reports (host, incarnation, sequence);
CREATE TABLE reports_rest PARTITION OF reports DEFAULT;

-- What the reports say, as it was received. Apart, because it goes when its time is over, a month at once, and what the
-- ledger's leaves stand for stays.
CREATE TABLE report_bodies (
    id          BIGINT NOT NULL,               -- of the report
    received_at BIGINT NOT NULL,
    packing     TEXT NOT NULL,                 -- deflate (RFC 1951) or zstd (RFC 8878)
    body        BYTEA NOT NULL,
    PRIMARY KEY (id, received_at)
) PARTITION BY RANGE (received_at);

CREATE TABLE report_bodies_rest PARTITION OF report_bodies DEFAULT;

-- Reports that never came, as the next one to come told: thinned from a full spool, refused for good, or lost with a
-- restored backup or a copied disk.
CREATE TABLE report_gaps (
    id          BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    host        TEXT COLLATE "C" NOT NULL,
    incarnation BIGINT NOT NULL,
    sequence    BIGINT NOT NULL,               -- of the report that told
    missing     BIGINT NOT NULL,
    chained     BOOLEAN NOT NULL,              -- the chain of hashes runs on; else it begins anew at this report
    noticed_at  BIGINT NOT NULL
);

CREATE INDEX gaps_by_host ON report_gaps (host, incarnation, sequence);

-- Refused reports that contradict a kept one, once for each sequence.
CREATE TABLE report_forks (
    host           TEXT COLLATE "C" NOT NULL,
    incarnation    BIGINT NOT NULL,
    sequence       BIGINT NOT NULL,
    offered_sha256 TEXT NOT NULL,              -- of the latest one
    times          BIGINT NOT NULL,
    first_at       BIGINT NOT NULL,
    last_at        BIGINT NOT NULL,
    PRIMARY KEY (host, incarnation, sequence)
);

-- A subject may be longer than an index takes (a path has up to 4096 bytes, an index row 2704), so its SHA-256 stands in
-- the key.
CREATE TABLE findings_latest (
    host        TEXT COLLATE "C" NOT NULL,
    check_id    TEXT COLLATE "C" NOT NULL,
    subject_key BYTEA NOT NULL,
    subject     TEXT COLLATE "C" NOT NULL,
    status      TEXT NOT NULL,
    severity    TEXT NOT NULL,
    observed_at BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    since       BIGINT NOT NULL,               -- received_at of the first report with this status
    finding     TEXT NOT NULL,                 -- JSON, wire model
    hash        BYTEA NOT NULL,
    PRIMARY KEY (host, check_id, subject_key)
) WITH (fillfactor = 80);

CREATE INDEX findings_by_check ON findings_latest (check_id, host);

-- Changes of findings, one partition a month as for `reports`.
CREATE TABLE findings_history (
    id       BIGINT GENERATED BY DEFAULT AS IDENTITY,
    host     TEXT COLLATE "C" NOT NULL,
    check_id TEXT NOT NULL,
    subject  TEXT NOT NULL,
    change   TEXT NOT NULL,
    before   TEXT,
    after    TEXT,
    severity TEXT NOT NULL,
    at       BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);

CREATE INDEX history_by_host ON findings_history (host, id);
CREATE TABLE findings_history_rest PARTITION OF findings_history DEFAULT;

-- Every publication of a plan; the one with the highest id is current. Who publishes holds the row of `notes`, so the
-- ids stand in the order of the publications.
CREATE TABLE plans (
    id           BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    sha256       TEXT NOT NULL,
    version      TEXT NOT NULL,
    toml         TEXT NOT NULL,
    signature    TEXT NOT NULL,
    published_at BIGINT NOT NULL,
    published_by TEXT NOT NULL
);

INSERT INTO notes (name, value) VALUES ('plan_gate', '');

-- What people did. The nonce makes its entry in the ledger one of a kind.
CREATE TABLE acts (
    id      BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    at      BIGINT NOT NULL,
    who     TEXT NOT NULL,
    what    TEXT NOT NULL,
    subject TEXT NOT NULL,
    nonce   TEXT NOT NULL
);

CREATE INDEX acts_by_nonce ON acts (nonce);

-- Leaves that have no place yet: written in the transaction that keeps the report or the act.
CREATE TABLE ledger_queue (
    id        BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    hash      BYTEA NOT NULL,
    kind      TEXT NOT NULL,
    reference BIGINT NOT NULL,
    at        BIGINT NOT NULL
);

-- The ledger: an RFC 6962 Merkle tree over what was accepted.
CREATE TABLE ledger_leaves (
    idx       BIGINT PRIMARY KEY,              -- from 0, without gaps
    hash      BYTEA NOT NULL,                  -- of the entry (RFC 6962, 2.1)
    kind      TEXT NOT NULL,
    reference BIGINT NOT NULL,                 -- id in the kind's table
    at        BIGINT NOT NULL                  -- received_at or at of that row: which partition it is in
);

CREATE UNIQUE INDEX leaves_by_reference ON ledger_leaves (reference, kind);

-- Hashes of complete subtrees at levels 8, 16, 24 …: enough for proofs without reading every leaf.
CREATE TABLE ledger_nodes (
    level BIGINT NOT NULL,
    idx   BIGINT NOT NULL,
    hash  BYTEA NOT NULL,
    PRIMARY KEY (level, idx)
);

-- One row: the tree's size and right edge.
CREATE TABLE ledger_head (
    id       BIGINT PRIMARY KEY CHECK (id = 1),
    size     BIGINT NOT NULL,
    frontier BYTEA NOT NULL
);

CREATE TABLE ledger_checkpoints (
    size      BIGINT PRIMARY KEY,
    note      TEXT NOT NULL,                   -- signed note (C2SP tlog-checkpoint)
    signed_at BIGINT NOT NULL
);

-- Who runs a periodic job, and until when by the database's clock.
CREATE TABLE leases (
    name   TEXT COLLATE "C" PRIMARY KEY,
    holder TEXT NOT NULL,
    until  BIGINT NOT NULL
);
