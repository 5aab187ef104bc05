-- The log: one append-only table, and what its append must change in the same commit.
-- Owned by the role lonewatch_log, which nobody can log in as; the services call functions and read.

CREATE SCHEMA log AUTHORIZATION lonewatch_log;
SET ROLE lonewatch_log;

-- One row: how far the log has come. Its row lock orders all appends.
CREATE TABLE log.head (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    incarnation uuid NOT NULL,
    position    bigint NOT NULL,
    recorded_at timestamptz NOT NULL
) WITH (fillfactor = 10);
INSERT INTO log.head (incarnation, position, recorded_at) VALUES (gen_random_uuid(), 0, '-infinity');

-- The record is the event; every other column is a copy for an index.
CREATE TABLE log.event (
    position       bigint PRIMARY KEY,
    topic          text NOT NULL,
    shard          smallint NOT NULL,
    stream_id      text NOT NULL,
    version        integer NOT NULL,
    type           text NOT NULL,
    visit_id       text,
    site_id        text,
    event_id       text NOT NULL,
    correlation_id text NOT NULL,
    causation_id   text,
    actor          text NOT NULL,
    release        text NOT NULL,
    occurred_at    timestamptz NOT NULL,
    recorded_at    timestamptz NOT NULL,
    record         bytea NOT NULL,
    CONSTRAINT event_stream_version UNIQUE (stream_id, version)
);
CREATE INDEX event_topic_shard ON log.event (topic, shard, position);
CREATE INDEX event_visit ON log.event (visit_id, position) WHERE visit_id IS NOT NULL;

-- Ids that came from outside, as long as the log lives: the first answer, and a keyed hash of the request.
CREATE TABLE log.command (
    source         text NOT NULL,
    id             text NOT NULL,
    digest         bytea NOT NULL,
    first_position bigint,
    last_position  bigint,
    recorded_at    timestamptz NOT NULL,
    answer         text NOT NULL,
    PRIMARY KEY (source, id)
);

-- How far each reaction has taken effect. Moved only by the append; a missing row stops the service.
CREATE TABLE log.applied (
    consumer text NOT NULL,
    topic    text NOT NULL,
    shard    smallint NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (consumer, topic, shard)
) WITH (fillfactor = 50);

-- What falls due: written by the append, claimed by whichever replica looks first.
CREATE TABLE log.deadline (
    stream_id     text NOT NULL,
    kind          text NOT NULL,
    subject       text NOT NULL,
    topic         text NOT NULL,
    due_at        timestamptz NOT NULL,
    claimed_until timestamptz,
    PRIMARY KEY (stream_id, kind, subject)
) WITH (fillfactor = 70);
CREATE INDEX deadline_due ON log.deadline (topic, due_at);

-- The newest finished cycle of each loop of each replica.
CREATE TABLE log.cycle (
    service     text NOT NULL,
    replica     text NOT NULL,
    loop        text NOT NULL,
    finished_at timestamptz NOT NULL,
    PRIMARY KEY (service, replica, loop)
);

-- Which role appends to which topic, and which stream kinds belong to it (shared/contracts/topics.py is the same table).
CREATE TABLE log.owner (
    role    name PRIMARY KEY,
    service text NOT NULL UNIQUE,
    topic   text NOT NULL UNIQUE
);
INSERT INTO log.owner (role, service, topic) VALUES
    ('lonewatch_checkin', 'checkin', 'lonewatch.visits.v1'),
    ('lonewatch_escalation', 'escalation', 'lonewatch.escalations.v1'),
    ('lonewatch_notifier', 'notifier', 'lonewatch.notifications.v1'),
    ('lonewatch_audit', 'audit', 'lonewatch.audit.v1');

