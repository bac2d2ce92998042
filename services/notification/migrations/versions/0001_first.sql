-- copies of what other services say, kept encrypted as it came
CREATE TABLE patients (
    id uuid NOT NULL,
    version bigint NOT NULL,
    wrapped_key bytea,
    sealed bytea,
    erased boolean NOT NULL DEFAULT false,
    CONSTRAINT patients_pkey PRIMARY KEY (id)
);

CREATE TABLE accounts (
    id uuid NOT NULL,
    version bigint NOT NULL,
    hospital_id uuid,
    wrapped_key bytea,
    sealed bytea,
    erased boolean NOT NULL DEFAULT false,
    CONSTRAINT accounts_pkey PRIMARY KEY (id)
);

CREATE TABLE hospitals (
    id uuid NOT NULL,
    version bigint NOT NULL,
    name text NOT NULL,
    timezone text,
    languages jsonb NOT NULL,
    withdrawn boolean NOT NULL DEFAULT false,
    CONSTRAINT hospitals_pkey PRIMARY KEY (id)
);

-- one row per hospital that ever had an endpoint: what notification.endpoints last said of it
CREATE TABLE reaches (
    hospital_id uuid NOT NULL,
    version bigint NOT NULL,
    email boolean NOT NULL,
    webhook boolean NOT NULL,
    CONSTRAINT reaches_pkey PRIMARY KEY (hospital_id)
);

CREATE TABLE endpoints (
    id uuid NOT NULL,
    version bigint NOT NULL,
    hospital_id uuid NOT NULL,
    kind text NOT NULL,
    sealed_address bytea,
    address_hash bytea,
    sealed_secret bytea,
    sealed_previous_secret bytea,
    previous_until timestamptz,
    paused boolean NOT NULL DEFAULT false,
    disabled_at timestamptz,
    disabled_because text,
    deleted_at timestamptz,
    failures integer NOT NULL DEFAULT 0,
    first_failure_at timestamptz,
    told_at timestamptz,
    claimed_at timestamptz,
    proved_at timestamptz,
    proof_id uuid,
    proof_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT endpoints_pkey PRIMARY KEY (id),
    CONSTRAINT endpoints_proof_id_key UNIQUE (proof_id),
    CONSTRAINT endpoints_kind_check CHECK (kind IN ('email', 'webhook'))
);

CREATE INDEX endpoints_hospital_id_id_idx ON endpoints (hospital_id, id);
CREATE INDEX endpoints_disabled_idx ON endpoints (id) WHERE disabled_at IS NOT NULL AND deleted_at IS NULL;

-- mails of the last day by which an address was to be proved, by keyed hash: nobody may have one address written to without end
CREATE TABLE proof_mails (
    id uuid NOT NULL,
    address_hash bytea NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT proof_mails_pkey PRIMARY KEY (id)
);

CREATE INDEX proof_mails_address_hash_asked_at_idx ON proof_mails (address_hash, asked_at);
CREATE INDEX proof_mails_asked_at_idx ON proof_mails (asked_at);

-- addresses a mail server has refused, by keyed hash
CREATE TABLE suppressions (
    address_hash bytea NOT NULL,
    reason text NOT NULL,
    person_id uuid,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT suppressions_pkey PRIMARY KEY (address_hash)
);

CREATE TABLE deliveries (
    id uuid NOT NULL,
    event_id uuid,
    event_at timestamptz NOT NULL,
    case_id uuid,
    case_version bigint,
    patient_id uuid,
    recipient text NOT NULL,
    recipient_id uuid,
    endpoint_id uuid,
    channel text NOT NULL,
    template text NOT NULL,
    params jsonb NOT NULL,
    message_id uuid NOT NULL,
    again_of uuid,
    state text NOT NULL,
    due_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    token uuid,
    lease_until timestamptz,
    folded_into uuid,
    reason text,
    traceparent text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    settled_at timestamptz,
    decided_at timestamptz,
    forgotten_at timestamptz,
    CONSTRAINT deliveries_pkey PRIMARY KEY (id),
    CONSTRAINT deliveries_recipient_check CHECK (recipient IN ('patient', 'hospital', 'operations', 'account')),
    CONSTRAINT deliveries_channel_check CHECK (channel IN ('email', 'webhook')),
    CONSTRAINT deliveries_state_check CHECK (state IN (
        'pending', 'waiting_contact', 'held', 'sending', 'retrying',
        'accepted', 'failed', 'uncertain', 'suppressed', 'disabled', 'expired', 'folded'
    ))
);

