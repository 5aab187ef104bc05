-- What many callers want at once is asked for at once, and an append does nothing that its commands do not bring.
-- Safe while the previous release serves: its calls are answered as before.

SET ROLE lonewatch_log;

-- What the decisions of several commands need, at one look: for each its streams' records in order, and a known id's outcome
-- with the SHA-256 of its last record. A row for every stream, in the order asked; a command of no stream asks for NULL.
-- Like log.load in all else: a tail above zero asks for so many of the newest records.
CREATE FUNCTION log.load_many(
    p_commands integer[], p_streams text[], p_tails integer[], p_sources text[], p_ids text[]
) RETURNS TABLE (
    command integer, now timestamptz, stream_id text, version integer,
    records bytea[], positions bigint[], types text[], visit_ids text[],
    known_digest bytea, known_first bigint, known_last bigint, known_recorded_at timestamptz, known_answer text,
    known_sha256 text
)
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
    SELECT
        wanted.command, log.now(), wanted.stream_id, newest.version,
        found.records, found.positions, found.types, found.visit_ids,
        known.digest, known.first_position, known.last_position, known.recorded_at, known.answer,
        CASE WHEN known.last_position IS NOT NULL THEN (
            SELECT encode(sha256(e.record), 'hex') FROM log.event e WHERE e.position = known.last_position
        ) END
    FROM unnest(p_commands, p_streams, p_tails, p_sources, p_ids)
        WITH ORDINALITY AS wanted(command, stream_id, tail, source, id, place)
    LEFT JOIN LATERAL (
        SELECT k.* FROM log.command k WHERE k.source = wanted.source AND k.id = wanted.id LIMIT 1
    ) AS known ON true
    CROSS JOIN LATERAL (
        SELECT coalesce(max(e.version), 0) AS version FROM log.event e WHERE e.stream_id = wanted.stream_id
    ) AS newest
    CROSS JOIN LATERAL (
        SELECT
            array_agg(e.record) AS records, array_agg(e.position) AS positions,
            array_agg(e.type) AS types, array_agg(e.visit_id) AS visit_ids
        FROM (
            SELECT * FROM log.event l
            WHERE l.stream_id = wanted.stream_id AND (wanted.tail = 0 OR l.version > newest.version - wanted.tail)
            ORDER BY l.version
        ) AS e
    ) AS found
    ORDER BY wanted.place
$$;