CREATE TABLE log.stream_kind (
    kind  text PRIMARY KEY,
    topic text NOT NULL REFERENCES log.owner (topic)
);
INSERT INTO log.stream_kind (kind, topic) VALUES
    ('site', 'lonewatch.visits.v1'),
    ('worker', 'lonewatch.visits.v1'),
    ('policy', 'lonewatch.visits.v1'),
    ('assessment', 'lonewatch.visits.v1'),
    ('visit', 'lonewatch.visits.v1'),
    ('grant', 'lonewatch.visits.v1'),
    ('escalation', 'lonewatch.escalations.v1'),
    ('notification', 'lonewatch.notifications.v1'),
    ('recipient', 'lonewatch.notifications.v1'),
    ('disclosure', 'lonewatch.audit.v1');

-- The only clock that decides anything. A test installs another body.
CREATE FUNCTION log.now() RETURNS timestamptz
LANGUAGE sql VOLATILE PARALLEL SAFE
AS 'SELECT clock_timestamp()';

-- The shard of a visit id, or of a stream id where there is no visit: first 8 bytes of SHA-256, modulo 64.
CREATE FUNCTION log.shard(subject text) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS 'SELECT (get_byte(sha256(convert_to(subject, ''UTF8'')), 7) & 63)::smallint';

-- The topic that the calling role owns.
CREATE FUNCTION log.own_topic() RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    own text;
BEGIN
    SELECT topic INTO own FROM log.owner WHERE role = session_user;
    IF own IS NULL THEN
        RAISE insufficient_privilege USING MESSAGE = format('role %s owns no topic and may not append', session_user);
    END IF;
    RETURN own;
END
$$;

