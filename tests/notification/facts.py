"""One fact of each kind, all of one case with one hospital."""

from datetime import UTC, datetime, timedelta

from shared import crypto
from shared.events import appointment, enquiry, invitation
from shared.events.appointment import AppointmentDecline, CancelReason, OfferedSlot, Party
from tests.notification.house import case, link

REFERENCE = "K7QF-2M9X-4TBD"
DUE = datetime(2027, 1, 11, 13, 0, tzinfo=UTC)


def submitted(of):
    return enquiry.EnquirySubmitted(case=of, reference=REFERENCE, verify=link("verify"))


def verification_requested(of):
    return enquiry.VerificationRequested(case=of, reference=REFERENCE, why=enquiry.Reminder.RESEND, verify=link("verify"))


def opened(of, *hospitals):
    return enquiry.EnquiryOpened(
        case=of, reference=REFERENCE, wants=[enquiry.Want.QUOTE], hospital_ids=list(hospitals), promised_at=DUE, case_link=link(days=30)
    )


def link_requested(of):
    return enquiry.LinkRequested(case=of, reference=REFERENCE, case_link=link(days=30))


def rejected(of, *, verified=True):
    return enquiry.EnquiryRejected(case=of, reference=REFERENCE, reason=enquiry.RejectReason.SPAM, verified=verified)


def unfulfilled(of):
    return enquiry.EnquiryUnfulfilled(case=of, reference=REFERENCE, case_link=link(days=30))


def sent(hospital, of=None):
    return invitation.InvitationSent(
        case=of or case(), reference=REFERENCE, invitation_id=crypto.new_id(), hospital_id=hospital, answer_due=datetime.now(UTC) + timedelta(days=1)
    )  # fmt: skip


def reminded(hospital, of):
    return invitation.InvitationReminded(case=of, reference=REFERENCE, invitation_id=crypto.new_id(), hospital_id=hospital, answer_due=DUE)


def lapsed(hospital, of):
    return invitation.InvitationLapsed(
        case=of, reference=REFERENCE, invitation_id=crypto.new_id(), hospital_id=hospital, case_link=link(days=30)
    )


def alternatives(hospital, of):
    return invitation.AlternativesOffered(
        case=of, reference=REFERENCE, invitation_id=crypto.new_id(), hospital_id=hospital, case_link=link(days=30)
    )


def about(kind, hospital, of):
    """Facts of an invitation that name reference, invitation and hospital only."""
    return kind(case=of, reference=REFERENCE, invitation_id=crypto.new_id(), hospital_id=hospital)


# -- appointments -------------------------------------------------------------

START = datetime(2027, 1, 12, 9, 0, tzinfo=UTC)  # 12:00 in Istanbul
WHEN = {"start": START, "end": START + timedelta(minutes=30), "timezone": "Europe/Istanbul"}


def booked(hospital, of):
    return {
        "case": of,
        "reference": REFERENCE,
        "appointment_id": crypto.new_id(),
        "invitation_id": crypto.new_id(),
        "hospital_id": hospital,
    }


def slot_held(hospital, of):
    return appointment.AppointmentHeld(**booked(hospital, of), start=START, end=WHEN["end"], expires_at=DUE)


def times_requested(hospital, of):
    return appointment.AppointmentRequested(**booked(hospital, of), answer_due=DUE, case_link=link(days=30))


def slots_offered(hospital, of):
    slots = [OfferedSlot(start=START + timedelta(days=day), end=START + timedelta(days=day, minutes=30)) for day in (0, 1)]
    return appointment.AppointmentSlotsOffered(
        **booked(hospital, of), slots=slots, timezone=WHEN["timezone"], answer_due=DUE, case_link=link(days=30)
    )


def offer_reminded(hospital, of):
    return appointment.AppointmentOfferReminded(**booked(hospital, of), answer_due=DUE, case_link=link(days=30))


def slot_submitted(hospital, of):
    return appointment.AppointmentSubmitted(**booked(hospital, of), **WHEN, answer_due=DUE, case_link=link(days=30))


def slot_confirmed(hospital, of, **changed):
    return appointment.AppointmentConfirmed(**booked(hospital, of) | WHEN | {"sequence": 0, "case_link": link(days=30)} | changed)


def slot_declined(hospital, of, *, by=Party.HOSPITAL):
    reason = AppointmentDecline.NO_CAPACITY if by is Party.HOSPITAL else AppointmentDecline.TIME_DOES_NOT_SUIT
    return appointment.AppointmentDeclined(**booked(hospital, of), by=by, reason=reason, case_link=link(days=30))


