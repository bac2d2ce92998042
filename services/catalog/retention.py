"""What the catalog keeps: what is public, and how it was published. docs/privacy.md is made from it."""

from shared.retention import MECHANISMS, WRITTEN, Kept

RULES = WRITTEN

KEPT = (
    *MECHANISMS,
    Kept(
        ("specialties", "cities", "inclusions", "procedures", "destination_facts", "hospitals", "prices", "offerings", "consent_texts", "ranking_rules"),
        "what may be asked for",
        "public, of no person; an import replaces it",
    ),
    Kept(("doctors",), "doctors as their hospitals name them", "public by their profession; an import takes them out"),
    Kept(("stories",), "stories of patients, under the name they chose, with their consent", "until the consent is withdrawn: an import takes them out"),
    Kept(("publications", "documents", "editions", "words"), "the same, as it was published", "made anew with each import; one row for each thing, or each word of their names"),
    Kept(("outbox_dropped",), "states that operations gave up, without their contents", "a record of what a person decided"),
)  # fmt: skip
