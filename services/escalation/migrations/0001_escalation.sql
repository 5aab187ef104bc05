-- What escalation shows of its own streams: two tables that can be dropped and filled anew from the log.

CREATE SCHEMA escalation AUTHORIZATION lonewatch_escalation;
SET ROLE lonewatch_escalation;

-- How far the read model has come, per shard; moved in the transaction that writes its rows.
CREATE TABLE escalation.applied (
    read_model text,
    topic      text,
    shard      smallint,
    position   bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (read_model, topic, shard)
) WITH (fillfactor = 50);
INSERT INTO escalation.applied (read_model, topic, shard)
SELECT 'escalation', 'lonewatch.escalations.v1', shard FROM generate_series(0, 63) AS shard;

-- One row for each episode. Ids, codes and instants only.
CREATE TABLE escalation.escalation (
    escalation_id   text PRIMARY KEY,
    stream_id       text NOT NULL,
    visit_id        text,
    worker_id       text NOT NULL,
    site_id         text NOT NULL,
    trigger         text NOT NULL,
    state           text NOT NULL CHECK (state IN ('open', 'acknowledged', 'resolved', 'stood_down')),
    exhausted       boolean NOT NULL DEFAULT false,
    acknowledged_by text,
    runs_out_at     timestamptz,
    opened_at       timestamptz NOT NULL,
    ended_at        timestamptz,
    position        bigint NOT NULL
);
CREATE INDEX escalation_site ON escalation.escalation (site_id, opened_at DESC);
CREATE INDEX escalation_open ON escalation.escalation (opened_at DESC) WHERE ended_at IS NULL;

-- Whom a personal link belongs to. The code itself is nowhere.
CREATE TABLE escalation.link (
    code_sha256   bytea PRIMARY KEY,
    escalation_id text NOT NULL,
    stream_id     text NOT NULL,
    worker_id     text NOT NULL
);

RESET ROLE;
SELECT log.start_reaction('escalation', 'lonewatch.visits.v1');
SELECT log.start_reaction('escalation', 'lonewatch.notifications.v1');