def slot_expired(hospital, of, *, state="awaiting_confirmation"):
    return appointment.AppointmentExpired(**booked(hospital, of), state=state, case_link=None if state == "held" else link(days=30))


def slot_cancelled(hospital, of, **changed):
    values = {
        "by": Party.PATIENT,
        "reason": CancelReason.CHANGED_MIND,
        "state": "confirmed",
        "late": False,
        "sequence": 1,
        "case_link": link(days=30),
    }
    return appointment.AppointmentCancelled(**booked(hospital, of) | WHEN | values | changed)


def change_proposed(hospital, of, *, by=Party.PATIENT):
    return appointment.AppointmentChangeProposed(**booked(hospital, of), **WHEN, by=by, answer_due=DUE, case_link=link(days=30))


def rescheduled(hospital, of, **changed):
    values = {"by": Party.HOSPITAL, "sequence": 1, "case_link": link(days=30)}
    return appointment.AppointmentRescheduled(**booked(hospital, of) | WHEN | values | changed)


def change_declined(hospital, of, *, by=Party.PATIENT, proposed_by=Party.HOSPITAL):
    return appointment.AppointmentChangeDeclined(**booked(hospital, of), **WHEN, by=by, proposed_by=proposed_by, case_link=link(days=30))


BOTH = ("no_show_resolved", "no_show_upheld", "voided")  # are told to both sides


def _linked(hospital, of):
    return {**booked(hospital, of), "case_link": link(days=30)}


AFTERWARDS = {
    "reminded": lambda hospital, of: appointment.AppointmentReminded(**_linked(hospital, of), **WHEN),
    "checked_in": lambda hospital, of: appointment.AppointmentCheckedIn(**booked(hospital, of)),
    "completed": lambda hospital, of: appointment.AppointmentCompleted(**_linked(hospital, of)),
    "no_show_recorded": lambda hospital, of: appointment.AppointmentNoShowRecorded(
        **_linked(hospital, of), start=START, timezone="Europe/Istanbul", answer_due=DUE
    ),
    "no_show_disputed": lambda hospital, of: appointment.AppointmentNoShowDisputed(**booked(hospital, of)),
    "no_show_resolved": lambda hospital, of: appointment.AppointmentNoShowResolved(**_linked(hospital, of), found="completed"),
    "no_show_upheld": lambda hospital, of: appointment.AppointmentNoShowUpheld(**_linked(hospital, of)),
    "outcome_asked": lambda hospital, of: appointment.AppointmentOutcomeAsked(
        **booked(hospital, of), start=START, timezone="Europe/Istanbul"
    ),
    "unrecorded": lambda hospital, of: appointment.AppointmentUnrecorded(**booked(hospital, of)),
    "voided": lambda hospital, of: appointment.AppointmentVoided(**_linked(hospital, of), **WHEN, state="confirmed", sequence=1),
}
"""Facts of the day itself and after."""


def letters_about_appointments(of):
    """The fact behind each letter."""
    hospital = crypto.new_id()
    asked, confirmed = slot_submitted(hospital, of), slot_confirmed(hospital, of)
    expired, cancelled = slot_expired(hospital, of), slot_cancelled(hospital, of)
    moved = {
        "change_proposed": change_proposed(hospital, of),
        "rescheduled": rescheduled(hospital, of),
        "change_declined": change_declined(hospital, of),
    }
    found = moved | {"submitted": asked, "confirmed": confirmed, "expired": expired, "cancelled": cancelled}
    mine = {"appointment_received": asked, "appointment_declined": slot_declined(hospital, of)}
    mine |= {"appointment_requested": times_requested(hospital, of), "appointment_slots_offered": slots_offered(hospital, of)}
    mine |= {"appointment_offer_reminded": offer_reminded(hospital, of)}
    found |= {"requested": times_requested(hospital, of), "declined": slot_declined(hospital, of, by=Party.PATIENT)}
    mine |= {f"appointment_{name}": found[name] for name in ("confirmed", "expired", "cancelled", *moved)}
    after = {name: make(hospital, of) for name, make in AFTERWARDS.items()}
    mine |= {f"appointment_{name}": after[name] for name in ("reminded", "completed", "no_show_recorded", *BOTH)}
    found |= {name: after[name] for name in ("outcome_asked", *BOTH)}
    return mine | {f"hospital_appointment_{name}": fact for name, fact in found.items()}
