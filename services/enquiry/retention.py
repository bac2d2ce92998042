"""What enquiry keeps, for how long, and on what ground: the rules its loop works off. docs/privacy.md is made from it."""

from shared.retention import ANSWERED, HEARD, LISTENING, MECHANISMS, WRITTEN, Kept, Rule

# A person goes as when they had asked for it themselves: the tombstone, every consumer, the journal. Only no receipt is mailed.
_ERASE = """
    INSERT INTO erasures (id, patient_id, enquiry_id, revision, state, requested_by, requested_at, times_told)
    SELECT gen_random_uuid(), e.patient_id, e.id, 0, 'verified', 'system:retention', clock_timestamp(), 0
    FROM enquiries e
    WHERE e.sealed_request IS NOT NULL AND e.ended_at < :before AND {which}
        AND NOT EXISTS (SELECT FROM erasures x WHERE x.patient_id = e.patient_id AND x.state <> 'requested')
    ORDER BY e.ended_at LIMIT :most
    ON CONFLICT (patient_id) DO UPDATE SET state = 'verified', requested_by = excluded.requested_by
"""

RULES = (
    Rule(
        "unverified_persons",
        ("patients", "enquiries"),
        "names, addresses and words of somebody who never proved the address, encrypted under a key of their own",
        "retain_unverified",
        _ERASE.format(which="e.state = 'rejected' AND e.reject_reason = 'unverified'"),
        "steps before a contract, at the person's request (GDPR article 6(1)(b)), words about health by explicit consent (article 9(2)(a)); a late click is still welcome for as long",
    ),
    Rule(
        "persons",
        ("patients", "enquiries", "quotes"),
        "names, addresses, birth year, words about health and what hospitals offered of a case that has ended, encrypted under a key of the patient's own",
        "retain_cases",
        _ERASE.format(which="true"),
        "as above: the person's request, and explicit consent (GDPR articles 6(1)(b) and 9(2)(a)); questions that come after the end",
    ),
    Rule(
        "accounts",
        ("accounts",),
        "name, address and second factor of a partner's person, encrypted",
        "retain_accounts",
        """
        UPDATE accounts SET email_hash = NULL, wrapped_key = NULL, sealed_contact = NULL, sealed_totp = NULL
        WHERE id IN (SELECT id FROM accounts WHERE deactivated_at < :before AND wrapped_key IS NOT NULL LIMIT :most FOR UPDATE SKIP LOCKED)
        """,
        "to know who acts for a hospital or for us (GDPR article 6(1)(f)); the id stays in the history of cases",
    ),
    Rule(
        "sessions",
        ("sessions",),
        "who was signed in, by ids",
        "retain_links",
        "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at < :before LIMIT :most FOR UPDATE SKIP LOCKED)",
        "to end a session that was stolen",
    ),
    Rule(
        "links",
        ("links",),
        "what a mailed link may do, by ids; its token is stored nowhere",
        "retain_links",
        "DELETE FROM links WHERE id IN (SELECT id FROM links WHERE expires_at < :before LIMIT :most FOR UPDATE SKIP LOCKED)",
        "to know a link that is over from one that never was",
    ),
    Rule(
        "erasure_requests",
        ("erasures",),
        "erasures that nobody confirmed",
        "retain_erasure_requests",
        """
        DELETE FROM erasures WHERE id IN (
            SELECT id FROM erasures WHERE state = 'requested' AND requested_at < :before LIMIT :most FOR UPDATE SKIP LOCKED
        )
        """,
        "until the person decides",
    ),
    *HEARD,
    *WRITTEN,
    *ANSWERED,
)

KEPT = (
    *MECHANISMS,
    *LISTENING,
    Kept(
        ("invitations", "quotes", "appointments", "history", "tellings", "consents"),
        "states and times of a case, who was told, which consent text was agreed to: under random ids",
        "names nobody once the person is erased; consent must be shown (GDPR article 7(1))",
    ),
    Kept(("erasure_answers", "erasure_journal"), "the random id and version of who was erased, and who has forgotten them", "kept for ever: nothing may bring them back"),
    Kept(("api_keys",), "hashes of the keys of systems", "a row for each key that was given out; names no person"),
    Kept(("timers", "resends"), "what is to be done next, by ids and keyed hashes", "a row goes when it is done, within a second of its time"),
    Kept(("listed_hospitals", "listed_procedures", "reachable_hospitals"), "copies of what the catalog and notification publish", "public; a row for each thing"),
    Kept(("resources",), "whom a hospital lets people meet, by the name it gives them, and when", "the hospital's own: public for as long as it offers them, then under the bookings that were made"),
    Kept(("slot_claims",), "which moments are taken, by ids", "a row goes when its time or its booking is over; names nobody"),
    Kept(("restorations",), "when a backup was used", "a row for each time"),
    Kept(("heartbeats",), "when each topic was last turned over", "one row for each topic"),
    Kept(("outbox_dropped",), "facts that operations gave up, without their contents", "a record of what a person decided"),
)  # fmt: skip
