-- How far each topic is published, and which process publishes it.
-- Safe while the previous release serves: it publishes nothing, and nothing that it calls is changed or removed.

SET ROLE lonewatch_log;

-- A row per topic. The holder publishes; the epoch tells it from whoever held the lease before and does not know that it ended.
-- The cursor is the position up to which everything was acknowledged; it goes back only with a new generation, when Kafka
-- has lost what it had.
CREATE TABLE log.relay (
    topic       text PRIMARY KEY REFERENCES log.owner (topic),
    holder      text,
    lease_until timestamptz,
    epoch       bigint NOT NULL DEFAULT 0,
    generation  integer NOT NULL DEFAULT 1,
    position    bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);

-- The offset after the last one that a partition acknowledged in this generation: an acknowledged offset below it, or an
-- end of the partition below it, means that it is not the partition that it was.
CREATE TABLE log.relay_offset (
    topic       text NOT NULL REFERENCES log.relay (topic),
    partition   integer NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 10);

-- Take or prolong the lease of the caller's topic, and say how far it is published. Time here is the server's own and
-- never log.now(): a lease is about processes, not about visits. A lease that ends later than any can was made before the
-- clock was put back, and counts as ended. The oldest is the age of the first record not published, by the log's time:
-- one probe a shard in event_topic_shard.
CREATE FUNCTION log.lease_relay(p_holder text, p_lasts interval) RETURNS TABLE (
    held boolean, epoch bigint, generation integer, "position" bigint, head bigint, oldest interval
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    v_topic text := log.own_topic();
    v_relay log.relay%ROWTYPE;
    v_held  boolean;
BEGIN
    INSERT INTO log.relay (topic) VALUES (v_topic) ON CONFLICT (topic) DO NOTHING;
    SELECT r.* INTO v_relay FROM log.relay r WHERE r.topic = v_topic FOR UPDATE;
    v_held := v_relay.holder IS NULL OR v_relay.holder = p_holder OR v_relay.lease_until IS NULL
        OR v_relay.lease_until < clock_timestamp() OR v_relay.lease_until > clock_timestamp() + p_lasts;
    IF v_held THEN
        IF v_relay.holder IS NOT DISTINCT FROM p_holder THEN
            PERFORM set_config('synchronous_commit', 'off', true); -- a renewal may be lost in a crash of the server
        ELSE
            v_relay.epoch := v_relay.epoch + 1; -- an epoch may not: nobody else is ever given the same
        END IF;
        UPDATE log.relay r
        SET holder = p_holder, lease_until = clock_timestamp() + p_lasts, epoch = v_relay.epoch
        WHERE r.topic = v_topic;
    END IF;
    RETURN QUERY
    SELECT
        v_held, v_relay.epoch, v_relay.generation, v_relay.position, h.position,
        coalesce(greatest(log.now() - first.recorded_at, '0'), '0')
    FROM log.head h
    CROSS JOIN LATERAL (
        SELECT min(next.recorded_at) AS recorded_at
        FROM generate_series(0, 63) AS shard
        CROSS JOIN LATERAL (
            SELECT e.recorded_at FROM log.event e
            WHERE e.topic = v_topic AND e.shard = shard::smallint AND e.position > v_relay.position
            ORDER BY e.position LIMIT 1
        ) AS next
    ) AS first;
END
$$;

-- Move the cursor of the caller's topic forward, with the offsets acknowledged on the way. False where the epoch is over
-- or the cursor is further: somebody else publishes. Lost in a crash of the server, it is published again and dropped.
CREATE FUNCTION log.move_relay(
    p_epoch bigint, p_position bigint, p_partitions integer[], p_offsets bigint[]
) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_topic text := log.own_topic();
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    UPDATE log.relay r SET position = p_position
    WHERE r.topic = v_topic AND r.epoch = p_epoch AND r.position <= p_position;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO log.relay_offset AS o (topic, partition, next_offset)
    SELECT v_topic, said.partition, said.next_offset
    FROM unnest(p_partitions, p_offsets) AS said(partition, next_offset)
    ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset;
    RETURN true;
END
$$;

-- Begin a generation: Kafka has lost what it had, and everything is published again. False where the epoch is over.
CREATE FUNCTION log.restart_relay(p_epoch bigint) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    v_topic text := log.own_topic();
BEGIN
    UPDATE log.relay r SET generation = r.generation + 1, position = 0, epoch = r.epoch + 1 WHERE r.topic = v_topic AND r.epoch = p_epoch;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM log.relay_offset o WHERE o.topic = v_topic;
    RETURN true;
END
$$;

-- Give the lease back at an orderly end, so that another replica need not wait for it to run out.
CREATE FUNCTION log.release_relay(p_epoch bigint) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    UPDATE log.relay r SET holder = NULL, lease_until = NULL WHERE r.topic = log.own_topic() AND r.epoch = p_epoch
$$;

-- A page of the caller's topic behind a position, in order, each record with the position of the one before it on its
-- topic and shard (event_topic_shard); of the next p_span positions only, so that a quiet topic among busy ones costs a
-- bounded look. There is always a row: without a record it says how far the log has come.
CREATE FUNCTION log.read_relay(p_after bigint, p_most integer, p_span integer) RETURNS TABLE (
    head bigint, incarnation text, "position" bigint, shard smallint, stream_id text, type text,
    visit_id text, event_id text, correlation_id text, recorded_at timestamptz, record bytea, predecessor bigint
)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
    SELECT
        h.position, h.incarnation::text, e.position, e.shard, e.stream_id, e.type,
        e.visit_id, e.event_id, e.correlation_id, e.recorded_at, e.record, before.position
    FROM log.head h
    LEFT JOIN LATERAL (
        SELECT f.* FROM log.event f
        WHERE f.topic = log.own_topic() AND f.position > p_after AND f.position <= p_after + p_span
        ORDER BY f.position LIMIT p_most
    ) AS e ON true
    LEFT JOIN LATERAL (
        SELECT b.position FROM log.event b
        WHERE b.topic = e.topic AND b.shard = e.shard AND b.position < e.position
        ORDER BY b.position DESC LIMIT 1
    ) AS before ON true
    ORDER BY e.position
$$;

REVOKE ALL ON FUNCTION
    log.lease_relay(text, interval), log.move_relay(bigint, bigint, integer[], bigint[]), log.restart_relay(bigint),
    log.release_relay(bigint), log.read_relay(bigint, integer, integer)
    FROM PUBLIC;
GRANT SELECT ON log.relay, log.relay_offset TO lonewatch_service;
GRANT EXECUTE ON FUNCTION
    log.lease_relay(text, interval), log.move_relay(bigint, bigint, integer[], bigint[]), log.restart_relay(bigint),
    log.release_relay(bigint), log.read_relay(bigint, integer, integer)
    TO lonewatch_service;

RESET ROLE;
