-- People who sign in with a password, and their sessions. New tables only, so the previous release serves on beside them.

-- One account per person. The name to sign in with is a keyed hash, the password an argon2id hash: neither can be read.
CREATE TABLE account (
    worker_id     text PRIMARY KEY,
    login_hash    bytea NOT NULL UNIQUE,
    password_hash text NOT NULL,
    set_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    failed_at     timestamptz[] NOT NULL DEFAULT '{}'  -- wrong passwords of late, by the log's time; emptied by a lock
);

-- Sessions, as SHA-256 of what the cookie holds. One that has expired, and was not ended, still takes a call for help.
CREATE TABLE session (
    session_sha256 bytea PRIMARY KEY,
    session_id     text NOT NULL UNIQUE,
    worker_id      text NOT NULL,
    began_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at     timestamptz NOT NULL,
    ended_at       timestamptz
);
CREATE INDEX session_of_worker ON session (worker_id) WHERE ended_at IS NULL;

GRANT SELECT, UPDATE (expires_at) ON session TO lonewatch_service;
GRANT INSERT, UPDATE (ended_at) ON session TO lonewatch_checkin;
GRANT SELECT, INSERT, UPDATE, DELETE ON account TO lonewatch_checkin;
