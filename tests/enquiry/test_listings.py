"""Enquiry's own copy of the catalog: only what is newer replaces what is known, and nothing is taken before it was read once."""

from dataclasses import replace

from sqlalchemy import event, text

from services.enquiry import listings
from shared import db
from shared.events import Tombstone
from shared.events.catalog import HOSPITALS, PROCEDURES
from shared.events.notification import EndpointState
from tests.enquiry.conftest import PROCEDURE, hospital, procedure


def test_only_a_newer_state_replaces_what_is_known(house):
    one = hospital("fourth")
    with db.transaction(house.engine) as session:
        listings.on_hospital(session, replace(one, version=3, name="new"))
        listings.on_hospital(session, replace(one, version=2, name="old"))
        assert listings.hospitals_by_slug(session, ["fourth"])["fourth"].name == "new"


def test_the_days_of_a_hospital_without_a_zone_are_those_of_utc(house):
    with db.transaction(house.engine) as session:
        listings.on_hospital(session, hospital("fourth", zone=None))
        fourth = listings.hospitals_by_slug(session, ["fourth"])["fourth"].id
        assert listings.zone_of(session, house.hospitals["first"].id) == "Europe/Istanbul"
        assert listings.zone_of(session, fourth) == "UTC"
        listings.on_hospital(session, Tombstone(topic=HOSPITALS, id=fourth, version=5))
        assert listings.zone_of(session, fourth) == "UTC", "nor of one that is not listed any more"


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


def test_an_older_word_about_a_hospitals_endpoints_changes_nothing(house):
    first = house.hospitals["first"].id
    with db.transaction(house.engine) as session:
        listings.on_endpoint(session, EndpointState(id=first, version=5, email=False, webhook=False))
        listings.on_endpoint(session, EndpointState(id=first, version=4, email=True, webhook=True))
        assert listings.reachable_among(session, [first]) == set()


def test_enquiries_are_taken_only_after_the_catalog_was_read_once(house):
    with db.transaction(house.engine) as session:
        session.execute(text("UPDATE consumer_targets SET end_offset = 7"))
    response = house.post("/v1/enquiries", house.body())
    assert (response.status_code, response.json["type"]) == (503, "/problems/catalog-not-loaded")
    assert int(response.headers["Retry-After"]) > 0
    with db.transaction(house.engine) as session:
        session.execute(text("UPDATE consumer_targets SET end_offset = -1"))
    assert house.post("/v1/enquiries", house.body()).status_code == 201


def test_what_is_known_for_ever_is_asked_once(house):
    house.create()
    asked = []
    engine = house.app.extensions["passage"].engine
    event.listen(engine, "before_cursor_execute", lambda _connection, _cursor, statement, *_: asked.append(statement))
    house.create()
    assert not [statement for statement in asked if "consumer_targets" in statement]
