"""Which fact tells whom, and when nobody."""

from datetime import UTC, datetime, timedelta

import pytest

from services.notification import alerts
from services.notification.told import TOLD
from shared import crypto
from shared.events import Envelope, enquiry, erasure, invitation
from shared.events.notification import DeliverySettled, Ending, OutcomeRecorded
from tests.notification import facts
from tests.notification.appointments import APPOINTMENTS
from tests.notification.house import OPS, case, link
from tests.notification.quotes import QUOTES

P, A = ("patient", "email"), ("account", "email")
H = [("hospital", "email"), ("hospital", "webhook")]
O = ("operations", "email")  # noqa: E741

# the brief of the table: fact -> whom it tells, by which letter


def step(erasure_id):
    return {"reference": "R", "erasure_id": erasure_id}


CASES = (
    APPOINTMENTS
    | QUOTES
    | {
        "enquiry.submitted": (lambda c, _: facts.submitted(c), [(*P, "verify_address")]),
        "enquiry.verification_requested": (lambda c, _: facts.verification_requested(c), [(*P, "verify_address")]),
        "enquiry.opened": (facts.opened, [(*P, "enquiry_opened")]),
        "enquiry.link_requested": (lambda c, _: facts.link_requested(c), [(*P, "case_link")]),
        "enquiry.unattended": (lambda c, _: enquiry.EnquiryUnattended(case=c, reference="R"), [(*O, "task")]),
        "enquiry.rejected": (lambda c, _: facts.rejected(c), [(*P, "enquiry_rejected")]),
        "enquiry.rejected unverified": (lambda c, _: facts.rejected(c, verified=False), []),
        "enquiry.withdrawn": (lambda c, _: enquiry.EnquiryWithdrawn(case=c, reference="R", verified=True), [(*P, "enquiry_withdrawn")]),
        "enquiry.withdrawn unverified": (lambda c, _: enquiry.EnquiryWithdrawn(case=c, reference="R", verified=False), []),
        "enquiry.unfulfilled": (lambda c, _: facts.unfulfilled(c), [(*P, "enquiry_unfulfilled"), (*O, "task")]),
        "assistance.asked": (lambda c, _: enquiry.AssistanceAsked(case=c, reference="R"), [(*O, "task")]),
        "assistance.closed": (lambda c, _: enquiry.AssistanceClosed(case=c, reference="R"), []),
        "consent.given": (
            lambda c, h: enquiry.ConsentGiven(case=c, consent_id=h, hospital_id=h, purpose="health_data", text_version=1, sha256="0"),
            [],
        ),
        "invitation.sent": (lambda c, h: facts.sent(h, c), [(*one, "invitation_sent") for one in H]),
        "invitation.viewed": (lambda c, h: invitation.InvitationViewed(case=c, invitation_id=h, hospital_id=h), []),
        "invitation.reminded": (lambda c, h: facts.reminded(h, c), [(*one, "invitation_reminded") for one in H]),
        "invitation.overdue": (lambda c, h: facts.about(invitation.InvitationOverdue, h, c), [(*O, "task")]),
        "invitation.alternatives_offered": (lambda c, h: facts.alternatives(h, c), [(*P, "alternatives_offered")]),
        "invitation.lapsed": (
            lambda c, h: facts.lapsed(h, c),
            [*((*one, "invitation_lapsed") for one in H), (*P, "hospital_silent"), (*O, "task")],
        ),
        "invitation.declined": (
            lambda c, h: invitation.InvitationDeclined(case=c, invitation_id=h, hospital_id=h, reason=invitation.DeclineReason.NO_CAPACITY),
            [],
        ),
        "invitation.revoked": (
            lambda c, h: facts.about(invitation.InvitationRevoked, h, c),
            [(*one, "invitation_revoked") for one in H],
        ),
        "erasure.requested": (lambda c, h: erasure.ErasureRequested(case=c, link=link("erase"), **step(h)), [(*P, "erasure_requested")]),
        "erasure.verified": (lambda c, h: erasure.ErasureVerified(case=c, **step(h)), []),
        "erasure.started": (lambda c, h: erasure.ErasureStarted(case=c, **step(h)), []),
        "patient.erased": (lambda c, h: erasure.PatientErased(case=c, erasure_id=h, enquiry_id=h, erased_version=2), []),
        "erasure.overdue": (lambda c, h: erasure.ErasureOverdue(case=c, missing=["notification"], **step(h)), [(*O, "task")]),
        "erasure.done": (lambda c, h: erasure.ErasureDone(case=c, contact_id=h, **step(h)), [(*P, "erasure_done")]),
        "erasure.done without an address": (lambda c, h: erasure.ErasureDone(case=c, contact_id=None, **step(h)), []),
        "account.invited": (lambda c, _: enquiry.AccountInvited(case=c, link=link("account")), [(*A, "account_invited")]),
        "account.sign_in_requested": (lambda c, _: enquiry.SignInRequested(case=c, link=link("sign_in", minutes=15)), [(*A, "sign_in")]),
    }
)


