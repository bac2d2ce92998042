"""What stays after an erasure, and why the law lets it: said in the answer and in the receipt. Nothing but the backups names the person."""

KEPT = (
    {
        "what": "that a case with this reference existed: procedure asked about, destination, hospitals asked, states and times, under ids drawn at random",
        "ground": "nothing that we still hold leads from it to a person (GDPR recital 26); accounts of our service to hospitals",
        "until": "without end",
    },
    {
        "what": "which consent text was agreed to and when, under a random id",
        "ground": "to be able to show consent, and for the defence of claims (GDPR articles 7(1) and 17(3)(e))",
        "until": "without end",
    },
    {
        "what": "the random id and the version of what was erased",
        "ground": "so that a late message or a restored backup cannot bring it back (GDPR articles 17(1) and 32)",
        "until": "without end",
    },
    {
        "what": "events about the case: random ids, states, times, no personal data",
        "ground": "proof that everybody concerned was told, and a way to find out what failed (GDPR article 5(2))",
        "until": "30 days",
    },
    {
        "what": "encrypted backups; one that is restored forgets again before it serves",
        "ground": "to keep the data of all others safe (GDPR article 32)",
        "until": "35 days",
    },
)
