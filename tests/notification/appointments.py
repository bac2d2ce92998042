"""Whom each fact of an appointment tells: lines of the table in test_alerts."""

from shared.events.appointment import Party
from shared.events.invitation import InvitationAnswered
from tests.notification import facts

P, O = ("patient", "email"), ("operations", "email")  # noqa: E741
H = [("hospital", "email"), ("hospital", "webhook")]


def desk(what):
    return [(*one, f"hospital_appointment_{what}") for one in H]


ASKED = {"state": "awaiting_confirmation", "sequence": None}


def both(what):
    return [*desk(what), (*P, f"appointment_{what}")]


AFTERWARDS = {
    "reminded": [(*P, "appointment_reminded")],
    "checked_in": [],
    "completed": [(*P, "appointment_completed")],
    "no_show_recorded": [(*P, "appointment_no_show_recorded")],
    "no_show_disputed": [(*O, "task")],
    "no_show_resolved": both("no_show_resolved"),
    "no_show_upheld": both("no_show_upheld"),
    "outcome_asked": desk("outcome_asked"),
    "unrecorded": [(*O, "task")],
    "voided": both("voided"),
}
APPOINTMENTS = {
    **{f"appointment.{name}": (lambda c, h, name=name: facts.AFTERWARDS[name](h, c), told) for name, told in AFTERWARDS.items()},
    "invitation.answered": (lambda c, h: facts.about(InvitationAnswered, h, c), []),
    "appointment.requested": (lambda c, h: facts.times_requested(h, c), both("requested")),
    "appointment.slots_offered": (lambda c, h: facts.slots_offered(h, c), [(*P, "appointment_slots_offered")]),
    "appointment.offer_reminded": (lambda c, h: facts.offer_reminded(h, c), [(*P, "appointment_offer_reminded")]),
    "appointment.held": (lambda c, h: facts.slot_held(h, c), []),
    "appointment.submitted": (lambda c, h: facts.slot_submitted(h, c), [*desk("submitted"), (*P, "appointment_received")]),
    "appointment.confirmed": (lambda c, h: facts.slot_confirmed(h, c), [*desk("confirmed"), (*P, "appointment_confirmed")]),
    "appointment.declined": (lambda c, h: facts.slot_declined(h, c), [(*P, "appointment_declined")]),
    "appointment.declined by the patient": (lambda c, h: facts.slot_declined(h, c, by=Party.PATIENT), desk("declined")),
    "appointment.expired": (lambda c, h: facts.slot_expired(h, c), [*desk("expired"), (*P, "appointment_expired")]),
    "appointment.expired held": (lambda c, h: facts.slot_expired(h, c, state="held"), []),
    "appointment.change_proposed by the patient": (lambda c, h: facts.change_proposed(h, c), desk("change_proposed")),
    "appointment.change_proposed by the hospital": (
        lambda c, h: facts.change_proposed(h, c, by=Party.HOSPITAL),
        [(*P, "appointment_change_proposed")],
    ),
    "appointment.rescheduled": (lambda c, h: facts.rescheduled(h, c), [*desk("rescheduled"), (*P, "appointment_rescheduled")]),
    "appointment.change_declined by the patient": (lambda c, h: facts.change_declined(h, c), desk("change_declined")),
    "appointment.change_declined by the hospital": (
        lambda c, h: facts.change_declined(h, c, by=Party.HOSPITAL, proposed_by=Party.PATIENT),
        [(*P, "appointment_change_declined")],
    ),
    "appointment.change_declined: the hospital's was not answered": (
        lambda c, h: facts.change_declined(h, c, by=Party.SYSTEM),
        [*desk("change_declined"), (*O, "task")],
    ),
    "appointment.change_declined: the patient's was not answered": (
        lambda c, h: facts.change_declined(h, c, by=Party.SYSTEM, proposed_by=Party.PATIENT),
        [(*P, "appointment_change_declined")],
    ),
    "appointment.cancelled": (lambda c, h: facts.slot_cancelled(h, c), [*desk("cancelled"), (*P, "appointment_cancelled")]),
    "appointment.cancelled held": (lambda c, h: facts.slot_cancelled(h, c, state="held", sequence=None), []),
    "appointment.cancelled asked for": (lambda c, h: facts.slot_cancelled(h, c, **ASKED), desk("cancelled")),
    "appointment.cancelled asked for, by operations": (
        lambda c, h: facts.slot_cancelled(h, c, **ASKED, by=Party.OPERATIONS),
        [*desk("cancelled"), (*P, "appointment_cancelled")],
    ),
}
