-- What people attest, waive and correct, and what stood on the checklist day by day: only ever added to. Each record is
-- the body of an act, which has the same nonce; what the act was done to names the SHA-256 of the body, so the act's leaf
-- stands for the body too.
CREATE TABLE records (
    nonce   TEXT PRIMARY KEY,
    family  TEXT NOT NULL,
    subject TEXT NOT NULL,
    version INTEGER NOT NULL,
    body    TEXT NOT NULL,
    UNIQUE (subject, version)
) STRICT;

CREATE INDEX records_by_family ON records (family);

-- A report of a period that is over shows the first checkpoint after it.
CREATE INDEX ledger_checkpoints_by_time ON ledger_checkpoints (signed_at, size);
