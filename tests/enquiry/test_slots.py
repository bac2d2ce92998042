"""When somebody of a hospital can be met, and that a moment is given once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from sqlalchemy import select

from services.enquiry import slots
from services.enquiry.clocks import Calendar
from services.enquiry.slots import SlotClaim
from shared import crypto, db
from shared.problems import Conflict, Invalid

WEEK = [{"weekday": day, "opens": "09:00", "closes": "12:00"} for day in range(1, 6)]
TUESDAY = datetime(2026, 12, 1, 6, 0, tzinfo=UTC)  # 09:00 in Istanbul


def doctor(house, *, name="first", **changes):
    body = {"kind": "doctor", "name": "Dr. Deniz Kaya", "hours": WEEK, "lead_minutes": 60, **changes}
    made = house.post("/v1/resources", body, token=house.hospital_token(name))
    assert made.status_code == 201, made.json
    return made.json


def days(house, name="first", **query):
    asked = {"from": "2026-12-01", "days": 2, "zone": "Europe/Istanbul", **query}
    answer = house.client.get(f"/v1/hospitals/{name}/slots", query_string=asked)
    assert answer.status_code == 200, answer.json
    return {one["day"]: [slot["start"] for slot in one["slots"]] for one in answer.json["days"]}


def take(house, resource, start=TUESDAY, *, appointment=None, hold=timedelta(minutes=10)):
    with db.transaction(house.engine) as session:
        calendar = Calendar.of(house.hospitals["first"])
        claim = slots.claim(
            session, resource_id=resource["id"], appointment_id=appointment or crypto.new_id(), start=start, hold_for=hold, hospital=calendar, clock=house.clock
        )  # fmt: skip
        return claim.id


def test_slots_follow_the_hours_in_the_zone_of_whoever_asks(house):
    doctor(house)
    assert days(house)["2026-12-01"] == [f"2026-12-01T{at}:00+03:00" for at in ("09:00", "09:30", "10:00", "10:30", "11:00", "11:30")]
    assert days(house, zone="Africa/Lagos")["2026-12-01"][0] == "2026-12-01T07:00:00+01:00"


def test_an_exception_takes_a_days_place_and_the_lead_time_is_kept(house):
    doctor(house, exceptions=[{"day": "2026-12-01", "spans": []}, {"day": "2026-12-05", "spans": [{"opens": "10:00", "closes": "11:00"}]}])
    found = days(house, days=7)
    assert "2026-12-01" not in found
    assert len(found["2026-12-05"]) == 2  # a Saturday
    house.clock.now = datetime(2026, 12, 2, 7, 0, tzinfo=UTC)  # 10:00 in Istanbul: an hour ahead is 11:00
    assert days(house, **{"from": "2026-12-02"})["2026-12-02"] == ["2026-12-02T11:00:00+03:00", "2026-12-02T11:30:00+03:00"]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"hours": [*WEEK, {"weekday": 1, "opens": "11:00", "closes": "13:00"}]}, "/hours"),
        ({"hours": [{"weekday": 1, "opens": "11:00", "closes": "09:00"}]}, "/hours/0/closes"),
        ({"hours": [{"weekday": 8, "opens": "09:00", "closes": "10:00"}]}, "/hours/0/weekday"),
        ({"exceptions": [{"day": "2026-12-01", "spans": []}] * 2}, "/exceptions"),
        ({"slot_minutes": 0}, "/slot_minutes"),
        ({"name": "a\nb"}, "/name"),
    ],
)
def test_hours_that_cannot_be_are_refused_by_their_place(house, changes, pointer):
    body = {"kind": "doctor", "name": "Dr. Deniz Kaya", "hours": WEEK, **changes}
    refused = house.post("/v1/resources", body, token=house.hospital_token("first"))
    assert refused.status_code == 422
    assert pointer in [one["pointer"].removeprefix("#") for one in refused.json["errors"]]


def test_a_hospital_changes_its_own_resources_only(house):
    made, token = doctor(house), house.hospital_token("first")
    body = {"kind": "doctor", "name": "Dr. Deniz Kaya", "hours": []}
    path = f"/v1/resources/{made['id']}"

    def put(**headers):
        return house.client.put(path, json=body, headers=headers)

    assert put(Authorization=f"Bearer {house.hospital_token('second')}", **{"If-Match": '"1"'}).status_code == 404
    assert put(Authorization=f"Bearer {token}").status_code == 428
    assert put(Authorization=f"Bearer {token}", **{"If-Match": '"7"'}).status_code == 412
    assert put(Authorization=f"Bearer {token}", **{"If-Match": '"1"'}).json["revision"] == 2
    assert days(house) == {}


def test_a_slot_that_is_taken_is_offered_no_more_until_its_time_is_over(house):
    one = doctor(house)
    take(house, one)
    assert days(house)["2026-12-01"][0] == "2026-12-01T09:30:00+03:00"
    with pytest.raises(Conflict) as refused:
        take(house, one)
    assert refused.value.slug == "slot-taken"
    assert refused.value.detail["next"][0]["start"] == "2026-12-01T06:30:00+00:00"
    house.clock.pass_(minutes=10)
    assert days(house)["2026-12-01"][0] == "2026-12-01T09:00:00+03:00"
    take(house, one)


def test_the_buffer_behind_an_appointment_is_kept_free(house):
    one = doctor(house, buffer_minutes=15)
    take(house, one)
    assert days(house)["2026-12-01"][0] == "2026-12-01T10:00:00+03:00"


def test_only_a_slot_can_be_taken(house):
    one = doctor(house)
    for start in (TUESDAY + timedelta(minutes=7), TUESDAY - timedelta(hours=3), datetime(2026, 11, 23, 7, 30, tzinfo=UTC)):
        with pytest.raises(Invalid):
            take(house, one, start)


def test_an_appointment_moves_over_its_own_old_slot(house):
    one, appointment = doctor(house, slot_minutes=60), crypto.new_id()
    take(house, one, appointment=appointment, hold=None)
    house.client.put(f"/v1/resources/{one['id']}", json={"kind": "doctor", "name": "Dr. Deniz Kaya", "hours": WEEK, "slot_minutes": 30, "lead_minutes": 60}, headers={"Authorization": f"Bearer {house.hospital_token('first')}", "If-Match": '"1"'})  # fmt: skip
    take(house, one, TUESDAY + timedelta(minutes=30), appointment=appointment, hold=None)
    with pytest.raises(Conflict):
        take(house, one, TUESDAY + timedelta(minutes=30))


def test_of_many_who_take_one_slot_at_once_one_has_it(house):
    one, takers = doctor(house), 24
    engine = db.engine(house.settings.database_url, name="takers", pool=takers)
    together = Barrier(takers)

    def grab(_):
        together.wait()
        try:
            with db.transaction(engine) as session:
                slots.claim(session, resource_id=one["id"], appointment_id=crypto.new_id(), start=TUESDAY, hold_for=timedelta(minutes=10), hospital=Calendar.of(house.hospitals["first"]), clock=house.clock)  # fmt: skip
        except Conflict as refused:
            return refused.slug
        return "taken"

    with ThreadPoolExecutor(takers) as pool:
        outcomes = list(pool.map(grab, range(takers)))
    engine.dispose()
    assert sorted(outcomes) == ["slot-taken"] * (takers - 1) + ["taken"]
    with db.transaction(house.engine) as session:
        assert len(session.scalars(select(SlotClaim)).all()) == 1
