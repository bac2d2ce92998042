"""The words of a case's timeline: what happened, and who was told what. Never `delivered`: a mail server has accepted it, no more is known.

Pure; a row that is not known here is passed over rather than shown raw.
"""

from typing import Any

from .languages import mark

HAPPENED = {
    ("enquiry", "pending_verification"): mark("You sent your enquiry."),
    ("enquiry", "open"): mark("Your address was confirmed and your enquiry opened."),
    ("enquiry", "rejected"): mark("Your enquiry was closed."),
    ("enquiry", "withdrawn"): mark("You withdrew your enquiry."),
    ("enquiry", "unfulfilled"): mark("No hospital that was asked could take your enquiry on."),
    ("assistance", "asked"): mark("You asked our team for help."),
    ("erasure", "requested"): mark("You asked that everything be erased."),
    ("erasure", "verified"): mark("You confirmed the erasure."),
    ("invitation", "sent"): mark("%(hospital)s was asked."),
    ("invitation", "viewed"): mark("%(hospital)s opened your enquiry."),
    ("invitation", "declined"): mark("%(hospital)s cannot take your enquiry on."),
    ("invitation", "lapsed"): mark("%(hospital)s did not answer in time."),
    ("invitation", "revoked"): mark("%(hospital)s need not answer any more."),
    ("appointment", "requested"): mark("You asked %(hospital)s to offer times."),
    ("appointment", "awaiting_confirmation"): mark("You asked %(hospital)s for a time."),
    ("appointment", "confirmed"): mark("Your appointment at %(hospital)s was confirmed."),
    ("appointment", "no_show"): mark("You said that you did come to %(hospital)s."),
    ("appointment", "change_proposed"): mark("You asked %(hospital)s for another time."),
    ("appointment", "declined"): mark("You declined the times that %(hospital)s offered."),
    ("appointment", "cancelled"): mark("You gave back a time at %(hospital)s."),
}
BY_US = {
    ("enquiry", "open"): mark("Your enquiry opened."),
    ("enquiry", "withdrawn"): mark("Our team withdrew your enquiry on your behalf."),
    ("appointment", "offered"): mark("%(hospital)s offered times."),
    ("appointment", "declined"): mark("%(hospital)s cannot offer the time you asked for."),
    ("appointment", "change_proposed"): mark("%(hospital)s asks for another time."),
    ("appointment", "checked_in"): mark("%(hospital)s recorded that you are there."),
    ("appointment", "completed"): mark("Your appointment at %(hospital)s took place."),
    ("appointment", "no_show"): mark("%(hospital)s recorded that you did not come."),
    ("appointment", "missed"): mark("Your appointment at %(hospital)s is recorded as missed."),
    ("appointment", "unrecorded"): mark("%(hospital)s has not said whether your appointment took place."),
    ("appointment", "voided"): mark("An appointment at %(hospital)s was entered in error."),
    ("appointment", "cancelled"): mark("An appointment at %(hospital)s was cancelled."),
    ("erasure", "requested"): mark("Our team asked on your behalf that everything be erased."),
}
"""Where somebody else than the patient did it."""

