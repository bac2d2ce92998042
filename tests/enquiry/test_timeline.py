"""The timeline tells the patient what happened and who was told: states and reason codes, never the words of an audit."""

from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.enquiry import resends, tellings
from shared import crypto, db, outbox, web
from shared.events import Case
from shared.events.notification import Channel, DeliverySettled, Ending, OutcomeRecorded, Recipient

WORDS = "same text to forty hospitals"


def timeline(house, reference):
    return house.get(f"/v1/enquiries/{reference}", token=house.issue("ops")).json["timeline"]


def history(house, *columns):
    with db.transaction(house.engine) as session:
        return [tuple(row) for row in session.execute(text(f"SELECT {', '.join(columns)} FROM history ORDER BY at, id"))]


def test_what_operations_write_for_the_audit_stays_in_the_audit(house):
    reference = house.opened("first")
    body = {"reason": "spam", "because": WORDS}
    assert house.post(f"/v1/enquiries/{reference}/reject", body, token=house.issue("ops")).status_code == 200
    shown = timeline(house, reference)
    assert WORDS not in str(shown)
    assert [(row["state"], row["reason"]) for row in shown[-2:]] == [("rejected", "spam"), ("revoked", "enquiry_ended")]
    assert ("rejected", WORDS) in history(house, "state", "because")


def test_a_mail_to_the_person_of_an_account_is_in_no_timeline(house):
    account = Case(id=crypto.new_id(), version=1)
    fact = DeliverySettled(
        case=account, delivery_id=crypto.new_id(), event_id=crypto.new_id(), recipient=Recipient.ACCOUNT, channel=Channel.EMAIL, template="sign_in",
        ending=Ending.ACCEPTED, at=house.clock(),
    )  # fmt: skip
    with db.transaction(house.engine) as session:
        tellings.on_delivery_settled(session, fact, None)
        assert session.scalar(text("SELECT count(*) FROM tellings")) == 0


def test_an_enquiry_that_a_client_sends_is_sent_on_behalf_of_its_patient(house):
    house.post("/v1/enquiries", house.body("first"), token=house.issue("client"))
    assert history(house, "act", "actor_kind", "on_behalf_of")[0] == ("open", "client", "patient")


def test_a_case_is_tagged_weakly_because_its_timeline_grows_under_one_revision(house):
    reference = house.opened("first")
    token = house.patient_token()
    shown = house.get(f"/v1/enquiries/{reference}", token=token)
    assert shown.headers["ETag"] == f'W/"{shown.json["revision"]}"'
    headers = {"Authorization": f"Bearer {token}", "If-Match": shown.headers["ETag"]}
    assert house.client.post(f"/v1/enquiries/{reference}/withdraw", json={}, headers=headers).status_code == 200


def test_a_snapshot_sees_one_moment_and_writes_nothing(house):
    count = text("SELECT count(*) FROM resends")
    with house.app.test_request_context(), web.snapshot() as session:
        assert session.scalar(count) == 0
        with db.transaction(house.engine) as other:
            resends.ask(other, purpose="case", email_hash=b"", now=house.clock())
        assert session.scalar(count) == 0
        with pytest.raises(DBAPIError, match="read-only"):
            session.execute(text("DELETE FROM resends"))


def settled(house, *, delivery_id, ending, after):
    with db.transaction(house.engine) as session:
        case_id = session.scalar(text("SELECT id FROM enquiries"))
        fact = DeliverySettled(
            case=Case(id=case_id, version=1), delivery_id=delivery_id, event_id=crypto.new_id(), recipient=Recipient.HOSPITAL, channel=Channel.EMAIL,
            template="invitation_sent", ending=ending, at=house.clock() + timedelta(seconds=after), hospital_id=house.hospitals["first"].id,
        )  # fmt: skip
        tellings.on_delivery_settled(session, fact, None)


def test_the_timeline_shows_who_was_told_and_the_newest_end_of_each_delivery(house):
    reference = house.opened("first")
    delivery = crypto.new_id()
    settled(house, delivery_id=delivery, ending=Ending.UNCERTAIN, after=1)
    settled(house, delivery_id=delivery, ending=Ending.ACCEPTED, after=2)
    settled(house, delivery_id=delivery, ending=Ending.UNCERTAIN, after=1)
    told = [row for row in house.get(f"/v1/enquiries/{reference}", token=house.patient_token()).json["timeline"] if row["kind"] == "told"]
    assert [(row["recipient"], row["hospital"], row["channel"], row["ending"]) for row in told] == [
        ("hospital", "first", "email", "accepted")
    ]


def test_an_outcome_accounts_for_its_fact(house):
    house.create()
    with db.transaction(house.engine) as session:
        ids = session.scalars(text("SELECT event_id FROM outbox_awaiting")).all()
        assert outbox.unaccounted(session, older_than=0) == len(ids) == 2
        for event_id in ids:
            tellings.on_outcome_recorded(
                session, OutcomeRecorded(case=Case(id=crypto.new_id(), version=1), event_id=event_id, planned=0), None
            )
        assert outbox.unaccounted(session, older_than=0) == 0
