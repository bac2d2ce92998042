"""Nothing personal lies about in clear: not in a row, a log, a payload or a fact; and whoever is erased stays so."""

import base64
import logging

import pytest
from sqlalchemy import text

from services.notification.channels import Result
from services.notification.deliveries.claims import begin_attempts, claim_due
from services.notification.deliveries.settling import Outcome, Sent, settle
from services.notification.endpoints import new_secret
from shared import crypto
from shared.events import Tombstone, enquiry
from tests.notification import facts
from tests.notification.house import case, link
from tests.waiting import until

EMAIL, NAME, DESK, PERSON = "ann.quist@patients.test", "Ann Quist", "oncology.desk@hospital.test", "deniz.kaya@hospital.test"
PERSONAL = ("ann.quist", "Quist", "oncology.desk", "Oncology.Desk", "deniz.kaya")


def everything(house):
    """Every row of every table, as text, and every byte column also as the text it may be."""
    with house.transaction() as session:
        tables = session.scalars(
            text(
                "SELECT quote_ident(table_name) FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
            )
        ).all()
        rows = [value for table in tables for row in session.execute(text(f"SELECT * FROM {table}")) for value in row]
    return "\n".join(bytes(value).decode("latin-1") if isinstance(value, bytes | memoryview) else str(value) for value in rows)


@pytest.fixture
def lively(house, receiver):
    """Everything that is done for one patient, one hospital and one person of it, with all that can go wrong on the way."""
    patient, hospital = house.patient(EMAIL, name=NAME), house.hospital()
    house.endpoint(hospital, "email", DESK)
    house.endpoint(hospital, "webhook", receiver.url(), secret=new_secret())
    receiver.plans["/hook"] = [503]
    house.mail.plans[EMAIL] = [f"451 4.7.1 <{EMAIL}> greylisted", "drop"]
    house.mail.plans[DESK] = ["450 4.2.1 user Oncology.Desk: mailbox busy"]
    house.mail.plans[PERSON] = [f"550 5.1.1 {PERSON} no such user"]
    of, account = case(patient), case()
    house.account(PERSON, account_id=account.id)
    for fact in (
        facts.submitted(of),
        facts.opened(of, hospital),
        facts.sent(hospital, of),
        facts.lapsed(hospital, of),
        enquiry.AccountInvited(case=account, link=link("account")),
    ):
        house.hear(fact)
    return of


def test_nothing_personal_stands_in_clear_in_the_database(house, lively):
    house.work(lambda: "pending" not in house.states() and "sending" not in house.states())
    house.due_now()
    house.work(lambda: house.mail.to(EMAIL) and "sending" not in house.states())
    held = everything(house)
    assert "greylisted" in held
    assert "no such user" in held
    for one in PERSONAL:
        assert one not in held, one


def test_no_link_that_opens_anything_stands_in_the_database_or_the_log(house, caplog):
    fact = facts.submitted(case(house.patient(EMAIL)))
    with caplog.at_level(logging.DEBUG):
        house.hear(fact)
        house.work(lambda: house.mail.to(EMAIL))
        house.settled()
    token = crypto.link_token(
        base64.b64decode(house.settings.link_key), link_id=fact.verify.id, purpose="verify", expires_at=fact.verify.expires_at
    )
    assert token in house.mail.to(EMAIL)[0].get_body(("plain",)).get_content()
    assert token not in everything(house)
    assert token not in caplog.text


def test_nothing_personal_is_logged(house, lively, caplog):
    with caplog.at_level(logging.DEBUG):
        house.work(lambda: "pending" not in house.states() and "sending" not in house.states())
        house.due_now()
        house.work(lambda: house.mail.to(EMAIL) and "sending" not in house.states())
    assert "attempt" in caplog.text
    for one in PERSONAL:
        assert one not in caplog.text, one


def test_a_contact_that_cannot_be_opened_is_not_logged_and_its_mail_waits(house, caplog):
    patient, other = house.patient(EMAIL, name=NAME), house.patient("bea@patients.test")
    house.execute("UPDATE patients SET sealed = (SELECT sealed FROM patients WHERE id = :other) WHERE id = :id", other=other, id=patient)
    with caplog.at_level(logging.DEBUG):
        house.hear(facts.submitted(case(patient)))
        house.work(lambda: house.states() == ["waiting_contact"])
    assert EMAIL not in caplog.text
    assert "the address of a delivery cannot be opened" in caplog.text


