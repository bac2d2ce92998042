"""Which hospitals are proposed, how many, and with what reasons."""

from dataclasses import replace

from services.enquiry import listings, proposals
from shared import db
from shared.events.notification import EndpointState
from tests.enquiry.conftest import PROCEDURE, hospital, procedure


def test_at_most_five_hospitals_are_proposed_the_first_of_the_catalog_first(house):
    many = [hospital(f"hospital-{n}") for n in range(7)]
    with db.transaction(house.engine) as session:
        known = listings.find_procedure(session, PROCEDURE)
        for one in many:
            listings.on_hospital(session, one)
            listings.on_endpoint(session, EndpointState(id=one.id, version=1, email=True, webhook=False))
        listings.on_procedure(session, replace(procedure(many), id=known.id, version=2))
    found = house.get(f"/v1/proposals?procedure={PROCEDURE}&destination=TR").json
    assert [one["hospital"] for one in found] == [f"hospital-{n}" for n in range(5)]


def test_proposals_name_whom_can_be_asked_and_reached_with_reasons(house):
    with db.transaction(house.engine) as session:
        listings.on_endpoint(session, EndpointState(id=house.hospitals["second"].id, version=2, email=False, webhook=False))
        listings.on_hospital(session, replace(house.hospitals["third"], version=2, languages=["tr", "ar"], accreditations=["jci"]))
        found = proposals.propose(session, procedure=PROCEDURE, destination="TR", language="ar", now=house.clock())
    assert [one["hospital"] for one in found] == ["third", "first"]
    assert [reason["code"] for reason in found[0]["reasons"]] == ["speaks_language", "ranked", "accredited"]
    assert house.get(f"/v1/proposals?procedure={PROCEDURE}&destination=TR").json[0]["sample"] is True
