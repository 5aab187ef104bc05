-- The list of visits with their places in the log. Rows can be dropped and made again from the log.

CREATE SCHEMA audit AUTHORIZATION lonewatch_audit;
SET ROLE lonewatch_audit;

CREATE TABLE audit.applied (
    read_model text NOT NULL,
    topic      text NOT NULL,
    shard      smallint NOT NULL,
    position   bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (read_model, topic, shard)
) WITH (fillfactor = 50);
INSERT INTO audit.applied (read_model, topic, shard)
SELECT 'visit', topic, shard
FROM unnest(
    ARRAY['lonewatch.visits.v1', 'lonewatch.escalations.v1', 'lonewatch.notifications.v1', 'lonewatch.audit.v1']
) AS topic, generate_series(0, 63) AS shard;

-- site_id is unknown as long as only events without it have been applied.
CREATE TABLE audit.visit (
    visit_id       text PRIMARY KEY,
    site_id        text,
    first_position bigint NOT NULL,
    last_position  bigint NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX visit_site ON audit.visit (site_id, first_position);

RESET ROLE;
