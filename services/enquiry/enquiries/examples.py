"""A whole enquiry, for the API's document: a mother asks for her daughter. Invented; nobody is meant."""

from services.enquiry.consents import HEALTH_DATA, SHARE_CASE

NEW_ENQUIRY = {
    "procedure": "intrathecal-baclofen-therapy",
    "destination": "TR",
    "wants": ["quote", "appointment"],
    "hospitals": ["sample-hospital-ankara"],
    "requester": {
        "name": "Amina Bello",
        "email": "amina.bello@example.org",
        "phone": "+2348012345678",
        "language": "en",
        "timezone": "Africa/Lagos",
        "country": "NG",
        "relation": "parent",
    },
    "patient": {"name": "Zainab Bello", "birth_year": 2014, "sex": "female"},
    "intake": {"tried-oral-baclofen": "yes"},
    "message": "She has had spasticity since birth.",
    "preferred_times": [{"from": "2027-01-11T09:00:00+01:00", "until": "2027-01-15T17:00:00+01:00"}],
    "consents": [
        {
            "purpose": HEALTH_DATA,
            "version": 1,
            "language": "en",
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        },
        {
            "purpose": SHARE_CASE,
            "hospital": "sample-hospital-ankara",
            "version": 1,
            "language": "en",
            "sha256": "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
        },
    ],
    "client_reference": "lead-4711",
}
