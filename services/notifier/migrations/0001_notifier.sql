-- What notifier shows of its own streams: tables that can be dropped and filled anew from the log.

CREATE SCHEMA notifier AUTHORIZATION lonewatch_notifier;
SET ROLE lonewatch_notifier;

-- How far the read model has come, per shard; moved in the transaction that writes its rows.
CREATE TABLE notifier.applied (
    read_model text,
    topic      text,
    shard      smallint,
    position   bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (read_model, topic, shard)
) WITH (fillfactor = 50);
INSERT INTO notifier.applied (read_model, topic, shard)
SELECT 'notification', 'lonewatch.notifications.v1', shard FROM generate_series(0, 63) AS shard;

-- One row for each notification. Ids, codes and instants only.
CREATE TABLE notifier.notification (
    notification_id text PRIMARY KEY,
    visit_id        text,
    site_id         text,
    escalation_id   text,
    recipient_id    text NOT NULL,
    worker_id       text NOT NULL,
    kind            text NOT NULL,
    trigger         text,
    ladder_no       integer,
    step            integer,
    due_at          timestamptz,
    queued_at       timestamptz NOT NULL,
    withdrawn       text,
    not_reached     text,
    position        bigint NOT NULL
);
CREATE INDEX notification_visit ON notifier.notification (visit_id, position) WHERE visit_id IS NOT NULL;
CREATE INDEX notification_escalation ON notifier.notification (escalation_id, position) WHERE escalation_id IS NOT NULL;

-- One row for each message of a notification: one contact point.
CREATE TABLE notifier.message (
    message_id       text PRIMARY KEY,
    notification_id  text NOT NULL,
    place            integer NOT NULL,
    contact_point_id text NOT NULL,
    channel          text NOT NULL,
    state            text NOT NULL CHECK (state IN ('queued', 'in_flight', 'accepted', 'waiting', 'failed', 'withdrawn')),
    retry_at         timestamptz,
    replied_at       timestamptz
);
CREATE INDEX message_notification ON notifier.message (notification_id, place);

-- One row for each call to the outside.
CREATE TABLE notifier.attempt (
    message_id text NOT NULL,
    attempt    integer NOT NULL,
    started_at timestamptz NOT NULL,
    outcome    text CHECK (outcome IN ('accepted', 'failed', 'unknown')),
    reason     text,
    ended_at   timestamptz,
    PRIMARY KEY (message_id, attempt)
);

RESET ROLE;
SELECT log.start_reaction('notifier', 'lonewatch.escalations.v1');
SELECT log.start_reaction('notifier', 'lonewatch.visits.v1');