-- what waits: without an endpoint by time, with one by endpoint and time
CREATE INDEX deliveries_due_idx ON deliveries (channel, due_at, id)
    WHERE endpoint_id IS NULL AND state IN ('pending', 'waiting_contact', 'held', 'retrying');
CREATE INDEX deliveries_lanes_idx ON deliveries (channel, endpoint_id, due_at, id)
    WHERE endpoint_id IS NOT NULL AND state IN ('pending', 'waiting_contact', 'held', 'retrying');
CREATE INDEX deliveries_expiry_idx ON deliveries (expires_at) WHERE state IN ('pending', 'waiting_contact', 'held', 'retrying');
CREATE INDEX deliveries_sending_idx ON deliveries (endpoint_id) WHERE state = 'sending';
CREATE INDEX deliveries_lease_idx ON deliveries (lease_until) WHERE state = 'sending';
CREATE INDEX deliveries_recipient_id_id_idx ON deliveries (recipient_id, id);
CREATE INDEX deliveries_case_id_id_idx ON deliveries (case_id, id);
CREATE INDEX deliveries_patient_id_idx ON deliveries (patient_id);
CREATE INDEX deliveries_folded_into_idx ON deliveries (folded_into) WHERE folded_into IS NOT NULL;
CREATE INDEX deliveries_settled_at_idx ON deliveries (settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX deliveries_state_id_idx ON deliveries (state, id);

CREATE TABLE attempts (
    delivery_id uuid NOT NULL,
    number integer NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    result text,
    status integer,
    reply text,
    CONSTRAINT attempts_pkey PRIMARY KEY (delivery_id, number),
    CONSTRAINT attempts_delivery_id_fkey FOREIGN KEY (delivery_id) REFERENCES deliveries (id) ON DELETE CASCADE
);

-- facts that came more than a day late: nobody is told of them unless operations say so
CREATE TABLE withheld (
    event_id uuid NOT NULL,
    type text NOT NULL,
    case_id uuid NOT NULL,
    case_version bigint NOT NULL,
    patient_id uuid,
    occurred_at timestamptz NOT NULL,
    data jsonb NOT NULL,
    traceparent text,
    withheld_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    released_at timestamptz,
    CONSTRAINT withheld_pkey PRIMARY KEY (event_id)
);

CREATE INDEX withheld_waiting_idx ON withheld (event_id) WHERE released_at IS NULL;
CREATE INDEX withheld_withheld_at_idx ON withheld (withheld_at);

CREATE TABLE tasks (
    id uuid NOT NULL,
    kind text NOT NULL,
    case_id uuid,
    hospital_id uuid,
    details jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    done_at timestamptz,
    done_by text,
    done_because text,
    CONSTRAINT tasks_pkey PRIMARY KEY (id)
);

CREATE INDEX tasks_open_idx ON tasks (id) WHERE done_at IS NULL;
CREATE INDEX tasks_done_at_idx ON tasks (done_at) WHERE done_at IS NOT NULL;

-- what operations hold back: a channel, a template or a hospital
CREATE TABLE holds (
    id uuid NOT NULL,
    kind text NOT NULL,
    value text NOT NULL,
    because text NOT NULL,
    held_by text NOT NULL,
    held_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    released_at timestamptz,
    CONSTRAINT holds_pkey PRIMARY KEY (id),
    CONSTRAINT holds_kind_check CHECK (kind IN ('channel', 'template', 'hospital'))
);

CREATE UNIQUE INDEX holds_live_idx ON holds (kind, value) WHERE released_at IS NULL;

CREATE TABLE audit (
    id uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL,
    act text NOT NULL,
    subject text NOT NULL,
    because text NOT NULL,
    CONSTRAINT audit_pkey PRIMARY KEY (id)
);

-- numbers notification's own facts within a case (services/notification/facts.py)
CREATE SEQUENCE fact_numbers AS integer CYCLE;