@pytest.fixture
def hospital(house):
    hospital_id = house.hospital()
    house.endpoint(hospital_id, "email", "desk@hospital.test")
    house.endpoint(hospital_id, "webhook", "http://127.0.0.1:9/hook", secret="whsec_" + "QUFB" * 10)
    return hospital_id


def reached(house):
    return sorted((row.recipient, row.channel, row.template) for row in house.deliveries())


def outcomes(house):
    return [(one.event_id, one.planned) for one in house.said(OutcomeRecorded)]


@pytest.mark.parametrize("name", CASES)
def test_a_fact_tells_exactly_whom_the_table_says_and_is_answered_with_how_many(house, hospital, name):
    make, told = CASES[name]
    event_id = house.hear(make(case(house.patient()), hospital))
    assert reached(house) == sorted(told)
    assert outcomes(house) == [(event_id, len(told))]


def test_no_line_of_the_table_is_left_out_here(house, hospital):
    assert {type(make(case(), crypto.new_id())) for make, _ in CASES.values()} == set(TOLD)


def test_other_hospitals_hear_nothing_of_an_invitation(house, hospital):
    other = house.hospital()
    endpoint = house.endpoint(other, "email", "other@hospital.test")
    house.hear(facts.sent(hospital))
    assert house.deliveries(endpoint_id=endpoint) == []
    assert {row.recipient_id for row in house.deliveries()} == {hospital}


def test_a_hospital_without_endpoints_is_said_to_operations_instead(house):
    event_id = house.hear(facts.sent(house.hospital()))
    assert reached(house) == [(*O, "task")]
    assert house.scalar("SELECT kind FROM tasks") == "hospital_unreachable"
    assert outcomes(house) == [(event_id, 1)]


def test_operations_are_told_by_a_row_on_the_work_list_and_a_mail(house, hospital):
    of = case(house.patient())
    house.hear(facts.about(invitation.InvitationOverdue, hospital, of))
    assert house.execute("SELECT kind, case_id, hospital_id FROM tasks").all() == [("invitation_overdue", of.id, hospital)]
    house.work(lambda: house.mail.to(OPS), what="a mail to operations")


def test_a_fact_heard_twice_is_told_once(house, hospital):
    fact, event_id = facts.lapsed(hospital, case(house.patient())), crypto.new_id()
    for _ in range(2):
        house.hear(fact, event_id=event_id)
    assert len(house.deliveries()) == 4
    assert outcomes(house) == [(event_id, 4)]
    assert house.scalar("SELECT count(*) FROM tasks") == 1


def test_a_fact_for_the_patient_that_names_none_is_parked_and_stops_nobody(house):
    house.hear(facts.submitted(case(None)), parks=True)
    assert house.deliveries() == []
    assert outcomes(house) == []


# -- too late -----------------------------------------------------------------


def test_a_fact_more_than_a_day_old_tells_nobody_and_is_kept(house, hospital):
    event_id = house.hear(facts.lapsed(hospital, case(house.patient())), at=datetime.now(UTC) - timedelta(hours=24, seconds=5))
    assert house.deliveries() == []
    assert outcomes(house) == [(event_id, 0)]
    assert house.execute("SELECT event_id, type FROM withheld").all() == [(event_id, "invitation.lapsed.v1")]


def test_a_consumer_whose_clock_is_a_day_ahead_withholds_nothing(house):
    fact = facts.submitted(case(house.patient()))
    envelope = Envelope(id=crypto.new_id(), event=fact, key=str(fact.case.id), version=1, sequence=0, occurred_at=datetime.now(UTC))
    with house.transaction() as session:
        alerts.handlers(lambda: datetime.now(UTC) + timedelta(hours=25), house.settings)[type(fact)](session, fact, envelope)
    assert reached(house) == [(*P, "verify_address")]


def test_a_fact_not_yet_a_day_old_is_told(house):
    house.hear(facts.submitted(case(house.patient())), at=datetime.now(UTC) - timedelta(hours=23, minutes=59))
    assert reached(house) == [(*P, "verify_address")]


def test_an_old_fact_that_would_tell_nobody_is_not_withheld(house):
    house.hear(enquiry.AssistanceClosed(case=case(house.patient()), reference="R"), at=datetime.now(UTC) - timedelta(days=3))
    assert house.scalar("SELECT count(*) FROM withheld") == 0


