"""Mails: every letter we write, how long it is worth sending, and whether it may come twice.

Names nothing personal; knows no table and no mail server.
"""

from dataclasses import dataclass
from datetime import timedelta

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Letter:
    """One kind of message. `button` says where its button leads; `folds`: may join another to the same person.

    `greets`: by name. Not where the address is not proved: the name is then whatever a stranger wants to have said in our name.
    """

    lives: timedelta  # after this it is not worth sending; a link's own expiry may end it sooner
    button: str | None = None  # the field of `params` that holds a link, or "desk"
    repeatable: bool = True  # whether it does no harm when it comes twice
    folds: bool = False
    greets: bool = True
    calendar: str | None = None  # the method of the iTIP message that comes with it


# by audience; the texts stand under the same names in templates/*.toml
PATIENT = {
    "verify_address": Letter(lives=3 * DAY, button="verify", greets=False),
    "enquiry_opened": Letter(lives=3 * DAY, button="case_link", folds=True),
    "case_link": Letter(lives=DAY, button="case_link"),
    "enquiry_rejected": Letter(lives=3 * DAY, repeatable=False, folds=True),  # bad news should not come twice
    "enquiry_withdrawn": Letter(lives=3 * DAY, repeatable=False, folds=True),
    "enquiry_unfulfilled": Letter(lives=3 * DAY, button="case_link", repeatable=False, folds=True),
    "enquiry_reopened": Letter(lives=3 * DAY, button="case_link", folds=True),
    "alternatives_offered": Letter(lives=3 * DAY, button="case_link", folds=True),
    "hospital_silent": Letter(lives=3 * DAY, button="case_link", folds=True),
    "appointment_requested": Letter(lives=3 * DAY, button="case_link"),
    "appointment_slots_offered": Letter(lives=3 * DAY, button="case_link"),
    "appointment_offer_reminded": Letter(lives=DAY, button="case_link"),
    "quote_issued": Letter(lives=3 * DAY, button="case_link", folds=True),
    "quote_revised": Letter(lives=3 * DAY, button="case_link", folds=True),
    "quote_withdrawn": Letter(lives=3 * DAY, button="case_link", repeatable=False, folds=True),
    "quote_reinstated": Letter(lives=3 * DAY, button="case_link", folds=True),
    "quote_expiring": Letter(lives=3 * DAY, button="case_link", folds=True),
    "quote_expired": Letter(lives=3 * DAY, button="case_link", repeatable=False, folds=True),
    "quote_accepted": Letter(lives=3 * DAY, button="case_link"),
    "quote_unbooked": Letter(lives=3 * DAY, button="case_link", folds=True),
    "quote_extended": Letter(lives=3 * DAY, button="case_link", folds=True),
    "quote_lapsing": Letter(lives=3 * DAY, button="case_link", folds=True),
    "quote_lapsed": Letter(lives=3 * DAY, button="case_link", repeatable=False, folds=True),
    "quote_cancelled": Letter(lives=3 * DAY, button="case_link", repeatable=False, folds=True),
    "quote_voided": Letter(lives=3 * DAY, button="case_link", repeatable=False, folds=True),
    "appointment_received": Letter(lives=3 * DAY, button="case_link"),
    "appointment_confirmed": Letter(lives=7 * DAY, button="case_link", calendar="REQUEST"),
    "appointment_declined": Letter(lives=3 * DAY, button="case_link", repeatable=False, folds=True),
    "appointment_expired": Letter(lives=3 * DAY, button="case_link", repeatable=False, folds=True),
    "appointment_cancelled": Letter(lives=7 * DAY, button="case_link", calendar="CANCEL"),
    "appointment_change_proposed": Letter(lives=3 * DAY, button="case_link"),
    "appointment_rescheduled": Letter(lives=7 * DAY, button="case_link", calendar="REQUEST"),
    "appointment_change_declined": Letter(lives=3 * DAY, button="case_link"),
    "appointment_reminded": Letter(lives=DAY, button="case_link"),
    "appointment_completed": Letter(lives=7 * DAY, button="case_link", folds=True),
    "appointment_no_show_recorded": Letter(lives=7 * DAY, button="case_link", repeatable=False),
    "appointment_no_show_resolved": Letter(lives=7 * DAY, button="case_link", folds=True),
    "appointment_no_show_upheld": Letter(lives=7 * DAY, button="case_link", repeatable=False, folds=True),
    "appointment_voided": Letter(lives=7 * DAY, button="case_link", calendar="CANCEL"),
    "erasure_requested": Letter(lives=3 * DAY, button="link"),
    "erasure_done": Letter(lives=7 * DAY),
}
HOSPITAL = {
    "invitation_sent": Letter(lives=4 * DAY, button="desk"),
    "invitation_reminded": Letter(lives=2 * DAY, button="desk"),
    "invitation_lapsed": Letter(lives=4 * DAY, button="desk"),
    "invitation_revoked": Letter(lives=4 * DAY),
    "hospital_appointment_requested": Letter(lives=4 * DAY, button="desk"),
    "hospital_quote_declined": Letter(lives=4 * DAY, button="desk"),
    "hospital_quote_expired": Letter(lives=4 * DAY, button="desk"),
    "hospital_quote_accepted": Letter(lives=4 * DAY, button="desk"),
    "hospital_quote_unbooked": Letter(lives=4 * DAY, button="desk"),
    "hospital_quote_extended": Letter(lives=4 * DAY, button="desk"),
    "hospital_quote_lapsed": Letter(lives=4 * DAY, button="desk"),
    "hospital_quote_cancelled": Letter(lives=4 * DAY, button="desk"),
    "hospital_quote_voided": Letter(lives=4 * DAY, button="desk"),
    "hospital_appointment_submitted": Letter(lives=4 * DAY, button="desk"),
    "hospital_appointment_confirmed": Letter(lives=7 * DAY, button="desk", calendar="REQUEST"),
    "hospital_appointment_declined": Letter(lives=4 * DAY, button="desk"),
    "hospital_appointment_expired": Letter(lives=4 * DAY, button="desk"),
    "hospital_appointment_cancelled": Letter(lives=7 * DAY, button="desk", calendar="CANCEL"),
    "hospital_appointment_change_proposed": Letter(lives=3 * DAY, button="desk"),
    "hospital_appointment_rescheduled": Letter(lives=7 * DAY, button="desk", calendar="REQUEST"),
    "hospital_appointment_change_declined": Letter(lives=3 * DAY, button="desk"),
    "hospital_appointment_outcome_asked": Letter(lives=4 * DAY, button="desk"),
    "hospital_appointment_no_show_resolved": Letter(lives=7 * DAY, button="desk"),
    "hospital_appointment_no_show_upheld": Letter(lives=7 * DAY, button="desk"),
    "hospital_appointment_voided": Letter(lives=7 * DAY, button="desk", calendar="CANCEL"),
    "endpoint_test": Letter(lives=DAY),
    "endpoint_proof": Letter(lives=3 * DAY, button="proof"),
}
ACCOUNT = {
    "account_invited": Letter(lives=7 * DAY, button="link"),
    "sign_in": Letter(lives=timedelta(hours=1), button="link"),
}
OPERATIONS = {
    "task": Letter(lives=7 * DAY),
}
LETTERS = PATIENT | HOSPITAL | ACCOUNT | OPERATIONS
