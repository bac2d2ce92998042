CREATE TABLE accounts (
    id uuid NOT NULL,
    version integer NOT NULL,
    kind text NOT NULL,
    role text NOT NULL,
    hospital_id uuid,
    label text,
    origins jsonb NOT NULL,
    email_hash bytea,
    wrapped_key bytea,
    sealed_contact bytea,
    sealed_totp bytea,
    totp_confirmed_at timestamptz,
    totp_last_step integer NOT NULL,
    created_at timestamptz NOT NULL,
    deactivated_at timestamptz,
    CONSTRAINT accounts_pkey PRIMARY KEY (id)
);
CREATE INDEX accounts_hospital_id_idx ON accounts (hospital_id);
CREATE UNIQUE INDEX accounts_kind_email_hash_key ON accounts (kind, email_hash);

CREATE TABLE listed_hospitals (
    id uuid NOT NULL,
    version integer NOT NULL,
    slug text NOT NULL,
    state jsonb NOT NULL,
    withdrawn boolean NOT NULL,
    CONSTRAINT listed_hospitals_pkey PRIMARY KEY (id)
);
CREATE INDEX listed_hospitals_slug_idx ON listed_hospitals (slug);

CREATE TABLE listed_procedures (
    id uuid NOT NULL,
    version integer NOT NULL,
    slug text NOT NULL,
    state jsonb NOT NULL,
    withdrawn boolean NOT NULL,
    CONSTRAINT listed_procedures_pkey PRIMARY KEY (id)
);
CREATE INDEX listed_procedures_slug_idx ON listed_procedures (slug);

CREATE TABLE patients (
    id uuid NOT NULL,
    version integer NOT NULL,
    email_hash bytea,
    wrapped_key bytea,
    sealed_contact bytea,
    sealed_person bytea,
    created_at timestamptz NOT NULL,
    erased_at timestamptz,
    CONSTRAINT patients_pkey PRIMARY KEY (id)
);
CREATE INDEX patients_email_hash_idx ON patients (email_hash);

CREATE TABLE reachable_hospitals (
    id uuid NOT NULL,
    version integer NOT NULL,
    email boolean NOT NULL,
    webhook boolean NOT NULL,
    CONSTRAINT reachable_hospitals_pkey PRIMARY KEY (id)
);

CREATE TABLE resends (
    id uuid NOT NULL,
    purpose text NOT NULL,
    email_hash bytea NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT resends_pkey PRIMARY KEY (id)
);

CREATE TABLE sessions (
    id uuid NOT NULL,
    scope text NOT NULL,
    subject text NOT NULL,
    account_id uuid,
    enquiry_id uuid,
    family_hash bytea,
    refresh_hash bytea,
    refreshed_at timestamptz,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    CONSTRAINT sessions_family_hash_key UNIQUE (family_hash)
);
CREATE INDEX sessions_account_id_idx ON sessions (account_id);
CREATE INDEX sessions_enquiry_id_idx ON sessions (enquiry_id);
CREATE INDEX sessions_expires_at_idx ON sessions (expires_at);

CREATE TABLE tellings (
    delivery_id uuid NOT NULL,
    enquiry_id uuid NOT NULL,
    event_id uuid NOT NULL,
    recipient text NOT NULL,
    hospital_id uuid,
    channel text NOT NULL,
    template text NOT NULL,
    ending text NOT NULL,
    at timestamptz NOT NULL,
    CONSTRAINT tellings_pkey PRIMARY KEY (delivery_id)
);
CREATE INDEX tellings_enquiry_id_idx ON tellings (enquiry_id);

CREATE TABLE api_keys (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    secret_hash bytea NOT NULL,
    label text NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CONSTRAINT api_keys_pkey PRIMARY KEY (id),
    CONSTRAINT api_keys_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id),
    CONSTRAINT api_keys_secret_hash_key UNIQUE (secret_hash)
);
CREATE INDEX api_keys_account_id_idx ON api_keys (account_id);

