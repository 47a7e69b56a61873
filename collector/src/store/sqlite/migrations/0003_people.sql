-- People: who they are, where they are signed in; and API tokens that are narrowed and say when they were last used.

CREATE TABLE users (
    name                TEXT PRIMARY KEY,
    role                TEXT NOT NULL,
    role_claimed        INTEGER NOT NULL,      -- 1: the identity provider says the role at each sign-in
    password            TEXT,                  -- argon2id, PHC string; NULL: signs in at the identity provider alone
    password_changed_at INTEGER,
    oidc_issuer         TEXT,
    oidc_subject        TEXT,                  -- means something together with its issuer alone
    created_at          INTEGER NOT NULL,
    disabled_at         INTEGER
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX users_by_subject ON users (oidc_issuer, oidc_subject);

CREATE TABLE sessions (
    sha256     TEXT PRIMARY KEY,               -- of the cookie
    user_name  TEXT NOT NULL REFERENCES users (name),
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,               -- to the minute
    expires_at INTEGER NOT NULL                -- whatever it is used
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_user ON sessions (user_name, created_at);
CREATE INDEX sessions_by_end ON sessions (expires_at);

ALTER TABLE api_tokens ADD COLUMN scopes TEXT NOT NULL DEFAULT '[]'; -- JSON list of names; empty: all that the role may
ALTER TABLE api_tokens ADD COLUMN used_at INTEGER;                   -- to the hour
