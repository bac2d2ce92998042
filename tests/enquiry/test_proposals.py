"""Which hospitals are proposed, and how many."""

from dataclasses import replace

from services.enquiry import listings
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


def test_an_older_word_about_a_hospitals_endpoints_changes_nothing(house):
    first = house.hospitals["first"].id
    with db.transaction(house.engine) as session:
        listings.on_endpoint(session, EndpointState(id=first, version=5, email=False, webhook=False))
        listings.on_endpoint(session, EndpointState(id=first, version=4, email=True, webhook=True))
        assert listings.reachable_among(session, [first]) == set()