CREATE TABLE enquiries (
    id uuid NOT NULL,
    reference text NOT NULL,
    version integer NOT NULL,
    revision integer NOT NULL,
    state text NOT NULL,
    reject_reason text,
    patient_id uuid NOT NULL,
    client_id uuid,
    client_reference text,
    procedure_id uuid NOT NULL,
    procedure_slug text NOT NULL,
    destination text NOT NULL,
    wants jsonb NOT NULL,
    hospital_ids jsonb NOT NULL,
    assistance text,
    language text NOT NULL,
    sealed_request bytea,
    verified_at timestamptz,
    promised_at timestamptz,
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT enquiries_pkey PRIMARY KEY (id),
    CONSTRAINT enquiries_reference_key UNIQUE (reference),
    CONSTRAINT enquiries_patient_id_fkey FOREIGN KEY(patient_id) REFERENCES patients (id)
);
CREATE INDEX enquiries_client_id_created_at_idx ON enquiries (client_id, created_at);
CREATE INDEX enquiries_ended_at_idx ON enquiries (ended_at) WHERE sealed_request IS NOT NULL;
CREATE INDEX enquiries_patient_id_idx ON enquiries (patient_id);
CREATE INDEX enquiries_state_created_at_idx ON enquiries (state, created_at);

CREATE TABLE consents (
    id uuid NOT NULL,
    enquiry_id uuid NOT NULL,
    patient_id uuid NOT NULL,
    hospital_id uuid,
    purpose text NOT NULL,
    text_version integer NOT NULL,
    sha256 text NOT NULL,
    language text NOT NULL,
    given_at timestamptz NOT NULL,
    withdrawn_at timestamptz,
    CONSTRAINT consents_pkey PRIMARY KEY (id),
    CONSTRAINT consents_enquiry_id_fkey FOREIGN KEY(enquiry_id) REFERENCES enquiries (id),
    CONSTRAINT consents_patient_id_fkey FOREIGN KEY(patient_id) REFERENCES patients (id)
);
CREATE INDEX consents_enquiry_id_idx ON consents (enquiry_id);
CREATE UNIQUE INDEX consents_live_key ON consents (enquiry_id, hospital_id, purpose) NULLS NOT DISTINCT WHERE withdrawn_at IS NULL;
CREATE INDEX consents_patient_id_idx ON consents (patient_id);

CREATE TABLE history (
    id uuid NOT NULL,
    enquiry_id uuid NOT NULL,
    event_id uuid NOT NULL,
    subject text NOT NULL,
    subject_id uuid NOT NULL,
    act text NOT NULL,
    state text NOT NULL,
    actor_kind text NOT NULL,
    actor_id text NOT NULL,
    on_behalf_of text,
    channel text NOT NULL,
    reason text,
    because text,
    at timestamptz NOT NULL,
    CONSTRAINT history_pkey PRIMARY KEY (id),
    CONSTRAINT history_enquiry_id_fkey FOREIGN KEY(enquiry_id) REFERENCES enquiries (id)
);
CREATE INDEX history_enquiry_id_at_idx ON history (enquiry_id, at);

CREATE TABLE invitations (
    id uuid NOT NULL,
    enquiry_id uuid NOT NULL,
    hospital_id uuid NOT NULL,
    revision integer NOT NULL,
    state text NOT NULL,
    decline_reason text,
    sent_at timestamptz NOT NULL,
    viewed_at timestamptz,
    answer_due timestamptz NOT NULL,
    lapses_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT invitations_pkey PRIMARY KEY (id),
    CONSTRAINT invitations_enquiry_id_hospital_id_key UNIQUE (enquiry_id, hospital_id),
    CONSTRAINT invitations_enquiry_id_fkey FOREIGN KEY(enquiry_id) REFERENCES enquiries (id)
);
CREATE INDEX invitations_hospital_id_answer_due_id_idx ON invitations (hospital_id, answer_due, id);
CREATE INDEX invitations_hospital_id_state_answer_due_idx ON invitations (hospital_id, state, answer_due);

CREATE TABLE links (
    id uuid NOT NULL,
    purpose text NOT NULL,
    enquiry_id uuid,
    account_id uuid,
    expires_at timestamptz NOT NULL,
    issued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    used_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT links_pkey PRIMARY KEY (id),
    CONSTRAINT links_enquiry_id_fkey FOREIGN KEY(enquiry_id) REFERENCES enquiries (id),
    CONSTRAINT links_account_id_fkey FOREIGN KEY(account_id) REFERENCES accounts (id)
);
CREATE INDEX links_account_id_idx ON links (account_id);
CREATE INDEX links_enquiry_id_idx ON links (enquiry_id);
CREATE INDEX links_expires_at_idx ON links (expires_at);