def test_a_withheld_fact_that_is_released_tells_whom_it_would_have_told(house, hospital):
    of = case(house.patient())
    event_id = house.hear(facts.lapsed(hospital, of), at=datetime.now(UTC) - timedelta(days=2))
    with house.transaction() as session:
        assert alerts.release_withheld(session, house.settings, event_id=event_id, actor="test", because="the broker was away") == 4
    assert len(reached(house)) == 4
    assert {(row.event_id, row.case_id) for row in house.deliveries()} == {(event_id, of.id)}
    assert outcomes(house) == [(event_id, 0)]


# -- order across topics ------------------------------------------------------


def test_an_alert_whose_hospital_is_not_known_yet_waits_and_goes_when_it_comes(house):
    hospital_id = crypto.new_id()
    house.endpoint(hospital_id, "email", "desk@hospital.test")
    house.hear(facts.sent(hospital_id))
    house.work(lambda: house.states() == ["waiting_contact"])
    assert house.mail.received == []
    house.hospital(hospital_id=hospital_id)
    house.work(lambda: house.states() == ["accepted"])
    assert len(house.mail.to("desk@hospital.test")) == 1


def test_a_mail_to_an_account_that_is_not_known_yet_waits_and_goes_when_it_comes(house):
    of = case()
    house.hear(enquiry.AccountInvited(case=of, link=link("account")))
    house.work(lambda: house.states() == ["waiting_contact"])
    house.account("deniz@hospital.test", account_id=of.id)
    house.work(lambda: house.states() == ["accepted"])
    assert len(house.mail.to("deniz@hospital.test")) == 1


def test_a_contact_that_is_missing_for_over_a_minute_is_said_in_the_log(house, caplog):
    house.hear(facts.submitted(case(crypto.new_id())))
    house.work(lambda: house.states() == ["waiting_contact"], sweep=True)
    said = "deliveries wait for a contact or hospital that has not arrived"
    assert said not in caplog.text
    house.execute("UPDATE deliveries SET created_at = created_at - interval '61 seconds'")
    house.work(lambda: said in caplog.text, sweep=True)


# -- folding ------------------------------------------------------------------


def test_the_first_mail_of_a_case_goes_at_once_the_second_is_held_and_the_third_joins_the_second(house, hospital):
    of = case(house.patient())
    house.hear(facts.opened(of, hospital))
    assert house.states() == ["pending"]
    second, third = house.hear(facts.alternatives(hospital, of)), house.hear(facts.unfulfilled(of))
    first_row, second_row, third_row = house.deliveries(recipient="patient")
    assert [first_row.state, second_row.state, third_row.state] == ["pending", "held", "folded"]
    assert second_row.event_id == second
    assert third_row.folded_into == second_row.id
    assert timedelta(seconds=119) < second_row.due_at - first_row.created_at <= timedelta(seconds=121)
    settled = house.said(DeliverySettled)
    assert [(one.event_id, one.ending) for one in settled] == [(third, Ending.FOLDED)]


def test_what_was_folded_is_read_in_the_one_mail_that_follows(house, hospital):
    of = case(house.patient())
    for fact in (facts.opened(of, hospital), facts.alternatives(hospital, of), facts.unfulfilled(of)):
        house.hear(fact)
    house.work(lambda: len(house.mail.to("ann@patients.test")) == 1)
    house.due_now()
    house.work(lambda: len(house.mail.to("ann@patients.test")) == 2)
    digest = house.mail.to("ann@patients.test")[1]
    assert digest["Subject"] == f"News about your enquiry {facts.REFERENCE}"
    house.work(lambda: sorted(house.states(recipient="patient")) == ["accepted", "accepted", "folded"])


def test_mails_of_another_case_are_not_folded_into_this_one(house, hospital):
    patient = house.patient()
    house.hear(facts.opened(case(patient), hospital))
    house.hear(facts.opened(case(patient), hospital))
    assert house.states() == ["pending", "pending"]


def test_a_verification_never_waits(house, hospital):
    of = case(house.patient())
    house.hear(facts.opened(of, hospital))
    house.hear(facts.verification_requested(of))
    house.hear(facts.verification_requested(of))
    assert house.states() == ["pending"] * 3


def test_alerts_to_a_hospital_never_wait(house, hospital):
    of = case(house.patient())
    house.hear(facts.sent(hospital, of))
    house.hear(facts.reminded(hospital, of))
    assert house.states() == ["pending"] * 4


def test_a_mail_two_minutes_after_the_last_goes_at_once(house, hospital):
    of = case(house.patient())
    house.hear(facts.opened(of, hospital))
    house.execute("UPDATE deliveries SET created_at = created_at - interval '121 seconds'")
    house.hear(facts.alternatives(hospital, of))
    assert house.states() == ["pending", "pending"]
