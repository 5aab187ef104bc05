-- PINs of people who check in with one. A new table only, so the previous release serves on beside it.

-- Two argon2id hashes of a keyed hash each, whose key is wrapped by the operator's: this table alone lets nobody try.
CREATE TABLE pin (
    worker_id   text PRIMARY KEY,
    pin_hash    text NOT NULL,
    duress_hash text NOT NULL,
    set_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);

GRANT SELECT, INSERT, UPDATE, DELETE ON pin TO lonewatch_checkin;