-- Append a batch of commands that do not touch one another. Each is all or nothing; each gets one outcome:
--   appended, repeat, other_content, already_applied, gap, no_applied_row, wrong_version.
-- Call it outside an explicit transaction: the lock on log.head is taken by a statement of its own, so that every test
-- below it sees all that was committed before, and it ends with the call.
CREATE FUNCTION log.append(
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
    v_head     log.head;
    v_now      timestamptz;
    v_prefix   text;
    v_outcomes text[];
    v_details  text[];
    v_first    bigint[];
    v_last     bigint[];
    v_appended bigint;
    v_stray    text;
BEGIN
    SELECT w.stream_id INTO v_stray
    FROM (
        SELECT * FROM jsonb_to_recordset(p_writes) AS w(stream_id text)
        UNION SELECT * FROM jsonb_to_recordset(p_events) AS e(stream_id text)
        UNION SELECT * FROM jsonb_to_recordset(p_deadlines) AS d(stream_id text)
    ) AS w
    WHERE NOT EXISTS (
        SELECT FROM log.stream_kind k WHERE k.kind = split_part(w.stream_id, '-', 1) AND k.topic = v_topic
    )
    LIMIT 1;
    IF v_stray IS NOT NULL THEN
        RAISE insufficient_privilege USING MESSAGE = format('%s does not own stream %s', session_user, v_stray);
    END IF;

    -- A consumer is named after its service, with a colon and more where a service has several.
    SELECT c.consumer INTO v_stray
    FROM jsonb_to_recordset(p_commands) AS c(consumer text)
    WHERE c.consumer IS NOT NULL AND NOT EXISTS (
        SELECT FROM log.owner o WHERE o.topic = v_topic AND o.service = split_part(c.consumer, ':', 1)
    )
    LIMIT 1;
    IF v_stray IS NOT NULL THEN
        RAISE insufficient_privilege USING MESSAGE = format('%s is not consumer %s', session_user, v_stray);
    END IF;

    SELECT * INTO v_head FROM log.head FOR UPDATE;
    v_now := greatest(v_head.recorded_at, log.now());

    WITH conflict AS (
        SELECT w.command, min(w.stream_id) AS stream_id
        FROM (
            SELECT * FROM jsonb_to_recordset(p_writes) AS w(command integer, stream_id text, version integer)
            UNION ALL
            SELECT * FROM jsonb_to_recordset(p_guards) AS g(command integer, stream_id text, version integer)
        ) AS w
        CROSS JOIN LATERAL (
            SELECT coalesce(max(e.version), 0) AS version FROM log.event e WHERE e.stream_id = w.stream_id
        ) AS actual
        WHERE actual.version <> w.version
        GROUP BY w.command
    ), judged AS (
        SELECT
            c.command,
            CASE
                WHEN known.digest = decode(c.digest, 'hex') THEN 'repeat'
                WHEN known.digest IS NOT NULL THEN 'other_content'
                WHEN c.consumer IS NOT NULL AND applied.position IS NULL THEN 'no_applied_row'
                WHEN applied.position >= c.position THEN 'already_applied'
                WHEN applied.position <> c.after THEN 'gap'
                WHEN conflict.command IS NOT NULL THEN 'wrong_version'
                ELSE 'appended'
            END AS outcome,
            conflict.stream_id AS detail
        FROM jsonb_to_recordset(p_commands) AS c(
            command integer, source text, id text, digest text,
            consumer text, topic text, shard smallint, after bigint, "position" bigint
        )
        LEFT JOIN LATERAL (
            SELECT k.digest FROM log.command k WHERE k.source = c.source AND k.id = c.id LIMIT 1
        ) AS known ON true
        LEFT JOIN LATERAL (
            SELECT a.position FROM log.applied a
            WHERE a.consumer = c.consumer AND a.topic = c.topic AND a.shard = c.shard LIMIT 1
        ) AS applied ON true
        LEFT JOIN conflict ON conflict.command = c.command
    )
    SELECT array_agg(j.outcome ORDER BY j.command), array_agg(j.detail ORDER BY j.command)
    INTO v_outcomes, v_details
    FROM judged j;

    v_prefix := '{"incarnation":"' || v_head.incarnation || '","position":';
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
            convert_to(
                v_prefix || t.position || ',"recorded_at":"'
                || to_char(v_now AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '",',
                'UTF8'
            ) || t.body
        FROM taken t
    )
    SELECT
        array_agg(s.first ORDER BY s.command), array_agg(s.last ORDER BY s.command), sum(s.last - s.first + 1)
    INTO v_first, v_last, v_appended
    FROM (
        SELECT c.command, min(t.position) AS first, max(t.position) AS last
        FROM jsonb_to_recordset(p_commands) AS c(command integer)
        LEFT JOIN taken t ON t.command = c.command
        GROUP BY c.command
    ) AS s;

    IF v_appended > 0 THEN
        UPDATE log.head h SET position = v_head.position + v_appended, recorded_at = v_now;
    END IF;

    INSERT INTO log.command (source, id, digest, first_position, last_position, recorded_at, answer)
    SELECT c.source, c.id, decode(c.digest, 'hex'), v_first[c.command + 1], v_last[c.command + 1], v_now, c.answer
    FROM jsonb_to_recordset(p_commands) AS c(command integer, source text, id text, digest text, answer text)
    WHERE c.source IS NOT NULL AND v_outcomes[c.command + 1] = 'appended';

    UPDATE log.applied a SET position = c.position
    FROM jsonb_to_recordset(p_commands) AS c(
        command integer, consumer text, topic text, shard smallint, "position" bigint
    )
    WHERE a.consumer = c.consumer AND a.topic = c.topic AND a.shard = c.shard
        AND v_outcomes[c.command + 1] = 'appended';

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

    -- An unchanged row keeps its claim; a changed one is free at once.
    INSERT INTO log.deadline AS d (stream_id, kind, subject, topic, due_at)
    SELECT n.stream_id, n.kind, n.subject, v_topic, n.due_at
    FROM jsonb_to_recordset(p_deadlines) AS n(
        command integer, stream_id text, kind text, subject text, due_at timestamptz
    )
    WHERE v_outcomes[n.command + 1] = 'appended'
    ON CONFLICT (stream_id, kind, subject) DO UPDATE SET due_at = excluded.due_at, claimed_until = NULL
    WHERE d.due_at <> excluded.due_at;

    RETURN QUERY
    SELECT
        c.command, v_outcomes[c.command + 1], v_details[c.command + 1],
        coalesce(v_first[c.command + 1], known.first_position), coalesce(v_last[c.command + 1], known.last_position),
        coalesce(known.recorded_at, v_now), known.answer
    FROM jsonb_to_recordset(p_commands) AS c(command integer, source text, id text)
    LEFT JOIN LATERAL (
        SELECT k.first_position, k.last_position, k.recorded_at, k.answer
        FROM log.command k WHERE k.source = c.source AND k.id = c.id LIMIT 1
    ) AS known ON true
    ORDER BY c.command;
    -- A crash after this leaves the commit without its answer: the caller asks again, with the same id, cause or versions.
END
$$;

-- What a decision needs, at one look: the time, a known id's first answer, and the records of some streams in order.
CREATE FUNCTION log.load(p_streams text[], p_source text, p_id text) RETURNS TABLE (
    now timestamptz, stream_id text, records bytea[],
    known_digest bytea, known_first bigint, known_last bigint, known_recorded_at timestamptz, known_answer text
)
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT
        log.now(), s.stream_id, s.records, k.digest, k.first_position, k.last_position, k.recorded_at, k.answer
    FROM (VALUES (1)) AS one
    LEFT JOIN log.command k ON k.source = p_source AND k.id = p_id
    LEFT JOIN LATERAL (
        SELECT wanted.stream_id, (
            SELECT array_agg(e.record ORDER BY e.version) FROM log.event e WHERE e.stream_id = wanted.stream_id
        ) AS records
        FROM unnest(p_streams) AS wanted(stream_id)
    ) AS s ON true
$$;

-- Claim due deadlines of the caller's topic for a while. Saves double work; nothing rests on it.
CREATE FUNCTION log.claim_deadlines(p_limit integer, p_claim interval) RETURNS TABLE (
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
        WHERE f.topic = v_topic AND f.due_at < v_now
            AND (f.claimed_until IS NULL OR f.claimed_until < clock_timestamp())
        ORDER BY f.due_at
        LIMIT p_limit
        FOR UPDATE SKIP LOCKED
    ) AS due
    WHERE d.stream_id = due.stream_id AND d.kind = due.kind AND d.subject = due.subject
    RETURNING d.stream_id, d.kind, d.subject, d.due_at, v_now;
END
$$;

-- Say that a loop of a replica has finished a cycle.
CREATE FUNCTION log.finish_cycle(p_replica text, p_loop text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    INSERT INTO log.cycle (service, replica, loop, finished_at)
    SELECT o.service, p_replica, p_loop, clock_timestamp() FROM log.owner o WHERE o.role = session_user
    ON CONFLICT (service, replica, loop) DO UPDATE SET finished_at = excluded.finished_at
$$;

-- Make a reaction's rows, at the head of this moment. Called by a service's migration, once, by the administrator.
CREATE FUNCTION log.start_reaction(p_consumer text, p_topic text) RETURNS void
LANGUAGE sql VOLATILE
AS $$
    INSERT INTO log.applied (consumer, topic, shard, position)
    SELECT p_consumer, p_topic, shard, h.position FROM log.head h, generate_series(0, 63) AS shard
$$;

-- Append only by privilege: even the owner of the table cannot change or remove an event.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA log FROM PUBLIC;
REVOKE UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON log.event FROM lonewatch_log;
REVOKE UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER ON log.command FROM lonewatch_log;
GRANT USAGE ON SCHEMA log TO lonewatch_service;
GRANT SELECT ON log.head, log.event, log.command, log.applied, log.deadline, log.cycle, log.owner, log.stream_kind
    TO lonewatch_service;
GRANT EXECUTE ON FUNCTION
    log.now(), log.shard(text), log.own_topic(), log.append(jsonb, jsonb, jsonb, jsonb, bytea[], jsonb),
    log.load(text[], text, text), log.claim_deadlines(integer, interval), log.finish_cycle(text, text)
    TO lonewatch_service;

RESET ROLE;
