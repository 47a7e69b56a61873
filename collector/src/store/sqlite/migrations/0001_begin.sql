-- Times are microseconds since 1970-01-01 UTC. Hashes and serial numbers are lower-case hexadecimal.

CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Goes up whenever a host is enrolled or revoked.
INSERT INTO counters (name, value) VALUES ('host_epoch', 0);

CREATE TABLE hosts (
    id              TEXT PRIMARY KEY,
    name            TEXT NOT NULL,
    role            TEXT NOT NULL,
    labels          TEXT NOT NULL,             -- JSON object of texts
    os              TEXT NOT NULL,             -- JSON, wire model
    machine         TEXT NOT NULL,             -- '' when the host has no machine id
    agent_version   TEXT NOT NULL,
    incarnation     INTEGER NOT NULL,
    enrolled_at     INTEGER NOT NULL,
    heard_at        INTEGER NOT NULL,
    plan_version    TEXT,
    plan_sha256     TEXT,
    clock_skew_ms   INTEGER,
    revoked_at      INTEGER,
    conflict_at     INTEGER,
    last_sequence   INTEGER NOT NULL DEFAULT 0,
    last_sha256     TEXT,
    reports         INTEGER NOT NULL DEFAULT 0, -- kept, over all incarnations
    missing_reports INTEGER NOT NULL DEFAULT 0,
    forks           INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX hosts_by_machine ON hosts (machine, name) WHERE machine <> '';

CREATE TABLE certificates (
    serial       TEXT PRIMARY KEY,
    host         TEXT NOT NULL REFERENCES hosts (id),
    incarnation  INTEGER NOT NULL,
    public_key   BLOB NOT NULL,
    token_sha256 TEXT,                         -- of the enrolment; NULL for a renewal
    issued_at    INTEGER NOT NULL,
    not_after    INTEGER NOT NULL,
    revoked_at   INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX certificates_by_host ON certificates (host, incarnation, issued_at);
CREATE INDEX certificates_by_token ON certificates (token_sha256) WHERE token_sha256 IS NOT NULL;

CREATE TABLE enrolment_tokens (
    sha256     TEXT PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    role       TEXT NOT NULL,
    labels     TEXT NOT NULL,
    uses       INTEGER NOT NULL,
    used       INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_tokens (
    sha256     TEXT PRIMARY KEY,
    id         TEXT NOT NULL UNIQUE,
    access     TEXT NOT NULL,
    note       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;

-- Every report as it was received.
CREATE TABLE reports (
    id          INTEGER PRIMARY KEY,
    host        TEXT NOT NULL REFERENCES hosts (id),
    incarnation INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    sealed_at   INTEGER NOT NULL,
    body_sha256 TEXT NOT NULL,                 -- of the bytes before packing
    signature   TEXT NOT NULL,                 -- over the bytes before packing
    body        BLOB NOT NULL                  -- raw deflate (RFC 1951)
) STRICT;

CREATE UNIQUE INDEX reports_by_sequence ON reports (host, incarnation, sequence);

-- Reports that never came, as the next one to come told: thinned from a full spool, refused for good, or lost with a
-- restored backup or a copied disk.
CREATE TABLE report_gaps (
    id          INTEGER PRIMARY KEY,
    host        TEXT NOT NULL REFERENCES hosts (id),
    incarnation INTEGER NOT NULL,
    sequence    INTEGER NOT NULL,              -- of the report that told
    missing     INTEGER NOT NULL,
    chained     INTEGER NOT NULL,              -- 1: the chain of hashes runs on; 0: it begins anew at this report
    noticed_at  INTEGER NOT NULL
) STRICT;

-- Refused reports that contradict a kept one, once for each sequence.
CREATE TABLE report_forks (
    host           TEXT NOT NULL REFERENCES hosts (id),
    incarnation    INTEGER NOT NULL,
    sequence       INTEGER NOT NULL,
    offered_sha256 TEXT NOT NULL,              -- of the latest one
    times          INTEGER NOT NULL,
    first_at       INTEGER NOT NULL,
    last_at        INTEGER NOT NULL,
    PRIMARY KEY (host, incarnation, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE findings_latest (
    host        TEXT NOT NULL REFERENCES hosts (id),
    check_id    TEXT NOT NULL,
    subject     TEXT NOT NULL,
    status      TEXT NOT NULL,
    severity    TEXT NOT NULL,
    observed_at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    since       INTEGER NOT NULL,              -- received_at of the first report with this status
    finding     TEXT NOT NULL,                 -- JSON, wire model
    PRIMARY KEY (host, check_id, subject)
) STRICT;

CREATE INDEX findings_by_check ON findings_latest (check_id, host, subject);

CREATE TABLE findings_history (
    id       INTEGER PRIMARY KEY,
    host     TEXT NOT NULL REFERENCES hosts (id),
    check_id TEXT NOT NULL,
    subject  TEXT NOT NULL,
    change   TEXT NOT NULL,
    before   TEXT,
    after    TEXT,
    severity TEXT NOT NULL,
    at       INTEGER NOT NULL,
    sequence INTEGER NOT NULL
) STRICT;

CREATE INDEX history_by_host ON findings_history (host, id);

-- Every publication of a plan; the one with the highest id is current.
CREATE TABLE plans (
    id           INTEGER PRIMARY KEY,
    sha256       TEXT NOT NULL,
    version      TEXT NOT NULL,
    toml         TEXT NOT NULL,
    signature    TEXT NOT NULL,
    published_at INTEGER NOT NULL,
    published_by TEXT NOT NULL
) STRICT;

-- What people did.
CREATE TABLE acts (
    id      INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    who     TEXT NOT NULL,
    what    TEXT NOT NULL,
    subject TEXT NOT NULL
) STRICT;