TOLD = {
    "verify_address": mark("Mail to you: please confirm your address"),
    "enquiry_opened": mark("Mail to you: your enquiry is on its way"),
    "case_link": mark("Mail to you: the link to this page"),
    "enquiry_rejected": mark("Mail to you: your enquiry was closed"),
    "enquiry_withdrawn": mark("Mail to you: your enquiry was withdrawn"),
    "enquiry_unfulfilled": mark("Mail to you: no hospital could take it on"),
    "alternatives_offered": mark("Mail to you: you may ask other hospitals"),
    "hospital_silent": mark("Mail to you: a hospital did not answer"),
    "appointment_requested": mark("Mail to you: a hospital was asked to offer times"),
    "appointment_slots_offered": mark("Mail to you: the hospital offers times"),
    "appointment_offer_reminded": mark("Mail to you: the times offered are kept for not much longer"),
    "appointment_received": mark("Mail to you: a hospital was asked for a time"),
    "appointment_confirmed": mark("Mail to you: your appointment is confirmed"),
    "appointment_declined": mark("Mail to you: the time you asked for is not possible"),
    "appointment_expired": mark("Mail to you: the time you asked for was not confirmed"),
    "appointment_cancelled": mark("Mail to you: your appointment was cancelled"),
    "appointment_change_proposed": mark("Mail to you: the hospital asks for another time"),
    "appointment_rescheduled": mark("Mail to you: your appointment has a new time"),
    "appointment_change_declined": mark("Mail to you: your appointment stands as it was"),
    "appointment_reminded": mark("Mail to you: your appointment is coming up"),
    "appointment_completed": mark("Mail to you: your appointment has taken place"),
    "appointment_no_show_recorded": mark("Mail to you: the hospital recorded that you did not come"),
    "appointment_no_show_resolved": mark("Mail to you: our team decided about your appointment"),
    "appointment_no_show_upheld": mark("Mail to you: your appointment is recorded as missed"),
    "appointment_voided": mark("Mail to you: an appointment was entered in error"),
    "erasure_requested": mark("Mail to you: please confirm the erasure"),
    "erasure_done": mark("Mail to you: the receipt of the erasure"),
    "digest": mark("Mail to you: several pieces of news"),
    "invitation_sent": mark("Alert to %(hospital)s: a new enquiry"),
    "invitation_reminded": mark("Alert to %(hospital)s: a reminder"),
    "invitation_lapsed": mark("Alert to %(hospital)s: the time to answer is over"),
    "invitation_revoked": mark("Alert to %(hospital)s: no answer is needed any more"),
    "hospital_appointment_requested": mark("Alert to %(hospital)s: you ask for times"),
    "hospital_appointment_declined": mark("Alert to %(hospital)s: none of the times suits you"),
    "hospital_appointment_submitted": mark("Alert to %(hospital)s: you ask for a time"),
    "hospital_appointment_confirmed": mark("Alert to %(hospital)s: the appointment is confirmed"),
    "hospital_appointment_change_proposed": mark("Alert to %(hospital)s: you ask for another time"),
    "hospital_appointment_rescheduled": mark("Alert to %(hospital)s: the appointment has a new time"),
    "hospital_appointment_change_declined": mark("Alert to %(hospital)s: the appointment stands as it was"),
    "hospital_appointment_expired": mark("Alert to %(hospital)s: the time was not confirmed"),
    "hospital_appointment_cancelled": mark("Alert to %(hospital)s: the appointment was cancelled"),
}
ENDED = {
    ("email", "accepted"): mark("accepted by the mail server"),
    ("webhook", "accepted"): mark("accepted by the hospital’s system"),
    ("email", "failed"): mark("not accepted by the mail server"),
    ("webhook", "failed"): mark("not accepted by the hospital’s system"),
    ("email", "uncertain"): mark("it is not certain whether the mail server accepted it"),
    ("email", "suppressed"): mark("not sent: this address was refused before"),
    ("webhook", "disabled"): mark("not sent: the hospital’s system is switched off"),
    ("email", "expired"): mark("not sent: it was too late for it"),
    ("webhook", "expired"): mark("not sent: it was too late for it"),
    ("email", "folded"): mark("sent together with another mail"),
}
WELL = {"accepted", "folded"}


def happenings(timeline: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The newest first: rows of {at, text, hospital, told, ending, well}."""
    return [row for row in map(_row, reversed(timeline)) if row is not None]


def _row(row: dict[str, Any]) -> dict[str, Any] | None:
    told = row["kind"] == "told"
    text = TOLD.get(row["about"]) if told else _happened(row)
    if text is None or ("%(hospital)s" in text and not row.get("hospital")):
        return None
    ending = ENDED.get((row["channel"], row["ending"])) if told else None
    return {
        "at": row["at"],
        "text": text,
        "hospital": row.get("hospital"),
        "told": told,
        "ending": ending,
        "well": row.get("ending") in WELL,
    }


def _happened(row: dict[str, Any]) -> str | None:
    known = (row["subject"], row["state"])
    return HAPPENED.get(known) if row["by"] == "patient" else BY_US.get(known, HAPPENED.get(known))
