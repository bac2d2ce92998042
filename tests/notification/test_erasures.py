"""Somebody is erased: what this service keeps of them goes, it answers, and what comes late stays out."""

import threading

from sqlalchemy import text

from services.notification.app import hearing
from services.notification.channels import Result, Sent
from services.notification.deliveries.claims import begin_attempts, claim_due
from services.notification.deliveries.settling import Outcome, settle
from shared import crypto
from shared.bus import Batch
from shared.events import erasure
from shared.events.notification import OutcomeRecorded, PatientForgotten
from shared.inbox.receive import receive
from tests.notification import facts
from tests.notification.house import case, link
from tests.waiting import until

EMAIL = "ann@patients.test"
WAITS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def erased(patient_id, enquiry_id, *, version=2, said=1):
    return erasure.PatientErased(
        case=case(patient_id, case_id=patient_id, version=said), erasure_id=crypto.new_id(), enquiry_id=enquiry_id, erased_version=version
    )


def test_everything_kept_of_the_patient_goes_and_enquiry_is_answered(house):
    patient = house.patient(EMAIL)
    of = case(patient)
    house.mail.plans[EMAIL] = [f"550 5.1.1 {EMAIL} no such user"]
    house.hear(facts.submitted(of))
    house.work(lambda: house.scalar("SELECT count(*) FROM suppressions"))
    fact = erased(patient, of.id)
    event_id = house.hear(fact)
    assert house.execute("SELECT wrapped_key, sealed, erased, version FROM patients").all() == [(None, None, True, 2)]
    assert house.scalar("SELECT count(*) FROM suppressions") == 0
    assert [one.reply for one in house.attempts()] == [None]
    assert "verify" not in house.only().params
    (answer,) = house.said(PatientForgotten)
    assert (answer.consumer, answer.erasure_id, answer.erased_version) == ("notification", fact.erasure_id, 2)
    assert (event_id, 0) in [(one.event_id, one.planned) for one in house.said(OutcomeRecorded)]


def test_a_reply_that_comes_while_the_patient_is_being_erased_is_not_kept(house):
    """Whoever settles has begun before the erasure is committed, and so does not see it."""
    of = case(house.patient(EMAIL))
    house.hear(facts.submitted(of))
    with house.transaction() as session:
        claimed = claim_due(session, channel="email", most=1)
        begin_attempts(session, claimed)

    def settles():
        with house.transaction() as session:
            settle(session, house.settings, [Outcome(claimed[0], Sent(Result.ACCEPTED, 250, "queued for Ann Lee"))])

    record, settling = house.incoming(erased(of.patient_id, of.id)), threading.Thread(target=settles)
    with house.transaction() as session:
        receive(session, hearing(house.settings), Batch(record.topic, 0, [record]))
        settling.start()
        until(lambda: house.scalar(WAITS), what="one who waits")
    settling.join(60)
    assert house.states() == ["accepted"]
    assert [one.reply for one in house.attempts()] == [None]


def test_a_fact_that_is_heard_after_the_erasure_leaves_no_link(house):
    """A parked key, say: between the facts of a case and the erasure of its patient there is no order."""
    of = case(house.patient(EMAIL))
    house.hear(erased(of.patient_id, of.id))
    house.hear(facts.submitted(of))
    house.work(lambda: house.states() == ["suppressed"])
    assert "verify" not in house.only().params


def test_it_answers_each_time_it_is_told(house):
    patient = house.patient(EMAIL)
    of = case(patient)
    for said in (1, 2):
        house.hear(erased(patient, of.id, said=said))
    assert len(house.said(PatientForgotten)) == 2


def test_a_contact_that_comes_late_is_refused_also_by_one_who_never_knew_the_patient(house):
    patient = crypto.new_id()
    house.hear(erased(patient, crypto.new_id()))
    house.patient(EMAIL, patient_id=patient, version=1)
    house.patient(EMAIL, patient_id=patient, version=9)
    assert house.execute("SELECT sealed, erased FROM patients WHERE id = :id", id=patient).all() == [(None, True)]


def test_facts_that_wait_under_the_key_of_the_case_are_still_heard(house):
    of = case(house.patient(EMAIL))
    with house.transaction() as session:
        session.execute(
            text("INSERT INTO parked_keys VALUES ('notification', 'enquiry.events', :key, 'a broken release')"),
            {"key": str(of.id).encode()},
        )
    house.receive([house.incoming(facts.submitted(of))], parks=True)
    with house.transaction() as session:
        record = house.incoming(erased(of.patient_id, of.id))
        receive(session, hearing(house.settings), Batch(record.topic, 0, [record]))
    assert house.execute("SELECT state FROM dead_letters").all() == [("waiting",)]
    assert house.scalar("SELECT count(*) FROM parked_keys") == 1


def test_letters_that_wait_under_the_patients_key_hold_nothing_any_more(house):
    patient = crypto.new_id()
    of = case(patient)
    with house.transaction() as session:
        for at, key in enumerate((patient,)):
            session.execute(
                text("INSERT INTO parked_keys VALUES ('notification', 'enquiry.patients', :key, 'unreadable')"), {"key": str(key).encode()}
            )
            session.execute(
                text(
                    """INSERT INTO dead_letters (consumer, topic, partition, "offset", key, headers, value, reason)
                    VALUES ('notification', 'enquiry.patients', 0, :at, :key, '{"ce_type": "00"}', 'Ann Lee', 'unreadable')"""
                ),
                {"key": str(key).encode(), "at": at},
            )
    house.hear(erased(patient, of.id))
    assert house.execute("SELECT value, headers, state FROM dead_letters").all() == [(None, {}, "dropped")]
    assert house.scalar("SELECT count(*) FROM parked_keys") == 0


def test_the_receipt_goes_to_the_address_kept_for_it_and_is_the_last_that_does(house):
    patient, contact = house.patient(EMAIL), crypto.new_id()
    of = case(patient)
    house.hear(erased(patient, of.id))
    house.hear(erasure.ErasureDone(case=of, reference=facts.REFERENCE, erasure_id=contact, contact_id=contact))
    house.patient(EMAIL, patient_id=contact)  # it may come after the fact
    house.work(lambda: house.mail.to(EMAIL), what="a receipt")
    (mail,) = house.mail.to(EMAIL)
    assert "has been erased" in mail["Subject"]
    house.work(lambda: house.states() == ["accepted"])
    house.erase(contact, 2)
    assert house.scalar("SELECT count(*) FROM patients WHERE sealed IS NOT NULL OR wrapped_key IS NOT NULL") == 0
    house.hear(erasure.ErasureRequested(case=of, reference=facts.REFERENCE, erasure_id=contact, link=link("erase")))
    house.work(lambda: sorted(house.states()) == ["accepted", "suppressed"])
