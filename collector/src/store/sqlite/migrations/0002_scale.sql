-- What grows with the number of hosts is kept step by step: nobody counts all hosts on a request.

-- When each host was heard from and looked at. Apart from `hosts`, because every heartbeat writes it: many of these
-- narrow rows share a page.
CREATE TABLE host_pulse (
    host      TEXT PRIMARY KEY,
    heard_at  INTEGER NOT NULL,
    looked_at INTEGER,                         -- every finding kept of it stood then
    silent    INTEGER NOT NULL DEFAULT 0,      -- counted in `totals` as not heard from
    overdue   INTEGER NOT NULL DEFAULT 0       -- counted in `totals` as not looked at
) STRICT, WITHOUT ROWID;

INSERT INTO host_pulse (host, heard_at) SELECT id, heard_at FROM hosts;
ALTER TABLE hosts DROP COLUMN heard_at;

-- The sum over the hashes of the host's findings. Zero for what was kept before hashes were: the host's next report
-- brings all of it anew.
ALTER TABLE hosts ADD COLUMN sum BLOB NOT NULL DEFAULT x'0000000000000000000000000000000000000000000000000000000000000000';
ALTER TABLE findings_latest ADD COLUMN hash BLOB NOT NULL DEFAULT x'0000000000000000000000000000000000000000000000000000000000000000';

-- How many findings of each kind a host has.
CREATE TABLE host_tallies (
    host  TEXT PRIMARY KEY,
    tally TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What all hosts together show. Several collectors each count on a shard of their own; the sum is what counts.
CREATE TABLE totals (
    shard   TEXT NOT NULL,
    counted TEXT NOT NULL,
    number  INTEGER NOT NULL,
    PRIMARY KEY (shard, counted)
) STRICT, WITHOUT ROWID;

-- What the collector notes about itself.
CREATE TABLE notes (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- How `reports.body` is packed: deflate (RFC 1951) or zstd (RFC 8878).
ALTER TABLE reports ADD COLUMN packing TEXT NOT NULL DEFAULT 'deflate';

-- `previous` of a report, as it was signed: part of its entry in the ledger.
ALTER TABLE reports ADD COLUMN previous TEXT NOT NULL DEFAULT '';

-- The ledger: an RFC 6962 Merkle tree over what was accepted.
CREATE TABLE ledger_leaves (
    idx       INTEGER PRIMARY KEY,             -- from 0, without gaps
    hash      BLOB NOT NULL,                   -- of the entry (RFC 6962, 2.1)
    kind      TEXT NOT NULL,
    reference INTEGER NOT NULL                 -- id in the kind's table
) STRICT;

-- Hashes of complete subtrees at levels 8, 16, 24 …: enough for proofs without reading every leaf.
CREATE TABLE ledger_nodes (
    level INTEGER NOT NULL,
    idx   INTEGER NOT NULL,
    hash  BLOB NOT NULL,
    PRIMARY KEY (level, idx)
) STRICT, WITHOUT ROWID;

-- One row: the tree's size and right edge.
CREATE TABLE ledger_head (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    size     INTEGER NOT NULL,
    frontier BLOB NOT NULL
) STRICT;

CREATE TABLE ledger_checkpoints (
    size      INTEGER PRIMARY KEY,
    note      TEXT NOT NULL,                   -- signed note (C2SP tlog-checkpoint)
    signed_at INTEGER NOT NULL
) STRICT;

-- The act's entry in the ledger has a number that nobody can guess beforehand, so that no two entries are the same.
ALTER TABLE acts ADD COLUMN nonce TEXT NOT NULL DEFAULT '';
CREATE INDEX acts_by_nonce ON acts (nonce);
CREATE UNIQUE INDEX leaves_by_reference ON ledger_leaves (kind, reference);
CREATE INDEX gaps_by_report ON report_gaps (host, incarnation, sequence);