CREATE TABLE timers (
    id uuid NOT NULL,
    enquiry_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    kind text NOT NULL,
    due_at timestamptz NOT NULL,
    failures integer NOT NULL,
    CONSTRAINT timers_pkey PRIMARY KEY (id),
    CONSTRAINT timers_subject_id_kind_due_at_key UNIQUE (subject_id, kind, due_at),
    CONSTRAINT timers_enquiry_id_fkey FOREIGN KEY(enquiry_id) REFERENCES enquiries (id)
);
CREATE INDEX timers_due_at_idx ON timers (due_at);
CREATE INDEX timers_enquiry_id_idx ON timers (enquiry_id);


-- whom a hospital lets people meet, and when; hours are local time of the hospital
CREATE TABLE resources (
    id uuid NOT NULL,
    hospital_id uuid NOT NULL,
    revision integer NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    slot_minutes integer NOT NULL,
    lead_minutes integer NOT NULL,
    buffer_minutes integer NOT NULL,
    late_minutes integer NOT NULL,
    instant boolean NOT NULL,
    hours jsonb NOT NULL,
    exceptions jsonb NOT NULL,
    retired_at timestamptz,
    CONSTRAINT resources_pkey PRIMARY KEY (id)
);
CREATE INDEX resources_hospital_id_idx ON resources (hospital_id);

-- two live claims on one moment of a resource cannot stand here; an appointment may overlap with itself: it moves over its own old slot
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE TABLE slot_claims (
    id uuid NOT NULL,
    resource_id uuid NOT NULL,
    appointment_id uuid NOT NULL,
    during tstzrange NOT NULL,
    expires_at timestamptz,
    CONSTRAINT slot_claims_pkey PRIMARY KEY (id),
    CONSTRAINT slot_claims_resource_id_fkey FOREIGN KEY (resource_id) REFERENCES resources (id),
    CONSTRAINT slot_claims_no_double_booking EXCLUDE USING gist (resource_id WITH =, during WITH &&, appointment_id WITH <>)
);
CREATE INDEX slot_claims_appointment_id_idx ON slot_claims (appointment_id);

-- local_start is the wall clock of the hospital's zone as it was agreed; starts_at is what that meant then
CREATE TABLE appointments (
    id uuid NOT NULL,
    enquiry_id uuid NOT NULL,
    invitation_id uuid NOT NULL,
    hospital_id uuid NOT NULL,
    resource_id uuid,
    revision integer NOT NULL,
    state text NOT NULL,
    kind text,
    mode text,
    companions integer NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    timezone text NOT NULL,
    local_start text NOT NULL,
    late_from timestamptz NOT NULL,
    sequence integer NOT NULL,
    expires_at timestamptz,
    windows jsonb,
    offers jsonb,
    proposal jsonb,
    reason text,
    late boolean,
    created_at timestamptz NOT NULL,
    confirmed_at timestamptz,
    reminded text,
    outcome text,
    disputed_at timestamptz,
    ended_at timestamptz,
    CONSTRAINT appointments_pkey PRIMARY KEY (id),
    CONSTRAINT appointments_enquiry_id_fkey FOREIGN KEY (enquiry_id) REFERENCES enquiries (id),
    CONSTRAINT appointments_invitation_id_fkey FOREIGN KEY (invitation_id) REFERENCES invitations (id),
    CONSTRAINT appointments_resource_id_fkey FOREIGN KEY (resource_id) REFERENCES resources (id)
);
CREATE INDEX appointments_enquiry_id_idx ON appointments (enquiry_id);
CREATE INDEX appointments_hospital_id_starts_at_id_idx ON appointments (hospital_id, starts_at, id);
CREATE INDEX appointments_hospital_id_state_starts_at_idx ON appointments (hospital_id, state, starts_at);
CREATE UNIQUE INDEX appointments_hold_key ON appointments (enquiry_id, hospital_id) WHERE state = 'held';

