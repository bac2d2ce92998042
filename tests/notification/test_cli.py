"""`python -m services.notification`, as an operator types it, on a real database."""

import getpass
from datetime import UTC, datetime, timedelta

import pytest

from services.notification import backlog
from services.notification.endpoints import new_secret
from shared import crypto
from shared.events import enquiry
from tests.notification import facts
from tests.notification.house import case

WHY = ["--because", "asked by the hospital"]


@pytest.fixture
def hospital(house, receiver):
    hospital_id = house.hospital()
    house.endpoint(hospital_id, "webhook", receiver.url(), secret=new_secret())
    return hospital_id


@pytest.fixture
def parked(house):
    of = case(house.patient())
    with house.broken():
        house.hear(facts.submitted(of), parks=True)
    return str(of.id)


def audited(house):
    return [tuple(row) for row in house.execute("SELECT actor, act, subject, because FROM audit ORDER BY at")]


def kept(act, subject):
    return (f"cli:{getpass.getuser()}", act, subject, "asked by the hospital")


def test_nothing_to_show_is_said_in_a_sentence(command):
    for name, sentence in {
        "parked": "no key is parked",
        "letters": "no dead letters",
        "deliveries": "no such deliveries",
        "holds": "nothing is held",
        "tasks": "nothing to do",
        "withheld": "nothing is withheld",
    }.items():
        assert command(name).strip() == sentence


def test_the_backlog_is_shown(house, command, hospital):
    house.hear(facts.sent(hospital))
    lines = [line.split() for line in command("backlog").splitlines()]
    assert lines[0] == ["channel", "state", "count", "oldest"]
    assert lines[1][:3] == ["webhook", "pending", "1"]
    assert lines[-1][:3] == ["kafka", "outbox", "2"]


def test_a_parked_key_is_shown_and_replayed(house, command, parked):
    assert parked in command("parked")
    assert "enquiry.submitted.v1" in command("letters")
    assert command("replay", "enquiry.events", parked, *WHY).strip() == "1 handled, the key goes on"
    assert command("parked").strip() == "no key is parked"
    assert house.states() == ["pending"]
    assert audited(house) == [kept("parked.replay", f"enquiry.events {parked}")]


def test_a_replay_that_fails_again_says_so_and_changes_nothing(house, command, parked):
    with house.broken():
        said = command("replay", "enquiry.events", parked, *WHY, code=1)
    assert "nothing was changed" in said
    assert parked in command("parked")
    assert audited(house) == []


def test_a_letter_is_dropped(house, command, parked):
    letter = str(house.scalar("SELECT id FROM dead_letters"))
    command("drop", letter, *WHY)
    assert command("letters").strip() == "no dead letters"
    assert audited(house) == [kept("letter.drop", letter)]


def test_a_letter_is_shown_without_its_contents(house, command, parked):
    letter = house.execute("SELECT id, value FROM dead_letters").one()
    shown = dict(line.split(maxsplit=1) for line in command("letter", str(letter.id)).splitlines())
    assert (shown["id"], shown["key"], shown["type"], shown["state"]) == (str(letter.id), parked, "enquiry.submitted.v1", "waiting")
    assert int(shown["bytes"]) == len(letter.value)
    assert "UndefinedTable" in shown["reason"]
    assert facts.REFERENCE not in str(shown)
    assert "There is nothing here" in command("letter", "4711", code=1)


def test_a_delivery_is_shown_with_its_attempts_and_what_was_answered(house, command, hospital, receiver):
    receiver.plans["/hook"] = [(500, {}, b"out of order")]
    house.hear(facts.sent(hospital))
    (row,) = house.settled()
    house.due_now()
    house.work(lambda: house.states() == ["accepted"])
    said = command("delivery", str(row.id))
    shown = dict(line.split(maxsplit=1) for line in said.splitlines()[:17])
    assert (shown["id"], shown["template"], shown["state"], shown["decided_at"]) == (str(row.id), "invitation_sent", "accepted", "-")
    first, second = said.splitlines()[-2:]
    assert (first.split()[0], second.split()[0]) == ("1", "2")
    assert "500" in first
    assert "out of order" in first


def test_an_uncertain_mail_is_left_or_sent_again_and_waits_for_no_decision_any_more(house, command):
    for name in ("ann", "ben"):
        house.mail.plans[f"{name}@patients.test"] = ["drop"]
        house.hear(facts.rejected(case(house.patient(f"{name}@patients.test"))))
    house.work(lambda: house.states(template="enquiry_rejected") == ["uncertain"] * 2)
    first, second = (str(row.id) for row in house.deliveries(template="enquiry_rejected"))
    assert undecided(house) == 2
    assert command("leave", first, *WHY).strip() == "left as it is"
    assert undecided(house) == 1
    (listed,) = command("deliveries", "--undecided").splitlines()[1:]
    assert listed.startswith(second)
    command("resend", second, *WHY)
    assert undecided(house) == 0
    assert command("deliveries", "--undecided").strip() == "no such deliveries"
    for one in (first, second):
        command("leave", one, *WHY, code=1)
    assert house.states(template="enquiry_rejected")[:2] == ["uncertain"] * 2
    assert audited(house) == [kept("delivery.leave", first), kept("delivery.resend", second)]


def undecided(house):
    """As /metrics says it."""
    with house.transaction() as session:
        backlog.measure(session)
    return backlog.uncertain._value.get()


