-- What checkin derives from the log: the list of visits. It can be dropped and built again from position 0.

CREATE SCHEMA checkin AUTHORIZATION lonewatch_checkin;
SET ROLE lonewatch_checkin;

CREATE TABLE checkin.applied (
    read_model text NOT NULL,
    topic      text NOT NULL,
    shard      smallint NOT NULL,
    position   bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (read_model, topic, shard)
) WITH (fillfactor = 50);
INSERT INTO checkin.applied (read_model, topic, shard)
SELECT 'visit', 'lonewatch.visits.v1', shard FROM generate_series(0, 63) AS shard;

-- One row a visit; ids, codes and instants, nothing personal.
CREATE TABLE checkin.visit (
    visit_id        text PRIMARY KEY,
    site_id         text NOT NULL,
    worker_id       text NOT NULL,
    kind            text NOT NULL,
    status          text NOT NULL,
    missed          boolean NOT NULL DEFAULT false,
    starts_at       timestamptz NOT NULL,
    expected_end_at timestamptz NOT NULL,
    due_at          timestamptz,
    policy_id       text NOT NULL,
    policy_version  integer NOT NULL,
    position        bigint NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX visit_site ON checkin.visit (site_id, starts_at);
CREATE INDEX visit_start ON checkin.visit (starts_at);

RESET ROLE;

-- Escalations that end let the watch go on: from the head of this moment.
SELECT log.start_reaction('checkin', 'lonewatch.escalations.v1');
