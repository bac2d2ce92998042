"""Facts of quotes, and whom each tells: lines of the table in test_alerts."""

from datetime import UTC, datetime

from shared import crypto
from shared.events import enquiry, quote
from tests.notification.facts import letters_about_appointments
from tests.notification.house import link

P, O = ("patient", "email"), ("operations", "email")  # noqa: E741
H = [("hospital", "email"), ("hospital", "webhook")]
UNTIL = datetime(2027, 2, 9, 13, 0, tzinfo=UTC)
Reason, Side = quote.QuoteReason, quote.Side


def of_quote(kind, hospital, of, **said):
    """A fact of this kind; it has a link and an end where facts of its kind have."""
    named = {
        "reference": "K7QF-2M9X-4TBD",
        "quote_id": crypto.new_id(),
        "invitation_id": crypto.new_id(),
        "hospital_id": hospital,
    }
    known = {"number": 1, "case_link": link(), "valid_until": UNTIL, "book_until": UNTIL}
    has = kind.__dataclass_fields__
    return kind(case=of, **named, **{name: value for name, value in known.items() if name in has and name not in said}, **said)


SAID = {
    "drafted": (quote.QuoteDrafted, {}),
    "issued": (quote.QuoteIssued, {"implausible": False}),
    "revised": (quote.QuoteRevised, {"next_quote_id": crypto.new_id()}),
    "withdrawn": (quote.QuoteWithdrawn, {"reason": Reason.MISTAKE}),
    "declined": (quote.QuoteDeclined, {"reason": Reason.TOO_EXPENSIVE}),
    "reinstated": (quote.QuoteReinstated, {}),
    "expiring": (quote.QuoteExpiring, {}),
    "expired": (quote.QuoteExpired, {}),
    "accepted": (quote.QuoteAccepted, {"consent_id": crypto.new_id()}),
    "booked": (quote.QuoteBooked, {"appointment_id": crypto.new_id()}),
    "unbooked": (quote.QuoteUnbooked, {}),
    "extended": (quote.QuoteExtended, {"by": Side.PATIENT}),
    "lapsing": (quote.QuoteLapsing, {}),
    "lapsed": (quote.QuoteLapsed, {}),
    "cancelled": (quote.QuoteCancelled, {"by": Side.OPERATIONS, "reason": Reason.VISA_REFUSED}),
    "unsettled": (quote.QuoteUnsettled, {}),
    "voided": (quote.QuoteVoided, {"was_issued": True}),
}


def happened(name, hospital, of, **changed):
    kind, said = SAID[name]
    return of_quote(kind, hospital, of, **said | changed)


def reopened(of, *, was_accepted=True):
    return enquiry.EnquiryReopened(case=of, reference="K7QF-2M9X-4TBD", was_accepted=was_accepted, case_link=link())


TO_HOSPITALS = ("declined", "expired", "accepted", "unbooked", "extended", "lapsed", "cancelled", "voided")


def letters_about_cases(of):
    """The fact behind each letter about a quote or an appointment."""
    hospital = crypto.new_id()
    mine = {f"quote_{name}": happened(name, hospital, of) for name in SAID if name not in {"drafted", "declined", "booked", "unsettled"}}
    desks = {f"hospital_quote_{name}": happened(name, hospital, of) for name in TO_HOSPITALS}
    return letters_about_appointments(of) | mine | desks | {"enquiry_reopened": reopened(of)}


def desk(what):
    return [(*one, f"hospital_quote_{what}") for one in H]


def both(what):
    return [*desk(what), (*P, f"quote_{what}")]


TELLS = {
    "drafted": [],
    "issued": [(*P, "quote_issued")],
    "revised": [(*P, "quote_revised")],
    "withdrawn": [(*P, "quote_withdrawn")],
    "declined": desk("declined"),
    "reinstated": [(*P, "quote_reinstated")],
    "expiring": [(*P, "quote_expiring")],
    "expired": both("expired"),
    "accepted": both("accepted"),
    "booked": [],
    "unbooked": both("unbooked"),
    "extended": desk("extended"),
    "lapsing": [(*P, "quote_lapsing")],
    "lapsed": [*both("lapsed"), (*O, "task")],
    "cancelled": both("cancelled"),
    "unsettled": [(*O, "task")],
    "voided": both("voided"),
}
ELSE = {
    "issued, a second version": ({"number": 2}, []),  # that it was revised is told
    "issued, implausible": ({"implausible": True}, [(*P, "quote_issued"), (*O, "task")]),
    "extended by the hospital": ({"by": Side.HOSPITAL}, [(*P, "quote_extended")]),
    "cancelled by the patient": ({"by": Side.PATIENT}, [*desk("cancelled"), (*O, "task")]),
    "cancelled by the hospital": ({"by": Side.HOSPITAL}, [(*P, "quote_cancelled"), (*O, "task")]),
    "cancelled with its case": ({"by": Side.SYSTEM, "case_link": None}, desk("cancelled")),
    "voided, a draft": ({"was_issued": False, "case_link": None}, []),
}
QUOTES = {
    **{f"quote.{name}": (lambda c, h, name=name: happened(name, h, c), told) for name, told in TELLS.items()},
    **{
        f"quote.{name}": (lambda c, h, name=name, changed=changed: happened(name.split(",")[0].split(" ")[0], h, c, **changed), told)
        for name, (changed, told) in ELSE.items()
    },
    "enquiry.answered": (lambda c, _: enquiry.EnquiryAnswered(case=c, reference="R", late=False), []),
    "enquiry.accepted": (lambda c, _: enquiry.EnquiryAccepted(case=c, reference="R"), []),
    "enquiry.reopened": (lambda c, _: reopened(c), [(*P, "enquiry_reopened"), (*O, "task")]),
    "enquiry.reopened, nothing was accepted": (lambda c, _: reopened(c, was_accepted=False), []),
}
