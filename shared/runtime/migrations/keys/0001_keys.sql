-- What is not in the log and cannot be derived from it: keys of persons, wrapped by the operator's key; credentials; and
-- the installation's own secrets. A database of its own, with backups of its own.

-- One key per person. Destroying the row, and the wrapping key, is what erases the person.
CREATE TABLE key (
    subject_id text PRIMARY KEY,
    kid        text NOT NULL UNIQUE,
    wrapped    bytea NOT NULL,
    made_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Bearer tokens, as SHA-256 of the token.
CREATE TABLE credential (
    token_sha256 bytea PRIMARY KEY,
    token_id     text NOT NULL UNIQUE,
    worker_id    text NOT NULL,
    issued_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    revoked_at   timestamptz
);

-- Keys of the installation: for digests of requests, for the codes of links.
CREATE TABLE secret (
    name    text PRIMARY KEY,
    wrapped bytea NOT NULL
);

GRANT SELECT, INSERT ON key, secret TO lonewatch_service;
GRANT SELECT ON credential TO lonewatch_service;
GRANT INSERT, UPDATE (revoked_at) ON credential TO lonewatch_checkin;