def test_deliveries_are_shown_by_state_and_resent(house, command, hospital):
    house.hear(facts.sent(hospital))
    (row,) = house.settled()
    assert str(row.id) in command("deliveries", "--state", "accepted", "--state", "failed")
    assert command("deliveries", "--state", "failed").strip() == "no such deliveries"
    again = command("resend", str(row.id), *WHY).strip()
    assert [str(one.id) for one in house.deliveries()] == [str(row.id), again]
    assert audited(house) == [kept("delivery.resend", str(row.id))]


def test_what_cannot_be_sent_again_is_said_and_not_audited(house, command, hospital):
    house.hear(facts.sent(hospital))
    said = command("resend", str(house.deliveries()[0].id), *WHY, code=1)
    assert "cannot be sent again" in said
    assert "There is nothing here" in command("resend", str(crypto.new_id()), *WHY, code=1)
    assert audited(house) == []


def test_a_hold_is_made_shown_and_released(house, command, hospital, receiver):
    assert command("hold", "hospital", str(hospital), *WHY).strip() == f"hospital {hospital} is held"
    assert "asked by the hospital" in command("holds")
    command("hold", "hospital", str(hospital), *WHY, code=1)
    command("release", "hospital", str(hospital), *WHY)
    assert command("holds").strip() == "nothing is held"
    command("release", "hospital", str(hospital), *WHY, code=1)
    assert audited(house) == [kept("hold", f"hospital {hospital}"), kept("release", f"hospital {hospital}")]


def test_a_hold_of_what_there_is_not_is_refused(command):
    command("hold", "channel", "fax", *WHY, code=1)
    command("hold", "house", "x", *WHY, code=2)


def test_tasks_are_shown_and_done(house, command):
    house.hear(enquiry.EnquiryUnattended(case=case(), reference=facts.REFERENCE))
    task = str(house.scalar("SELECT id FROM tasks"))
    assert facts.REFERENCE in command("tasks")
    command("done", task, *WHY)
    assert command("tasks").strip() == "nothing to do"
    assert audited(house) == [kept("task.done", task)]


def test_a_withheld_fact_is_shown_and_released(house, command):
    event_id = str(house.hear(facts.submitted(case(house.patient())), at=datetime.now(UTC) - timedelta(days=2)))
    assert event_id in command("withheld")
    assert command("release-withheld", event_id, *WHY).strip() == "1 deliveries planned"
    assert house.states() == ["pending"]
    assert audited(house) == [kept("withheld.release", event_id)]


def test_an_endpoint_is_added_for_a_hospital_and_its_secret_is_shown_once(house, command, receiver):
    hospital = house.hospital()
    said = command("endpoint-add", str(hospital), "webhook", receiver.url(), *WHY)
    secret = next(word for word in said.split() if word.startswith("whsec_"))
    command("endpoint-add", str(hospital), "email", "desk@hospital.example", *WHY)
    added = house.execute("SELECT id, kind FROM endpoints ORDER BY id").all()
    assert [row.kind for row in added] == ["webhook", "email"]
    assert audited(house) == [kept("endpoint.add", str(row.id)) for row in added]
    assert secret not in command("deliveries")
    trusted = command("endpoint-add", str(hospital), "email", "second@hospital.example", "--trusted", *WHY).strip()
    proved = {str(row.id) for row in house.execute("SELECT id FROM endpoints WHERE proved_at IS NOT NULL AND kind = 'email'")}
    assert proved == {trusted}
    assert audited(house)[-1] == kept("endpoint.trust", trusted)
    for kind, place in (("webhook", "ftp://x/"), ("email", "nobody"), ("webhook", "https://[::1/")):
        command("endpoint-add", str(hospital), kind, place, *WHY, code=1)
    assert house.scalar("SELECT count(*) FROM endpoints") == 3


def test_a_refused_address_gets_mail_again_when_an_operator_lifts_it(house, command):
    of = case(house.patient("ann@patients.test"))
    house.mail.plans["ann@patients.test"] = ["550 5.1.1 no such user"]
    house.hear(facts.submitted(of))
    house.settled()
    assert "ann" not in command("lift", *WHY, stdin="ann@patients.test\n").replace("Address: ann@patients.test", "")
    house.hear(facts.verification_requested(of))
    house.work(lambda: house.mail.to("ann@patients.test"))
    ((_, act, subject, _),) = audited(house)
    assert act == "suppression.lift"
    assert "ann" not in subject
    command("lift", *WHY, stdin="ann@patients.test\n", code=1)


def test_every_act_takes_a_reason(command):
    acts = {
        "replay": ["enquiry.events", "k"], "drop": ["1"], "resend": [str(crypto.new_id())], "hold": ["channel", "email"],
        "release": ["channel", "email"], "release-withheld": [str(crypto.new_id())], "done": [str(crypto.new_id())],
        "leave": [str(crypto.new_id())],
        "endpoint-add": [str(crypto.new_id()), "email", "desk@hospital.example"], "lift": ["--address", "a@patients.test"],
    }  # fmt: skip
    for name, arguments in acts.items():
        assert "--because" in command(name, *arguments, code=2), name


def test_a_faulty_environment_is_told_with_every_fault_at_once(command):
    said = command("backlog", code=2, SMTP_URL="ftp://x", LINK_KEY="short", SITE_URL="passage.test/")
    for name in ("SMTP_URL", "LINK_KEY", "SITE_URL"):
        assert name in said
