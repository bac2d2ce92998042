CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY,
    event_id uuid NOT NULL,
    topic text NOT NULL,
    key uuid NOT NULL,
    type text NOT NULL,
    version bigint NOT NULL,
    sequence integer NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    headers jsonb NOT NULL,
    value bytea,
    blocked_because text,
    blocked_at timestamptz,
    CONSTRAINT outbox_pkey PRIMARY KEY (id),
    CONSTRAINT outbox_topic_key_version_sequence_key UNIQUE (topic, key, version, sequence)
);

CREATE INDEX outbox_blocked_idx ON outbox (topic, key, id) WHERE blocked_because IS NOT NULL;

-- facts that were published, by day of their ack; state topics live in their own tables
CREATE TABLE outbox_archive (
    id bigint NOT NULL,
    event_id uuid NOT NULL,
    topic text NOT NULL,
    key uuid NOT NULL,
    type text NOT NULL,
    version bigint NOT NULL,
    sequence integer NOT NULL,
    recorded_at timestamptz NOT NULL,
    headers jsonb NOT NULL,
    value bytea,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    acked_at timestamptz NOT NULL
) PARTITION BY RANGE (acked_at);

CREATE INDEX outbox_archive_key_idx ON outbox_archive (key, version);

CREATE TABLE outbox_archive_default PARTITION OF outbox_archive DEFAULT;

-- facts of accounted topics that no consumer has answered yet
CREATE TABLE outbox_awaiting (
    event_id uuid NOT NULL,
    type text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT outbox_awaiting_pkey PRIMARY KEY (event_id)
);

CREATE INDEX outbox_awaiting_recorded_at_idx ON outbox_awaiting (recorded_at);

-- records that could not be published and were given up by an operator: named, without their values, kept for ever
CREATE TABLE outbox_dropped (
    id bigint NOT NULL,
    event_id uuid NOT NULL,
    topic text NOT NULL,
    key uuid NOT NULL,
    type text NOT NULL,
    version bigint NOT NULL,
    sequence integer NOT NULL,
    recorded_at timestamptz NOT NULL,
    blocked_because text NOT NULL,
    dropped_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    dropped_by text NOT NULL,
    dropped_because text NOT NULL,
    CONSTRAINT outbox_dropped_pkey PRIMARY KEY (id)
);

-- one row: whether the relay sleeps, so that writers wake it only then
CREATE TABLE outbox_relay (
    id integer NOT NULL,
    sleeping boolean NOT NULL DEFAULT false,
    CONSTRAINT outbox_relay_pkey PRIMARY KEY (id),
    CONSTRAINT outbox_relay_one_check CHECK (id = 1)
);

INSERT INTO outbox_relay (id) VALUES (1);

-- The relay's role may not change structure; this function may, and does only this. Rows already in the default partition stay there.
CREATE FUNCTION outbox_make_partition(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM outbox_archive_default WHERE acked_at >= day::timestamp AT TIME ZONE 'UTC' AND acked_at < (day + 1)::timestamp AT TIME ZONE 'UTC') THEN
        RETURN;
    END IF;
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS %I PARTITION OF outbox_archive FOR VALUES FROM (%L) TO (%L)',
        'outbox_archive_' || to_char(day, 'YYYYMMDD'), day::text || ' 00:00:00+00', (day + 1)::text || ' 00:00:00+00'
    );
END
$$;

-- Whole days of the archive that ended before `before`, at most so many; one row each: the caller counts them.
CREATE FUNCTION outbox_drop_partitions(before timestamptz, most integer) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    day text;
BEGIN
    FOR day IN
        SELECT child.relname FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
        WHERE inhparent = 'outbox_archive'::regclass AND child.relname ~ '^outbox_archive_[0-9]{8}$'
            AND (to_date(right(child.relname, 8), 'YYYYMMDD') + 1)::timestamp AT TIME ZONE 'UTC' <= before
        ORDER BY child.relname LIMIT most
    LOOP
        EXECUTE format('DROP TABLE %I', day);
        RETURN NEXT day;
    END LOOP;
END
$$;
