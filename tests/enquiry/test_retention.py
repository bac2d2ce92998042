"""Persons go when their time is over, as if they had asked for it; what is younger stays."""

import threading

from sqlalchemy import text

from services.enquiry.retention import RULES
from shared import db
from shared.retention import run, sweep
from tests.enquiry.test_erasures import ask, confirm, rows, turn
from tests.waiting import running, until


def pass_over(house, **span):
    house.clock.pass_(**span)
    return sweep(house.engine, house.settings, RULES, now=house.clock())


def withdraw(house, reference):
    token = house.patient_token()
    revision = house.get(f"/v1/enquiries/{reference}", token=token).json["revision"]
    assert house.post(f"/v1/enquiries/{reference}/withdraw", token=token, if_match=revision).status_code == 200


def test_a_person_is_erased_a_year_after_the_end_of_the_case_and_no_receipt_is_kept_ready(house):
    reference = house.opened()
    withdraw(house, reference)
    assert pass_over(house, days=364)["persons"] == 0
    assert pass_over(house, days=2)["persons"] == 1
    assert turn(house)
    (erasure,), (patient,) = rows(house, "erasures"), rows(house, "patients")
    assert (erasure["state"], erasure["sealed_contact"], erasure["requested_by"]) == ("running", None, "system:retention")
    assert patient["wrapped_key"] is None
    assert pass_over(house, days=1)["persons"] == 0


def test_a_case_that_lives_keeps_its_person(house):
    house.opened()
    assert pass_over(house, days=400)["persons"] == 0
    assert rows(house, "patients")[0]["wrapped_key"] is not None


def test_somebody_who_never_proved_the_address_is_erased_after_thirty_days(house):
    house.create()
    house.clock.pass_(hours=73)
    house.fire()
    assert pass_over(house, days=29)["unverified_persons"] == 0
    assert pass_over(house, days=2)["unverified_persons"] == 1
    assert turn(house)


def test_an_erasure_nobody_confirmed_is_forgotten_and_one_under_way_is_not(house):
    first, second = house.opened(), house.opened()
    token = house.issue("ops")
    ask(house, first, token=token, body={"because": "asked for by letter"})
    ask(house, second, token=token, body={"because": "asked for by letter"})
    confirm(house)
    assert pass_over(house, days=31)["erasure_requests"] == 1
    (left,) = rows(house, "erasures")
    assert left["state"] == "verified"


def test_a_person_who_asked_and_never_confirmed_goes_when_the_time_is_over_all_the_same(house):
    reference = house.opened()
    withdraw(house, reference)
    house.clock.pass_(days=350)
    ask(house, reference, token=house.issue("ops"), body={"because": "asked for by letter"})
    assert pass_over(house, days=16)["persons"] == 1
    assert turn(house)


def test_a_deactivated_partners_person_leaves_an_id_and_nothing_else(house):
    token = house.issue("ops")
    made = house.post("/v1/accounts", {"kind": "ops", "email": "olga@passage.example", "name": "Olga"}, token=token).json
    house.client.delete(f"/v1/accounts/{made['id']}", headers={"Authorization": f"Bearer {token}"})
    house.post(f"/v1/accounts/{made['id']}/deactivate", token=token)
    with db.transaction(house.engine) as session:
        session.execute(text("UPDATE accounts SET deactivated_at = coalesce(deactivated_at, :now)"), {"now": house.clock()})
    assert pass_over(house, days=31)["accounts"] == 1
    (account,) = rows(house, "accounts")
    assert {account[name] for name in ("email_hash", "wrapped_key", "sealed_contact", "sealed_totp")} == {None}


def test_links_sessions_and_answers_go_when_they_are_long_over(house):
    house.opened()
    house.patient_token()
    changed = pass_over(house, days=61)
    assert (changed["sessions"], changed["idempotency_keys"]) == (1, 1)
    assert changed["links"] == 2
    assert rows(house, "sessions") == rows(house, "idempotency_keys") == rows(house, "links") == []


def test_the_loop_makes_a_pass_by_itself(house):
    house.create()
    house.clock.pass_(days=8)

    def loop(stop: threading.Event, beat):
        run(house.engine, house.settings, RULES, house.clock, stop=stop, beat=beat)

    with running(loop):
        until(lambda: rows(house, "idempotency_keys") == [], what="a pass")
