"""What a mail server answers, and what becomes of the mail: tried again by schedule, refused for good, never written to again."""

import dataclasses
import socket
import threading
from datetime import timedelta

import pytest

from services.notification.channels import Result
from services.notification.channels.deadlines import Watch
from services.notification.channels.smtp import MAILS, EmailChannel
from services.notification.mails.messages import in_ascii
from services.notification.settings import EMAIL, WEBHOOK
from tests.notification import facts
from tests.notification.house import OPS, case
from tests.waiting import until

ANN = "ann@patients.test"
DESK = "desk@hospital.test"


def around(wait):
    return pytest.approx(wait.total_seconds(), rel=0.22)


def test_a_mail_refused_for_now_is_tried_again_by_its_schedule(house, verification):
    house.mail.plans[ANN] = ["451 4.7.1 greylisted"] * 2
    for number, wait in enumerate(EMAIL[:2], start=1):
        house.work(lambda number=number: (house.only().state, house.only().attempts) == ("retrying", number))
        assert house.waits(house.only()) == around(wait)
        house.due_now()
    house.work(lambda: house.states() == ["accepted"])
    assert len(house.mail.to(ANN)) == 1
    assert [(one.result, one.status) for one in house.attempts()] == [("temporary", 451), ("temporary", 451), ("accepted", 250)]


def test_the_sum_of_each_schedule_is_what_its_comment_promises():
    assert sum(WEBHOOK, timedelta(0)) == timedelta(hours=75, minutes=35, seconds=5)
    assert sum(EMAIL, timedelta(0)) == timedelta(hours=41, minutes=21, seconds=10)


def test_the_pace_of_the_settings_shortens_every_wait(house, verification):
    house.settings = dataclasses.replace(house.settings, retry_pace=0.1)
    house.mail.plans[ANN] = ["451 4.7.1 greylisted"]
    house.work(lambda: house.states() == ["retrying"])
    assert house.waits(house.only()) == around(EMAIL[0] / 10)


def test_after_the_last_attempt_of_its_schedule_a_mail_has_failed_and_operations_are_told(house, bad_news):
    house.mail.plans[ANN] = ["451 later"]
    house.execute("UPDATE deliveries SET attempts = :made", made=len(EMAIL))
    house.work(lambda: house.only(template="enquiry_rejected").state == "failed")
    assert house.only(template="enquiry_rejected").reason == "schedule-exhausted"
    assert house.scalar("SELECT kind FROM tasks") == "delivery_failed"
    house.work(lambda: house.mail.to(OPS))


@pytest.mark.parametrize("reply", ["552 5.2.2 mailbox full for good", "data 554 5.7.1 looks like spam", "550 5.7.1 not from you"])
def test_a_mail_refused_for_good_has_failed_and_is_not_tried_again(house, verification, reply):
    house.mail.plans[ANN] = [reply]
    house.settled()
    assert (house.only().state, house.only().attempts) == ("failed", 1)
    assert house.scalar("SELECT count(*) FROM suppressions") == 0


def test_an_address_refused_for_good_gets_no_more_mail_until_it_is_corrected(house, verification):
    house.mail.plans[ANN] = ["550 5.1.1 no such user"]
    house.settled()
    assert (house.only().state, house.only().reason) == ("failed", "address-refused")
    house.hear(facts.verification_requested(verification))
    house.work(lambda: house.states() == ["failed", "suppressed"])
    assert house.mail.received == []
    house.patient("ann.lee@patients.test", patient_id=verification.patient_id, version=2)
    house.hear(facts.verification_requested(verification))
    house.work(lambda: house.states() == ["failed", "suppressed", "accepted"])
    assert len(house.mail.to("ann.lee@patients.test")) == 1


def test_a_refused_address_is_kept_as_a_keyed_hash_whatever_its_case(house, verification):
    house.mail.plans[ANN] = ["550 5.1.1 no such user"]
    house.settled()
    house.patient("ANN@Patients.Test", patient_id=verification.patient_id, version=2)
    house.hear(facts.verification_requested(verification))
    house.work(lambda: house.states() == ["failed", "suppressed"])
    assert len(house.scalar("SELECT address_hash FROM suppressions")) == 32