REVOKE ALL ON FUNCTION log.load_many(integer[], text[], integer[], text[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION log.load_many(integer[], text[], integer[], text[], text[]) TO lonewatch_service;

-- Append a batch of commands that do not touch one another. Each is all or nothing; each gets one outcome:
--   appended, repeat, other_content, already_applied, gap, no_applied_row, wrong_version, not_as_recorded.
-- The detail of the first two is the SHA-256 of the record at the last position, in hex, where the command left one and
-- answers no record; that of a wrong version is the stream.
-- A cause that came by a topic brings what it has seen, all that it moves past: positions and hashes. What is not in the
-- log like that, or not all of it, takes no effect: nothing on a topic can make up, change or hide an event.
-- Call it outside an explicit transaction: the lock on log.head is taken by a statement of its own, so that every test
-- below it sees all that was committed before, and it ends with the call.
CREATE OR REPLACE FUNCTION log.append(
    p_commands jsonb, p_guards jsonb, p_writes jsonb, p_events jsonb, p_bodies bytea[], p_deadlines jsonb
) RETURNS TABLE (
    command integer, outcome text, detail text,
    first_position bigint, last_position bigint, recorded_at timestamptz, answer text
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
    v_topic    text := log.own_topic();
    v_kinds    text[] := ARRAY(SELECT k.kind FROM log.stream_kind k WHERE k.topic = v_topic);
    v_asks     boolean := jsonb_path_exists(p_commands, '$[*].source');
    v_reacts   boolean := jsonb_path_exists(p_commands, '$[*].consumer');
    v_head     log.head;
    v_now      timestamptz;
    v_prefix   text;
    v_stamp    text;
    v_wrong    jsonb;
    v_outcomes text[];
    v_details  text[];
    v_first    bigint[];
    v_last     bigint[];
    v_hashes   text[];
    v_appended bigint;
    v_stray    text;
BEGIN
    SELECT w.stream_id INTO v_stray
    FROM jsonb_to_recordset(p_writes || p_events || p_deadlines) AS w(stream_id text)
    WHERE split_part(w.stream_id, '-', 1) <> ALL (v_kinds)
    LIMIT 1;
    IF v_stray IS NOT NULL THEN
        RAISE insufficient_privilege USING MESSAGE = format('%s does not own stream %s', session_user, v_stray);
    END IF;

    -- A consumer is named after its service, with a colon and more where a service has several.
    IF v_reacts THEN
        SELECT c.consumer INTO v_stray
        FROM jsonb_to_recordset(p_commands) AS c(consumer text)
        WHERE c.consumer IS NOT NULL AND NOT EXISTS (
            SELECT FROM log.owner o WHERE o.topic = v_topic AND o.service = split_part(c.consumer, ':', 1)
        )
        LIMIT 1;
        IF v_stray IS NOT NULL THEN
            RAISE insufficient_privilege USING MESSAGE = format('%s is not consumer %s', session_user, v_stray);
        END IF;
    END IF;

    SELECT * INTO v_head FROM log.head FOR UPDATE;
    v_now := greatest(v_head.recorded_at, log.now());

    -- By command, the first of the streams that it writes or guards which has moved on: none of most batches.
    SELECT jsonb_object_agg(w.command, w.stream_id ORDER BY w.stream_id DESC) INTO v_wrong
    FROM jsonb_to_recordset(p_writes || p_guards) AS w(command integer, stream_id text, version integer)
    WHERE w.version <> coalesce((
        SELECT e.version FROM log.event e WHERE e.stream_id = w.stream_id ORDER BY e.version DESC LIMIT 1
    ), 0);

    WITH judged AS (
        SELECT
            c.command,
            CASE
                WHEN known.digest = decode(c.digest, 'hex') THEN 'repeat'
                WHEN known.digest IS NOT NULL THEN 'other_content'
                WHEN c.consumer IS NOT NULL AND applied.position IS NULL THEN 'no_applied_row'
                WHEN applied.position >= c.position THEN 'already_applied'
                WHEN applied.position <> c.after THEN 'gap'
                WHEN EXISTS (
                    SELECT FROM jsonb_to_recordset(c.seen) AS s("position" bigint, sha256 text)
                    -- A look-up for each, whatever the planner believes: a join could hash a whole shard under the lock.
                    WHERE decode(s.sha256, 'hex') IS DISTINCT FROM (
                        SELECT sha256(e.record) FROM log.event e
                        WHERE e.position = s.position AND e.topic = c.topic AND e.shard = c.shard
                    )
                ) OR jsonb_array_length(c.seen) <> (
                    SELECT count(*) FROM log.event e
                    WHERE e.topic = c.topic AND e.shard = c.shard AND e.position > c.after AND e.position <= c.position
                ) THEN 'not_as_recorded'
                WHEN v_wrong ? c.command::text THEN 'wrong_version'
                ELSE 'appended'
            END AS outcome,
            v_wrong ->> c.command::text AS detail
        FROM jsonb_to_recordset(p_commands) AS c(
            command integer, source text, id text, digest text,
            consumer text, topic text, shard smallint, after bigint, "position" bigint, seen jsonb
        )
        LEFT JOIN LATERAL (
            SELECT k.digest FROM log.command k WHERE k.source = c.source AND k.id = c.id LIMIT 1
        ) AS known ON true
        LEFT JOIN LATERAL (
            SELECT a.position FROM log.applied a
            WHERE a.consumer = c.consumer AND a.topic = c.topic AND a.shard = c.shard LIMIT 1
        ) AS applied ON true
    )
    SELECT array_agg(j.outcome ORDER BY j.command), array_agg(j.detail ORDER BY j.command)
    INTO v_outcomes, v_details
    FROM judged j;

    v_prefix := '{"incarnation":"' || v_head.incarnation || '","position":';
    v_stamp := ',"recorded_at":"' || to_char(v_now AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '",';
    WITH taken AS (
        SELECT e.*, v_head.position + row_number() OVER (ORDER BY e.place) AS position
        FROM ROWS FROM (
            jsonb_to_recordset(p_events) AS (
                command integer, stream_id text, version integer, type text, visit_id text, site_id text,
                event_id text, correlation_id text, causation_id text, actor text, release text,
                occurred_at timestamptz
            ),
            unnest(p_bodies)
        ) WITH ORDINALITY AS e(
            command, stream_id, version, type, visit_id, site_id, event_id, correlation_id, causation_id, actor,
            release, occurred_at, body, place
        )
        WHERE v_outcomes[e.command + 1] = 'appended'
    ), inserted AS (
        INSERT INTO log.event (
            position, topic, shard, stream_id, version, type, visit_id, site_id, event_id, correlation_id,
            causation_id, actor, release, occurred_at, recorded_at, record
        )
        SELECT
            t.position, v_topic, log.shard(coalesce(t.visit_id, t.stream_id)), t.stream_id, t.version, t.type,
            t.visit_id, t.site_id, t.event_id, t.correlation_id, t.causation_id, t.actor, t.release, t.occurred_at,
            v_now,
            convert_to(v_prefix || t.position || v_stamp, 'UTF8') || t.body
        FROM taken t
        RETURNING position, encode(sha256(record), 'hex') AS hash
    )
    SELECT
        array_agg(s.first ORDER BY s.command), array_agg(s.last ORDER BY s.command), sum(s.last - s.first + 1),
        (SELECT array_agg(i.hash ORDER BY i.position) FROM inserted i)
    INTO v_first, v_last, v_appended, v_hashes
    FROM (
        SELECT c.command, min(t.position) AS first, max(t.position) AS last
        FROM jsonb_to_recordset(p_commands) AS c(command integer)
        LEFT JOIN taken t ON t.command = c.command
        GROUP BY c.command
    ) AS s;

    IF v_appended > 0 THEN
        UPDATE log.head h SET position = v_head.position + v_appended, recorded_at = v_now;
    END IF;

    IF v_asks THEN
        INSERT INTO log.command (source, id, digest, first_position, last_position, recorded_at, answer)
        SELECT c.source, c.id, decode(c.digest, 'hex'), v_first[c.command + 1], v_last[c.command + 1], v_now, c.answer
        FROM jsonb_to_recordset(p_commands) AS c(command integer, source text, id text, digest text, answer text)
        WHERE c.source IS NOT NULL AND v_outcomes[c.command + 1] = 'appended';
    END IF;

    IF v_reacts THEN
        UPDATE log.applied a SET position = c.position
        FROM jsonb_to_recordset(p_commands) AS c(
            command integer, consumer text, topic text, shard smallint, "position" bigint
        )
        WHERE a.consumer = c.consumer AND a.topic = c.topic AND a.shard = c.shard
            AND v_outcomes[c.command + 1] = 'appended';
    END IF;

    -- The array makes this a look-up per stream in the primary key, whatever the planner believes of the table's size.
    DELETE FROM log.deadline d
    WHERE d.stream_id = ANY (ARRAY(
            SELECT w.stream_id FROM jsonb_to_recordset(p_writes) AS w(command integer, stream_id text)
            WHERE v_outcomes[w.command + 1] = 'appended'
        ))
        AND NOT EXISTS (
            SELECT FROM jsonb_to_recordset(p_deadlines) AS n(stream_id text, kind text, subject text)
            WHERE n.stream_id = d.stream_id AND n.kind = d.kind AND n.subject = d.subject
        );

    IF p_deadlines <> '[]' THEN
        -- An unchanged row keeps its claim; a changed one is free at once.
        INSERT INTO log.deadline AS d (stream_id, kind, subject, topic, due_at)
        SELECT n.stream_id, n.kind, n.subject, v_topic, n.due_at
        FROM jsonb_to_recordset(p_deadlines) AS n(
            command integer, stream_id text, kind text, subject text, due_at timestamptz
        )
        WHERE v_outcomes[n.command + 1] = 'appended'
        ON CONFLICT (stream_id, kind, subject) DO UPDATE SET due_at = excluded.due_at, claimed_until = NULL
        WHERE d.due_at <> excluded.due_at;
    END IF;

    RETURN QUERY
    SELECT
        c.command, v_outcomes[c.command + 1],
        CASE
            WHEN v_outcomes[c.command + 1] NOT IN ('appended', 'repeat') THEN v_details[c.command + 1]
            -- Nobody waits for a receipt of what answers a record. Of a repeat it is a look-up in the primary key.
            WHEN c.consumer IS NULL THEN coalesce(
                v_hashes[v_last[c.command + 1] - v_head.position],
                (SELECT encode(sha256(e.record), 'hex') FROM log.event e WHERE e.position = known.last_position)
            )
        END,
        coalesce(v_first[c.command + 1], known.first_position), coalesce(v_last[c.command + 1], known.last_position),
        coalesce(known.recorded_at, v_now), known.answer
    FROM jsonb_to_recordset(p_commands) AS c(command integer, source text, id text, consumer text)
    LEFT JOIN LATERAL (
        SELECT k.first_position, k.last_position, k.recorded_at, k.answer
        FROM log.command k WHERE k.source = c.source AND k.id = c.id LIMIT 1
    ) AS known ON true
    ORDER BY c.command;
    -- A crash after this leaves the commit without its answer: the caller asks again, with the same id, cause or versions.
END
$$;

RESET ROLE;
