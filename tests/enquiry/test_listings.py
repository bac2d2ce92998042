"""What enquiry makes of what it hears: its copy of the catalog, ways to reach hospitals, and who was told."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import text

from services.enquiry import listings, proposals, tellings
from shared import crypto, db, outbox
from shared.events import Case, Tombstone
from shared.events.catalog import HOSPITALS, PROCEDURES
from shared.events.notification import Channel, DeliverySettled, Ending, EndpointState, OutcomeRecorded, Recipient
from tests.enquiry.conftest import PROCEDURE, hospital, procedure


def test_only_a_newer_state_replaces_what_is_known(house):
    one = hospital("fourth")
    with db.transaction(house.engine) as session:
        listings.on_hospital(session, replace(one, version=3, name="new"))
        listings.on_hospital(session, replace(one, version=2, name="old"))
        assert listings.hospitals_by_slug(session, ["fourth"])["fourth"].name == "new"


def test_what_was_withdrawn_is_not_brought_back_by_a_late_record(house):
    one = house.hospitals["first"]
    with db.transaction(house.engine) as session:
        listings.on_hospital(session, Tombstone(topic=HOSPITALS, id=one.id, version=5))
        listings.on_hospital(session, replace(one, version=4))
        assert listings.hospitals_by_slug(session, ["first"]) == {}
    assert house.post("/v1/enquiries", house.body("first")).json["type"] == "/problems/hospital-not-asked"


def test_a_procedure_that_was_withdrawn_takes_no_enquiries(house):
    with db.transaction(house.engine) as session:
        known = listings.find_procedure(session, PROCEDURE)
        listings.on_procedure(session, Tombstone(topic=PROCEDURES, id=known.id, version=9))
        listings.on_procedure(session, procedure([]))
    assert house.post("/v1/enquiries", house.body("first")).status_code == 422


def test_proposals_name_whom_can_be_asked_and_reached_with_reasons(house):
    with db.transaction(house.engine) as session:
        listings.on_endpoint(session, EndpointState(id=house.hospitals["second"].id, version=2, email=False, webhook=False))
        listings.on_hospital(session, replace(house.hospitals["third"], version=2, languages=["tr", "ar"], accreditations=["jci"]))
        found = proposals.propose(session, procedure=PROCEDURE, destination="TR", language="ar", now=house.clock())
    assert [one["hospital"] for one in found] == ["third", "first"]
    assert [reason["code"] for reason in found[0]["reasons"]] == ["speaks_language", "ranked", "accredited"]
    assert house.get(f"/v1/proposals?procedure={PROCEDURE}&destination=TR").json[0]["sample"] is True


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
