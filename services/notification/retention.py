"""What notification keeps, for how long, and on what ground: the rules its loop works off. docs/privacy.md is made from it."""

from shared.retention import ANSWERED, HEARD, LISTENING, MECHANISMS, WRITTEN, Kept, Rule

RULES = (
    Rule(
        "deliveries",
        ("deliveries", "attempts"),
        "who was written to, by ids, with every attempt and the beginning of the server's reply, which may quote an address",
        "retain_deliveries",
        """
        DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE settled_at < :before ORDER BY id LIMIT :most FOR UPDATE SKIP LOCKED)
        """,
        "proof that somebody was told, and help where mail does not arrive; the timeline of the case stays",
    ),
    Rule(
        "suppressions",
        ("suppressions",),
        "keyed hashes of addresses that a mail server refused",
        "retain_suppressions",
        """
        DELETE FROM suppressions
        WHERE address_hash IN (SELECT address_hash FROM suppressions WHERE since < :before LIMIT :most FOR UPDATE SKIP LOCKED)
        """,
        "not to write again and again to who is not there (GDPR article 6(1)(f))",
    ),
    Rule(
        "withheld",
        ("withheld",),
        "facts that came too late to tell anybody: ids and states",
        "retain_withheld",
        "DELETE FROM withheld WHERE event_id IN (SELECT event_id FROM withheld WHERE withheld_at < :before LIMIT :most FOR UPDATE SKIP LOCKED)",
        "operations may release them",
    ),
    Rule(
        "tasks",
        ("tasks",),
        "the work list of operations, done",
        "retain_tasks",
        "DELETE FROM tasks WHERE id IN (SELECT id FROM tasks WHERE done_at < :before LIMIT :most FOR UPDATE SKIP LOCKED)",
        "who was told of what, and did what",
    ),
    Rule(
        "holds",
        ("holds",),
        "what was held back, released",
        "retain_tasks",
        "DELETE FROM holds WHERE id IN (SELECT id FROM holds WHERE released_at < :before LIMIT :most FOR UPDATE SKIP LOCKED)",
        "why something went late",
    ),
    *HEARD,
    *WRITTEN,
    *ANSWERED,
)

KEPT = (
    *MECHANISMS,
    *LISTENING,
    Kept(("patients",), "a requester's contact, encrypted under the patient's key", "goes with the patient: erased, the id and version stay, so that nothing late brings it back"),
    Kept(("accounts",), "contact of a partner's person, encrypted", "goes with the account; the id and version stay, as for patients"),
    Kept(("hospitals", "reaches"), "copies of what the catalog publishes", "public; a row for each hospital"),
    Kept(("endpoints",), "where a hospital wants to be told, encrypted", "until its owner deletes it: then address and secret go at once"),
    Kept(("proof_mails",), "how often an address was asked for a proof, by keyed hash", "rows older than a day go whenever one is added"),
    Kept(("audit",), "what operations did, and why; nothing personal", "accounts of our own doing"),
    Kept(("outbox_dropped",), "facts that operations gave up, without their contents", "a record of what a person decided"),
)  # fmt: skip
