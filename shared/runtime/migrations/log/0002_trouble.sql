-- What a service says of itself: its troubles have streams of their own, and its cycles are one call.
-- Safe while the previous release serves: nothing that it calls is changed or removed.

INSERT INTO log.stream_kind (kind, topic) VALUES
    ('checkin_trouble', 'lonewatch.visits.v1'),
    ('escalation_trouble', 'lonewatch.escalations.v1'),
    ('notifier_trouble', 'lonewatch.notifications.v1'),
    ('audit_trouble', 'lonewatch.audit.v1');

-- Few among many: what is parked and what went wrong is found without reading the rest, for one topic or for all in order.
CREATE INDEX event_trouble ON log.event (position) WHERE type LIKE 'trouble.%';

SET ROLE lonewatch_log;

-- What a decision needs, at one look: the time, a known id's first answer, and the records of some streams in order.
-- A tail above zero asks for so many of the newest records of that stream only; the version is the whole stream's.
-- Positions, types and visits are those of the records' rows, in the same order: a record that says otherwise is not its row.
CREATE FUNCTION log.load(p_streams text[], p_tails integer[], p_source text, p_id text) RETURNS TABLE (
    now timestamptz, stream_id text, version integer, records bytea[], positions bigint[], types text[], visit_ids text[],
    known_digest bytea, known_first bigint, known_last bigint, known_recorded_at timestamptz, known_answer text
)
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        log.now(), s.stream_id, s.version, s.records, s.positions, s.types, s.visit_ids,
        k.digest, k.first_position, k.last_position, k.recorded_at, k.answer
    FROM (VALUES (1)) AS one
    LEFT JOIN log.command k ON k.source = p_source AND k.id = p_id
    LEFT JOIN LATERAL (
        SELECT wanted.stream_id, newest.version, found.records, found.positions, found.types, found.visit_ids
        FROM unnest(p_streams, p_tails) AS wanted(stream_id, tail)
        CROSS JOIN LATERAL (
            SELECT coalesce(max(e.version), 0) AS version FROM log.event e WHERE e.stream_id = wanted.stream_id
        ) AS newest
        CROSS JOIN LATERAL (
            SELECT
                array_agg(e.record ORDER BY e.version) AS records, array_agg(e.position ORDER BY e.version) AS positions,
                array_agg(e.type ORDER BY e.version) AS types, array_agg(e.visit_id ORDER BY e.version) AS visit_ids
            FROM log.event e
            WHERE e.stream_id = wanted.stream_id AND (wanted.tail = 0 OR e.version > newest.version - wanted.tail)
        ) AS found
    ) AS s ON true
$$;

-- Claim due deadlines of the caller's topic for a while: of these kinds, so that a newer release's are left to it, and
-- of no stream that is left to one. A claim longer than any can be was made before the clock was put back.
CREATE FUNCTION log.claim_deadlines(
    p_kinds text[], p_limit integer, p_claim interval, p_left text[] DEFAULT '{}'
) RETURNS TABLE (
    stream_id text, kind text, subject text, due_at timestamptz, now timestamptz
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    v_topic text := log.own_topic();
    v_now   timestamptz := log.now();
BEGIN
    RETURN QUERY
    UPDATE log.deadline d SET claimed_until = clock_timestamp() + p_claim
    FROM (
        SELECT f.stream_id, f.kind, f.subject FROM log.deadline f
        WHERE f.topic = v_topic AND f.due_at < v_now AND f.kind = ANY (p_kinds)
            AND NOT f.stream_id = ANY (p_left)
            AND (
                f.claimed_until IS NULL OR f.claimed_until < clock_timestamp()
                OR f.claimed_until > clock_timestamp() + p_claim
            )
        ORDER BY f.due_at
        LIMIT p_limit
        FOR UPDATE SKIP LOCKED
    ) AS due
    WHERE d.stream_id = due.stream_id AND d.kind = due.kind AND d.subject = due.subject
    RETURNING d.stream_id, d.kind, d.subject, d.due_at, v_now;
END
$$;

-- Say that loops of a replica have finished a cycle. Losing the newest of these in a crash tells no lie: nobody watched then.
CREATE FUNCTION log.finish_cycles(p_replica text, p_loops text[]) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    INSERT INTO log.cycle (service, replica, loop, finished_at)
    SELECT o.service, p_replica, finished.loop, clock_timestamp()
    FROM log.owner o, unnest(p_loops) AS finished(loop) WHERE o.role = session_user
    ON CONFLICT (service, replica, loop) DO UPDATE SET finished_at = excluded.finished_at;
    RETURN clock_timestamp();
END
$$;

REVOKE ALL ON FUNCTION
    log.load(text[], integer[], text, text), log.claim_deadlines(text[], integer, interval, text[]),
    log.finish_cycles(text, text[])
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    log.load(text[], integer[], text, text), log.claim_deadlines(text[], integer, interval, text[]),
    log.finish_cycles(text, text[])
    TO lonewatch_service;

RESET ROLE;