def test_a_refused_address_of_a_hospital_disables_its_endpoint_and_tells_operations(house, hospital):
    endpoint = house.endpoint(hospital, "email", DESK)
    house.mail.plans[DESK] = ["550 5.1.1 no such user"]
    house.hear(facts.sent(hospital))
    house.work(lambda: house.scalar("SELECT kind FROM tasks") == "endpoint_disabled")
    assert (
        house.execute("SELECT disabled_because FROM endpoints WHERE id = :id", id=endpoint).scalar()
        == "the mail server refuses the address"
    )


def test_a_mail_server_that_says_nothing_is_given_up_after_the_time_allowed(mail):
    mail.plans[ANN] = ["hang"]
    watch = Watch()
    channel = EmailChannel(mail.url, watch, sender="no-reply@passage.test", seconds=0.3)
    sent = channel.send(to=ANN, message=b"Subject: x\r\n\r\nx\r\n")
    assert (sent.result, sent.reply) == (Result.TEMPORARY, "took too long")
    assert channel.send(to=ANN, message=b"Subject: x\r\n\r\nx\r\n").result is Result.ACCEPTED
    channel.close()
    watch.close()


def test_a_mail_server_that_says_nothing_after_the_final_dot_may_have_taken_the_mail(mail):
    mail.plans[ANN] = ["hang_at_dot"]
    watch = Watch()
    channel = EmailChannel(mail.url, watch, sender="no-reply@passage.test", seconds=0.3)
    assert channel.send(to=ANN, message=b"Subject: x\r\n\r\nx\r\n").result is Result.UNCERTAIN
    channel.close()
    watch.close()


def test_a_mail_server_that_cannot_be_reached_is_tried_again(house, verification):
    house.settings = dataclasses.replace(house.settings, smtp_url="smtp://127.0.0.1:9")
    house.settled()
    assert house.only().state == "retrying"


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("ayşe@hastane.test", "ayşe@hastane.test"),  # only SMTPUTF8 can carry it
        ("ayse@bücher.test", "ayse@xn--bcher-kva.test"),
        ("Ayse@xn--bcher-kva.test", "Ayse@xn--bcher-kva.test"),
        ("ayse@a..bücher.test", "ayse@a..bücher.test"),  # no name at all: as it was given, for the server to refuse
    ],
)
def test_a_domain_in_any_script_is_written_as_a_labels_where_that_is_enough(address, written):
    assert in_ascii(address) == written


def test_a_mail_server_without_smtputf8_gets_a_mail_to_a_domain_in_any_script(house):
    house.hear(facts.submitted(case(house.patient("ann@bücher.test"))))
    house.work(lambda: house.states() == ["accepted"])
    (mail,) = house.mail.to("ann@xn--bcher-kva.test")
    assert mail["To"] == "ann@xn--bcher-kva.test"


def test_a_mail_server_whose_name_is_never_found_is_given_up_after_the_time_allowed(mail, monkeypatch):
    let_go, given_up = threading.Event(), threading.Event()

    def silent(*_, **__):
        given_up.set() if let_go.wait(60) else None
        raise socket.gaierror("no answer")

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    watch = Watch()
    channel = EmailChannel("smtp://mail.example:25", watch, sender="no-reply@passage.test", seconds=0.3)
    sent = channel.send(to=ANN, message=b"")
    assert (sent.result, sent.reply, given_up.is_set()) == (Result.TEMPORARY, "took too long", False)
    let_go.set()
    until(given_up.is_set)
    watch.close()


def test_one_connection_carries_many_mails(house, verification):
    house.settings = dataclasses.replace(house.settings, smtp_connections=1)
    for _ in range(4):
        house.hear(facts.verification_requested(verification))
    house.work(lambda: house.states() == ["accepted"] * 5)
    assert house.mail.connections == 1


def test_after_as_many_mails_as_servers_take_over_one_connection_another_is_opened(mail):
    watch = Watch()
    channel = EmailChannel(mail.url, watch, sender="no-reply@passage.test", seconds=30)
    results = {channel.send(to=ANN, message=b"Subject: x\r\n\r\nx\r\n").result for _ in range(MAILS + 1)}
    assert (results, mail.connections) == ({Result.ACCEPTED}, 2)
    channel.close()
    watch.close()