def test_facts_told_to_others_hold_ids_and_states_only(house, lively):
    house.work(lambda: "pending" not in house.states() and "sending" not in house.states())
    with house.transaction() as session:
        told = "".join(
            f"{row.headers}{bytes(row.value or b'').decode()}" for row in session.execute(text("SELECT headers, value FROM outbox"))
        )
    assert "delivery.settled" in told
    for one in PERSONAL:
        assert one not in told, one


# -- erasure ------------------------------------------------------------------


def copies(house, patient):
    return house.execute("SELECT version, erased, wrapped_key, sealed FROM patients WHERE id = :id", id=patient).all()


def test_an_erased_patients_copy_is_wiped_and_a_late_record_does_not_bring_it_back(house):
    patient = house.patient(EMAIL)
    house.erase(patient, 2)
    assert copies(house, patient) == [(2, True, None, None)]
    for version in (1, 2, 3, 99):
        house.patient(EMAIL, patient_id=patient, version=version)
    assert copies(house, patient) == [(2, True, None, None)]


def test_an_erasure_that_comes_before_the_contact_is_kept(house):
    patient = crypto.new_id()
    house.erase(patient, 2)
    house.patient(EMAIL, patient_id=patient, version=1)
    assert copies(house, patient) == [(2, True, None, None)]


def test_an_older_contact_does_not_replace_a_newer_one(house):
    patient = house.patient("new@patients.test", version=5)
    house.patient("old@patients.test", patient_id=patient, version=4)
    house.hear(facts.submitted(case(patient)))
    house.work(lambda: house.mail.to("new@patients.test"))
    assert house.mail.to("old@patients.test") == []


def test_what_was_still_to_be_sent_to_an_erased_patient_is_not(house):
    of = case(house.patient(EMAIL))
    house.mail.plans[EMAIL] = ["451 later"]
    house.hear(facts.submitted(of))
    house.settled()
    house.erase(of.patient_id, 2)
    house.hear(facts.verification_requested(of))
    house.work(lambda: house.states() == ["suppressed", "suppressed"])
    assert house.mail.received == []


def test_no_reply_about_an_erased_patient_is_kept_not_even_one_that_comes_late(house):
    of = case(house.patient(EMAIL))
    house.mail.plans[EMAIL] = ["451 later, Ann"]
    house.hear(facts.submitted(of))
    house.settled()
    assert house.attempts()[0].reply == "later, Ann"
    house.due_now()
    with house.transaction() as session:
        (claimed,) = claim_due(session, channel="email", most=1)
        begin_attempts(session, [claimed])
    house.erase(of.patient_id, 2)
    with house.transaction() as session:
        settle(session, house.settings, [Outcome(claimed, Sent(Result.FAILED, 554, "no mail for Ann"))])
    assert [(one.result, one.reply) for one in house.attempts() if one.delivery_id == claimed.id] == [("temporary", None), ("failed", None)]


def test_an_erased_account_gets_nothing_and_nothing_said_about_it_is_kept(house):
    of = case()
    house.account(PERSON, account_id=of.id)
    house.mail.plans[PERSON] = ["451 later, Deniz"]
    house.hear(enquiry.AccountInvited(case=of, link=link("account")))
    house.settled()
    house.hear(Tombstone(topic=enquiry.ACCOUNTS, id=of.id, version=2))
    house.work(lambda: house.states() == ["suppressed"])
    assert [one.reply for one in house.attempts()] == [None]
    assert house.execute("SELECT erased, wrapped_key, sealed FROM accounts").all() == [(True, None, None)]


def test_a_mail_waiting_for_its_patient_while_the_loop_runs_is_settled_by_the_erasure(house):
    patient = crypto.new_id()
    house.hear(facts.submitted(case(patient)))
    with house.delivering():
        until(lambda: house.states() == ["waiting_contact"])
        house.erase(patient, 1)
        until(lambda: house.states() == ["suppressed"], what="the erasure to settle it")


def test_the_look_up_key_is_needed_to_find_a_refused_address(house, lively):
    house.work(lambda: house.scalar("SELECT address_hash FROM suppressions"))
    held = bytes(house.scalar("SELECT address_hash FROM suppressions"))
    assert held == crypto.lookup_hash(house.settings.lookup_key_bytes, PERSON)
    assert held != crypto.lookup_hash(b"\0" * 32, PERSON)
