-- facts this service has heard; a second delivery of the same one is recognised here
CREATE TABLE inbox (
    consumer text NOT NULL,
    event_id uuid NOT NULL,
    type text NOT NULL,
    outcome text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT inbox_pkey PRIMARY KEY (consumer, event_id),
    CONSTRAINT inbox_outcome_check CHECK (outcome IN ('handled', 'ignored'))
);

CREATE INDEX inbox_received_at_idx ON inbox (received_at);

-- a key whose record could not be handled: what follows under it waits in dead_letters, in order
CREATE TABLE parked_keys (
    consumer text NOT NULL,
    topic text NOT NULL,
    key bytea NOT NULL,
    reason text NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT parked_keys_pkey PRIMARY KEY (consumer, topic, key)
);

CREATE TABLE dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY,
    consumer text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    key bytea NOT NULL,
    headers jsonb NOT NULL,
    value bytea,
    state text NOT NULL DEFAULT 'waiting',
    reason text NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    settled_at timestamptz,
    settled_by text,
    settled_because text,
    CONSTRAINT dead_letters_pkey PRIMARY KEY (id),
    CONSTRAINT dead_letters_consumer_topic_partition_offset_key UNIQUE (consumer, topic, partition, "offset"),
    CONSTRAINT dead_letters_state_check CHECK (state IN ('waiting', 'replayed', 'dropped'))
);

CREATE INDEX dead_letters_waiting_idx ON dead_letters (consumer, topic, key, "offset") WHERE state = 'waiting';

-- how far each partition was read, and how often the batch at its head was begun without an end
CREATE TABLE consumer_progress (
    consumer text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    starts integer NOT NULL DEFAULT 0,
    singly_until bigint NOT NULL DEFAULT -1,
    lost_at timestamptz, -- since when the broker no longer has what comes next
    CONSTRAINT consumer_progress_pkey PRIMARY KEY (consumer, topic, partition)
);

-- on its very first start a consumer of state waits until it has passed the ends seen then
CREATE TABLE consumer_targets (
    consumer text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    end_offset bigint NOT NULL,
    CONSTRAINT consumer_targets_pkey PRIMARY KEY (consumer, topic, partition)
);

-- what operators did to what is heard, and why: a position set by hand, a type that was replayed
CREATE TABLE inbox_acts (
    id bigint GENERATED ALWAYS AS IDENTITY,
    consumer text NOT NULL,
    act text NOT NULL,
    subject text NOT NULL,
    actor text NOT NULL,
    because text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT inbox_acts_pkey PRIMARY KEY (id),
    CONSTRAINT inbox_acts_act_check CHECK (act IN ('move', 'replay'))
);
