-- What POST /v1/enquiries asks of PostgreSQL, statement by statement: the same rows of the same size, made without Python.
-- What is read of the catalog's copy is left out of neither side.
SELECT gen_random_uuid() AS e, gen_random_uuid() AS p, gen_random_uuid() AS k \gset
INSERT INTO rate_limits AS held (key, hits, expires_at) VALUES ('address', 1, clock_timestamp() + interval '1 hour') ON CONFLICT (key) DO UPDATE SET hits = held.hits + 1;
BEGIN;
SELECT pg_try_advisory_xact_lock(hashtextextended(:k::text, 7270963));
SELECT caller, key, fingerprint, status, headers, sealed_body FROM idempotency_keys WHERE caller = 'anonymous' AND key = :k::text;
SELECT max(end_offset) FROM consumer_targets WHERE consumer = 'enquiry';
SELECT id FROM listed_procedures LIMIT 1;
SELECT id, version FROM listed_procedures WHERE slug = 'intrathecal-baclofen-therapy' AND NOT withdrawn;
SELECT id, version FROM listed_hospitals WHERE slug = 'liv-hospital-ankara' AND NOT withdrawn;
SELECT pg_advisory_xact_lock(hashtextextended(:p::uuid::text, 7270965));
SELECT count(*) FROM enquiries JOIN patients ON patients.id = enquiries.patient_id WHERE patients.email_hash = decode(replace(:p::uuid::text, '-', ''), 'hex') AND enquiries.state IN ('pending_verification', 'open');
INSERT INTO patients (id, version, email_hash, wrapped_key, sealed_contact, sealed_person, created_at) VALUES (:p::uuid, 1, decode(replace(:p::uuid::text, '-', ''), 'hex'), decode(repeat('ab', 66), 'hex'), decode(repeat('ab', 130), 'hex'), decode(repeat('ab', 160), 'hex'), clock_timestamp());
WITH recorded AS (INSERT INTO outbox (event_id, topic, key, type, version, sequence, headers, value) VALUES (gen_random_uuid(), 'enquiry.patients', :p::uuid, 'enquiry.patient.v1', 1, 0, jsonb_build_object('ce_id', :p::uuid, 'ce_source', repeat('x', 400)), decode(repeat('ab', 420), 'hex'))) SELECT pg_notify('outbox_recorded', '') FROM outbox_relay WHERE sleeping;
INSERT INTO enquiries (id, reference, version, revision, state, patient_id, procedure_id, procedure_slug, destination, wants, hospital_ids, language, sealed_request, created_at) VALUES (:e::uuid, left(:e::uuid::text, 14), 1, 1, 'pending_verification', :p::uuid, gen_random_uuid(), 'intrathecal-baclofen-therapy', 'TR', '["quote"]', '[]', 'en', decode(repeat('ab', 200), 'hex'), clock_timestamp());
INSERT INTO consents (id, enquiry_id, patient_id, hospital_id, purpose, text_version, sha256, language, given_at) SELECT gen_random_uuid(), :e::uuid, :p::uuid, gen_random_uuid(), 'share_case_with_hospital', 1, repeat('a', 64), 'en', clock_timestamp() FROM generate_series(1, 2);
INSERT INTO links (id, purpose, enquiry_id, expires_at) VALUES (gen_random_uuid(), 'verify', :e::uuid, clock_timestamp());
WITH recorded AS (INSERT INTO outbox (event_id, topic, key, type, version, sequence, headers, value) VALUES (gen_random_uuid(), 'enquiry.events', :e::uuid, 'enquiry.submitted.v1', 1, 0, jsonb_build_object('ce_id', :p::uuid, 'ce_source', repeat('x', 400)), decode(repeat('ab', 200), 'hex'))), awaiting AS (INSERT INTO outbox_awaiting (event_id, type) VALUES (gen_random_uuid(), 'enquiry.submitted.v1')) SELECT pg_notify('outbox_recorded', '') FROM outbox_relay WHERE sleeping;
INSERT INTO history (id, enquiry_id, event_id, subject, subject_id, act, state, actor_kind, actor_id, channel, at) VALUES (gen_random_uuid(), :e::uuid, gen_random_uuid(), 'enquiry', :e::uuid, 'submit', 'pending_verification', 'patient', '', 'web', clock_timestamp());
SELECT * FROM consents WHERE enquiry_id = :e::uuid ORDER BY given_at, id;
WITH recorded AS (INSERT INTO outbox (event_id, topic, key, type, version, sequence, headers, value) VALUES (gen_random_uuid(), 'enquiry.events', :e::uuid, 'consent.given.v1', 1, 1, jsonb_build_object('ce_id', :p::uuid, 'ce_source', repeat('x', 400)), decode(repeat('ab', 200), 'hex'))), awaiting AS (INSERT INTO outbox_awaiting (event_id, type) VALUES (gen_random_uuid(), 'consent.given.v1')) SELECT pg_notify('outbox_recorded', '') FROM outbox_relay WHERE sleeping;
INSERT INTO timers (id, enquiry_id, subject_id, kind, due_at, failures) SELECT gen_random_uuid(), :e::uuid, :e::uuid, 'kind ' || number, clock_timestamp() + interval '1 hour', 0 FROM generate_series(1, 3) AS number ON CONFLICT DO NOTHING;
INSERT INTO idempotency_keys (caller, key, fingerprint, status, headers, sealed_body, subject) VALUES ('anonymous', :k::text, decode(repeat('ab', 32), 'hex'), 201, '{"Location": "/v1/enquiries/K7QF-2M9X-4TBD", "ETag": "\"1\""}', decode(repeat('ab', 420), 'hex'), :e::uuid);
COMMIT;
