-- What POST /v1/enquiries asks of PostgreSQL, statement by statement: the same rows of the same size, made without Python.
-- What is read of the catalog's copy is left out of neither side.
SELECT gen_random_uuid() AS e, gen_random_uuid() AS p, gen_random_uuid() AS k \gset
INSERT INTO rate_limits AS held (key, hits, expires_at) VALUES ('address', 1, clock_timestamp() + interval '1 hour') ON CONFLICT (key) DO UPDATE SET hits = held.hits + 1;
BEGIN;
SELECT pg_try_advisory_xact_lock(hashtextextended(:k::text, 7270963)), kept.* FROM (SELECT) AS one LEFT JOIN idempotency_keys AS kept ON kept.caller = 'anonymous' AND kept.key = :k::text;
SELECT id, version FROM listed_procedures WHERE slug = ANY('{intrathecal-baclofen-therapy}') AND NOT withdrawn;
SELECT id, version FROM listed_hospitals WHERE slug = ANY('{liv-hospital-ankara}') AND NOT withdrawn;
SELECT pg_advisory_xact_lock(hashtextextended(:p::uuid::text, 7270965));
WITH mine AS MATERIALIZED (SELECT id FROM patients WHERE email_hash = decode(replace(:p::uuid::text, '-', ''), 'hex')) SELECT count(*) FROM enquiries WHERE patient_id IN (SELECT id FROM mine) AND state = 'pending_verification' AND created_at > clock_timestamp() - interval '1 hour';
WITH added_0 AS (INSERT INTO patients (id, version, email_hash, wrapped_key, sealed_contact, sealed_person, created_at) VALUES (:p::uuid, 1, decode(replace(:p::uuid::text, '-', ''), 'hex'), decode(repeat('ab', 66), 'hex'), decode(repeat('ab', 130), 'hex'), decode(repeat('ab', 160), 'hex'), clock_timestamp())),
added_1 AS (INSERT INTO outbox (event_id, topic, key, type, version, sequence, headers, value) VALUES (gen_random_uuid(), 'enquiry.patients', :p::uuid, 'enquiry.patient.v1', 1, 0, jsonb_build_object('ce_id', :p::uuid, 'ce_source', repeat('x', 400)), decode(repeat('ab', 420), 'hex')), (gen_random_uuid(), 'enquiry.events', :e::uuid, 'enquiry.submitted.v1', 1, 0, jsonb_build_object('ce_id', :p::uuid, 'ce_source', repeat('x', 400)), decode(repeat('ab', 200), 'hex')), (gen_random_uuid(), 'enquiry.events', :e::uuid, 'consent.given.v1', 1, 1, jsonb_build_object('ce_id', :p::uuid, 'ce_source', repeat('x', 400)), decode(repeat('ab', 200), 'hex'))),
added_2 AS (INSERT INTO enquiries (id, reference, version, revision, state, patient_id, procedure_id, procedure_slug, destination, wants, hospital_ids, language, sealed_request, created_at) VALUES (:e::uuid, left(:e::uuid::text, 14), 1, 1, 'pending_verification', :p::uuid, gen_random_uuid(), 'intrathecal-baclofen-therapy', 'TR', '["quote"]', '[]', 'en', decode(repeat('ab', 200), 'hex'), clock_timestamp())),
added_3 AS (INSERT INTO consents (id, enquiry_id, patient_id, hospital_id, purpose, text_version, sha256, language, given_at) SELECT gen_random_uuid(), :e::uuid, :p::uuid, gen_random_uuid(), 'share_case_with_hospital', 1, repeat('a', 64), 'en', clock_timestamp() FROM generate_series(1, 2)),
added_4 AS (INSERT INTO links (id, purpose, enquiry_id, expires_at) VALUES (gen_random_uuid(), 'verify', :e::uuid, clock_timestamp())),
added_5 AS (INSERT INTO outbox_awaiting (event_id, type) VALUES (gen_random_uuid(), 'enquiry.submitted.v1'), (gen_random_uuid(), 'consent.given.v1')),
added_6 AS (INSERT INTO history (id, enquiry_id, event_id, subject, subject_id, act, state, actor_kind, actor_id, channel, at) VALUES (gen_random_uuid(), :e::uuid, gen_random_uuid(), 'enquiry', :e::uuid, 'submit', 'pending_verification', 'patient', '', 'web', clock_timestamp())),
added_7 AS (INSERT INTO timers (id, enquiry_id, subject_id, kind, due_at, failures) SELECT gen_random_uuid(), :e::uuid, :e::uuid, 'kind ' || number, clock_timestamp() + interval '1 hour', 0 FROM generate_series(1, 3) AS number ON CONFLICT DO NOTHING),
added_8 AS (INSERT INTO idempotency_keys (caller, key, fingerprint, status, headers, sealed_body, subject) VALUES ('anonymous', :k::text, decode(repeat('ab', 32), 'hex'), 201, '{"Location": "/v1/enquiries/K7QF-2M9X-4TBD", "ETag": "\"1\""}', decode(repeat('ab', 420), 'hex'), :e::uuid))
SELECT pg_notify('outbox_recorded', '')::text FROM outbox_relay WHERE sleeping;
COMMIT;
