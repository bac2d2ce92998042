"""One fact of each kind, all of one case with one hospital."""

from datetime import UTC, datetime, timedelta

from shared import crypto
from shared.events import enquiry
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
    return enquiry.InvitationSent(
        case=of or case(), reference=REFERENCE, invitation_id=crypto.new_id(), hospital_id=hospital, answer_due=datetime.now(UTC) + timedelta(days=1)
    )  # fmt: skip


def reminded(hospital, of):
    return enquiry.InvitationReminded(case=of, reference=REFERENCE, invitation_id=crypto.new_id(), hospital_id=hospital, answer_due=DUE)


def lapsed(hospital, of):
    return enquiry.InvitationLapsed(
        case=of, reference=REFERENCE, invitation_id=crypto.new_id(), hospital_id=hospital, case_link=link(days=30)
    )


def alternatives(hospital, of):
    return enquiry.AlternativesOffered(
        case=of, reference=REFERENCE, invitation_id=crypto.new_id(), hospital_id=hospital, case_link=link(days=30)
    )


def about(kind, hospital, of):
    """Facts of an invitation that name reference, invitation and hospital only."""
    return kind(case=of, reference=REFERENCE, invitation_id=crypto.new_id(), hospital_id=hospital)