-- versions of what hospitals offer; what one says is sealed under the patient's key and never changes. One issued for each hospital, one accepted for each case
CREATE TABLE quotes (
    id uuid NOT NULL,
    enquiry_id uuid NOT NULL,
    invitation_id uuid NOT NULL,
    hospital_id uuid NOT NULL,
    number integer NOT NULL,
    revision integer NOT NULL,
    state text NOT NULL,
    sealed_terms bytea,
    implausible boolean NOT NULL,
    valid_until timestamptz NOT NULL,
    book_until timestamptz,
    appointment_id uuid,
    extended boolean NOT NULL,
    reason text,
    created_at timestamptz NOT NULL,
    issued_at timestamptz,
    accepted_at timestamptz,
    ended_at timestamptz,
    CONSTRAINT quotes_pkey PRIMARY KEY (id),
    CONSTRAINT quotes_enquiry_id_fkey FOREIGN KEY (enquiry_id) REFERENCES enquiries (id),
    CONSTRAINT quotes_invitation_id_fkey FOREIGN KEY (invitation_id) REFERENCES invitations (id),
    CONSTRAINT quotes_appointment_id_fkey FOREIGN KEY (appointment_id) REFERENCES appointments (id),
    CONSTRAINT quotes_invitation_id_number_key UNIQUE (invitation_id, number)
);
CREATE INDEX quotes_enquiry_id_idx ON quotes (enquiry_id);
CREATE INDEX quotes_hospital_id_idx ON quotes (hospital_id, id);
CREATE INDEX quotes_hospital_id_state_idx ON quotes (hospital_id, state, id);
CREATE UNIQUE INDEX quotes_issued_key ON quotes (invitation_id) WHERE state = 'issued';
CREATE UNIQUE INDEX quotes_draft_key ON quotes (invitation_id) WHERE state = 'draft';
CREATE UNIQUE INDEX quotes_taken_key ON quotes (enquiry_id) WHERE state IN ('accepted', 'booked');

-- the steps of forgetting a person; the address is for the receipt, sealed, and goes last
CREATE TABLE erasures (
    id uuid NOT NULL,
    patient_id uuid NOT NULL,
    enquiry_id uuid NOT NULL,
    revision integer NOT NULL,
    state text NOT NULL,
    requested_by text NOT NULL,
    erased_version integer,
    sealed_contact bytea,
    requested_at timestamptz NOT NULL,
    started_at timestamptz,
    told_at timestamptz,
    times_told integer NOT NULL DEFAULT 0,
    searched_at timestamptz,
    overdue_at timestamptz,
    done_at timestamptz,
    receipt_ended_at timestamptz,
    contact_erased_at timestamptz,
    CONSTRAINT erasures_pkey PRIMARY KEY (id),
    CONSTRAINT erasures_patient_id_key UNIQUE (patient_id),
    CONSTRAINT erasures_enquiry_id_fkey FOREIGN KEY (enquiry_id) REFERENCES enquiries (id)
);
CREATE INDEX erasures_enquiry_id_idx ON erasures (enquiry_id);
CREATE INDEX erasures_open_idx ON erasures (state, id) WHERE contact_erased_at IS NULL;

-- which consumer has forgotten whom
CREATE TABLE erasure_answers (
    erasure_id uuid NOT NULL,
    consumer text NOT NULL,
    answered_at timestamptz NOT NULL,
    CONSTRAINT erasure_answers_pkey PRIMARY KEY (erasure_id, consumer)
);

-- kept for ever, and outside of backups, too: a restored database is made to forget again
CREATE TABLE erasure_journal (
    patient_id uuid NOT NULL,
    erased_version integer NOT NULL,
    erased_at timestamptz NOT NULL,
    CONSTRAINT erasure_journal_pkey PRIMARY KEY (patient_id)
);

-- when each topic with personal data was last made to turn over, and when somebody last tried to
CREATE TABLE heartbeats (
    topic text NOT NULL,
    beaten_at timestamptz NOT NULL,
    tried_at timestamptz NOT NULL,
    CONSTRAINT heartbeats_pkey PRIMARY KEY (topic)
);

-- one row for each time this database was filled from a backup; until the journal was applied it must not serve
CREATE TABLE restorations (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    restored_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    journal_applied_at timestamptz,
    CONSTRAINT restorations_pkey PRIMARY KEY (id)
);
