"""A small run of `make proof`, so that it cannot rot; and that it would see a moment that was given twice."""

from datetime import timedelta

from sqlalchemy import text

from services.enquiry.settings import Settings
from shared import crypto, db
from tests.enquiry.conftest import MONDAY, House, MovableClock, secret_settings
from tests.proof.contests import storm, take_one
from tests.proof.town import BEGIN, Town

TAKERS = 24


def house_of(settings_for, database):
    return House(settings_for(Settings, database("enquiry"), **secret_settings()), MovableClock(MONDAY))


def test_of_many_who_take_one_slot_at_once_one_wins_and_the_others_are_told(settings_for, database):
    house = house_of(settings_for, database)
    result = take_one(Town.of(house, people=TAKERS), TAKERS)
    assert result.happened == {"held": 1, "refused: slot-taken": TAKERS - 1}
    assert not any(result.wrong.values()), result.wrong
    house.close()


def test_in_a_storm_no_moment_is_given_twice_and_no_deadlock_surfaces(settings_for, database):
    house = house_of(settings_for, database)
    result = storm(Town.of(house, people=12, doctors=2), seconds=4, threads=6, seed=7)
    assert not any(result.wrong.values()), result.wrong
    assert {"held", "asked for", "confirmed", "cancelled", "timers fired"} <= {name for name, count in result.happened.items() if count}
    house.close()


def test_a_moment_that_was_given_twice_would_be_seen(settings_for, database):
    house = house_of(settings_for, database)
    town = Town.of(house, people=1)
    with db.transaction(house.engine) as session:
        session.execute(text("ALTER TABLE slot_claims DROP CONSTRAINT slot_claims_no_double_booking"))
        for _ in range(2):
            values = {
                "id": crypto.new_id(),
                "doctor": town.doctors[0],
                "of": crypto.new_id(),
                "a": BEGIN,
                "b": BEGIN + timedelta(minutes=30),
            }
            session.execute(text("INSERT INTO slot_claims VALUES (:id, :doctor, :of, tstzrange(:a, :b), NULL)"), values)
    assert town.wrong()["moments with two live claims"] == 1
    assert town.wrong()["claims for good of nobody"] == 2
    house.close()
