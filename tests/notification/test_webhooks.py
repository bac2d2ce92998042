"""Webhooks as Standard Webhooks 1.0 has them, to public addresses only, within a time that is enforced."""

import gzip
import socket
import threading
import tracemalloc
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from services.notification import endpoints as registering
from services.notification.channels import REPLY_BYTES, Result
from services.notification.channels.deadlines import Watch
from services.notification.channels.webhook import REPLY_LIMIT, WebhookChannel
from services.notification.endpoints import new_secret
from shared import crypto
from shared.events.notification import DeliverySettled, Ending, EndpointState
from tests.notification import facts
from tests.notification.house import case
from tests.waiting import until

SECRET = new_secret()


@pytest.fixture
def hook(house, hospital, receiver):
    return house.endpoint(hospital, "webhook", receiver.url(), secret=SECRET)


@pytest.fixture
def watch():
    made = Watch()
    yield made
    made.close()


@pytest.fixture
def channel(watch):
    """Allowed to dial private addresses: the receiver has one."""
    made = WebhookChannel(watch, allow_private=True, seconds=0.4)
    yield made
    made.let_go(0)


def post(channel, url):
    return channel.send(url=url, secrets=[SECRET], unique=crypto.new_id(), body=b'{"type":"x"}')


def endpoint(house, endpoint_id):
    return house.execute("SELECT * FROM endpoints WHERE id = :id", id=endpoint_id).mappings().one()


def tried(house, attempts):
    house.due_now()
    house.work(lambda: house.only(recipient="hospital").attempts == attempts and house.only(recipient="hospital").state != "sending")


# -- what is sent -------------------------------------------------------------


def test_a_receiver_verifies_the_signature_with_the_secret_it_was_given(house, hospital, hook, receiver):
    house.hear(facts.sent(hospital))
    house.settled()
    (taken,) = receiver.at()
    assert Webhook(SECRET).verify(taken.body.decode(), taken.headers)["type"] == "invitation.sent"
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(taken.body.decode(), taken.headers)


def test_a_retry_keeps_the_id_and_has_a_new_timestamp_and_signature(house, hospital, hook, receiver):
    receiver.plans["/hook"] = [503]
    house.hear(facts.sent(hospital))
    house.settled()
    first = receiver.at()[0]
    sent_at = int(first.headers["webhook-timestamp"])
    until(lambda: int(datetime.now(UTC).timestamp()) > sent_at, what="the next second")
    tried(house, 2)
    again = receiver.at()[1]
    assert again.headers["webhook-id"] == first.headers["webhook-id"] == str(house.only().message_id)
    assert int(again.headers["webhook-timestamp"]) > int(first.headers["webhook-timestamp"])
    assert again.headers["webhook-signature"] != first.headers["webhook-signature"]
    assert again.body == first.body
    Webhook(SECRET).verify(again.body.decode(), again.headers)


def test_the_payload_is_thin_and_names_nobody(house, hospital, hook, receiver):
    patient = house.patient("ann@patients.test", name="Ann Lee")
    fact = facts.lapsed(hospital, case(patient))
    house.hear(fact)
    house.work(receiver.at)
    assert orjson.loads(receiver.at()[0].body) | {"timestamp": ""} == {
        "type": "invitation.lapsed",
        "timestamp": "",
        "data": {
            "hospital_id": str(hospital),
            "reference": facts.REFERENCE,
            "invitation_id": str(fact.invitation_id),
            "state": "lapsed",
            "link": f"https://passage.test/desk/invitations/{fact.invitation_id}",
        },
    }
    everything = receiver.at()[0].body + repr(receiver.at()[0].headers).encode()
    for secret in (b"Ann", b"patients.test", str(patient).encode(), str(fact.case_link.id).encode(), b"/l/case"):
        assert secret not in everything


def test_no_proxy_of_the_environment_stands_between_us_and_the_address_that_was_looked_up(channel, receiver, monkeypatch):
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert post(channel, receiver.url()).result is Result.ACCEPTED
    assert [one.path for one in receiver.taken] == ["/hook"]


@pytest.mark.parametrize(("age", "both"), [(timedelta(hours=23), True), (timedelta(hours=25), False)])
def test_for_24_hours_after_a_rotation_both_secrets_sign(house, hospital, hook, receiver, age, both):
    with house.transaction() as session:
        _, new = registering.rotate_secret(session, house.settings, endpoint_id=hook, hospital_id=hospital, version=1)
    house.execute("UPDATE endpoints SET previous_until = previous_until - :age", age=age)
    house.hear(facts.sent(hospital))
    house.settled()
    (taken,) = receiver.at()
    assert len(taken.headers["webhook-signature"].split()) == (2 if both else 1)
    Webhook(new).verify(taken.body.decode(), taken.headers)
    if both:
        Webhook(SECRET).verify(taken.body.decode(), taken.headers)


# -- what is answered ---------------------------------------------------------


@pytest.mark.parametrize("answer", [200, 204])
def test_2xx_is_accepted(house, hospital, hook, receiver, answer):
    receiver.plans["/hook"] = [(answer, {}, b"")]
    house.hear(facts.sent(hospital))
    house.settled()
    assert house.only().state == "accepted"
    assert house.attempts()[0].status == answer


@pytest.mark.parametrize("answer", [400, 500, 503, "break"])
def test_anything_else_is_tried_again_by_its_schedule(house, hospital, hook, receiver, answer):
    receiver.plans["/hook"] = [answer] * 2
    house.hear(facts.sent(hospital))
    for attempts, wait in enumerate(house.settings.webhook_schedule[:2], start=1):
        tried(house, attempts)
        assert house.only().state == "retrying"
        assert house.waits(house.only()) == pytest.approx(wait.total_seconds(), rel=0.22)
    tried(house, 3)
    assert house.only().state == "accepted"


def test_a_redirect_fails_and_is_not_followed(house, hospital, hook, receiver):
    receiver.plans["/hook"] = [(302, {"Location": receiver.url("/elsewhere")})]
    house.hear(facts.sent(hospital))
    house.settled()
    assert (house.only().state, house.attempts()[0].status) == ("retrying", 302)
    assert receiver.at("/elsewhere") == []


def test_of_a_redirects_reply_no_more_is_read_and_unzipped_than_of_any_other(channel, receiver):
    zipped = gzip.compress(bytes(64 * 1024 * 1024))
    receiver.plans["/hook"] = [(302, {"Location": "/elsewhere", "Content-Encoding": "gzip"}, zipped)]
    tracemalloc.start()
    sent = post(channel, receiver.url())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (sent.result, sent.status) == (Result.TEMPORARY, 302)
    assert most < 16 * 1024 * 1024


@pytest.mark.parametrize("answer", [429, 503])
def test_an_answer_that_names_a_later_time_is_obeyed(house, hospital, hook, receiver, answer):
    receiver.plans["/hook"] = [(answer, {"Retry-After": "7200"})]
    house.hear(facts.sent(hospital))
    house.settled()
    assert house.waits(house.only()) == pytest.approx(7200, abs=2)


def test_a_later_time_may_be_a_date(house, hospital, hook, receiver):
    at = datetime.now(UTC) + timedelta(hours=3)
    receiver.plans["/hook"] = [(503, {"Retry-After": at.strftime("%a, %d %b %Y %H:%M:%S GMT")})]
    house.hear(facts.sent(hospital))
    house.settled()
    assert abs(house.only().due_at - at) < timedelta(seconds=3)


@pytest.mark.parametrize("named", ["-5", "soon", "999999999999999999999", "Tue, 99 Foo 2026", f"Tue, 1 Dec 2026 09:00:00 +{'9' * 30}"])
def test_a_later_time_that_makes_no_sense_is_at_most_a_day(house, hospital, hook, receiver, named):
    receiver.plans["/hook"] = [(503, {"Retry-After": named})]
    house.hear(facts.sent(hospital))
    house.settled()
    assert (house.only().state, house.attempts()[0].status) == ("retrying", 503)  # their answer, no fault of ours
    assert house.waits(house.only()) <= 86_402


def test_an_endpoint_that_says_it_is_gone_is_disabled_at_once(house, hospital, hook, receiver):
    receiver.plans["/hook"] = [410]
    house.hear(facts.sent(hospital))
    house.work(lambda: house.only(recipient="hospital").state == "disabled")
    assert endpoint(house, hook)["disabled_because"] == "it answered 410 Gone"
    assert house.said(DeliverySettled)[0].ending is Ending.DISABLED
    assert house.said(EndpointState)[-1].webhook is False
    assert house.scalar("SELECT kind FROM tasks") == "endpoint_disabled"
    house.hear(facts.sent(hospital))
    assert len(receiver.at()) == 1


def test_the_beginning_of_a_reply_is_kept_and_no_more(house, hospital, hook, receiver):
    receiver.plans["/hook"] = [(200, {}, b"a\x00b\xff" + b"z" * 10_000)]
    house.hear(facts.sent(hospital))
    house.settled()
    reply = house.attempts()[0].reply
    assert reply.startswith("a\ufffdb\ufffdzzz")
    assert len(reply) == REPLY_BYTES


def test_of_a_reply_without_end_no_more_is_read_than_the_limit(channel, receiver):
    receiver.plans["/hook"] = ["endless"]
    sent = post(channel, receiver.url())
    assert (sent.result, sent.status) == (Result.ACCEPTED, 200)
    receiver.ended.set()
    assert receiver.sent < 500 * REPLY_LIMIT  # of 1 GB: what was read, and what the sockets of both sides hold


@pytest.mark.parametrize("plan", ["hang", "drip_head", "drip_body"])
def test_an_answer_that_is_not_complete_within_the_time_allowed_is_no_answer(channel, receiver, plan):
    receiver.plans["/hook"] = [plan]
    sent = post(channel, receiver.url())
    assert (sent.result, sent.reply) == (Result.TEMPORARY, "took too long")
    receiver.let_go.set()
    assert post(channel, receiver.url()).result is Result.ACCEPTED


def test_an_endpoint_where_nobody_listens_is_tried_again(channel):
    assert post(channel, "http://127.0.0.1:9/hook").result is Result.TEMPORARY


# -- where nothing is sent ----------------------------------------------------

PRIVATE = (
    "127.0.0.1", "127.1", "2130706433", "0177.0.0.1", "0x7f000001", "localhost", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1",
    "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[::]", "[fd00::1]", "[fe80::1]", "[64:ff9b::7f00:1]", "224.0.0.1",
    "[fec0::1]", "[::127.0.0.1]", "[::ffff:0:127.0.0.1]", "[2002:7f00:1::]", "[ff0e::1]",
)  # fmt: skip


@pytest.mark.parametrize("host", PRIVATE)
def test_a_private_address_is_refused_however_it_is_written(watch, host):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        sent = post(WebhookChannel(watch, allow_private=False, seconds=5), f"https://{host}:{listener.getsockname()[1]}/hook")
        assert sent.result is not Result.ACCEPTED
        assert sent.reply == "refused: the name leads to a private address"
        with pytest.raises(BlockingIOError):
            listener.accept()  # nobody has dialled


def test_a_name_server_that_says_nothing_takes_no_more_than_the_time_of_the_attempt(watch, monkeypatch):
    """getaddrinfo cannot be interrupted: it is left to itself."""
    let_go, given_up = threading.Event(), threading.Event()

    def silent(*_, **__):
        given_up.set() if let_go.wait(60) else None
        raise socket.gaierror("no answer")

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    sent = post(WebhookChannel(watch, allow_private=False, seconds=0.3), "https://hospital.example/hook")
    assert (sent.result, sent.reply, given_up.is_set()) == (Result.TEMPORARY, "took too long", False)
    let_go.set()
    until(given_up.is_set)


def test_a_name_in_any_script_is_looked_up_as_a_labels(watch, monkeypatch):
    asked = []

    def nowhere(host, *_, **__):
        asked.append(host)
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    post(WebhookChannel(watch, allow_private=False, seconds=5), "https://hastane.bücher.example/hook")
    assert asked == ["hastane.xn--bcher-kva.example"]


def test_http_is_refused_where_it_is_not_allowed(watch, receiver):
    sent = post(WebhookChannel(watch, allow_private=False, seconds=5), receiver.url())
    assert sent.reply == "refused: only https is allowed"
    assert receiver.connections == 0


@pytest.mark.parametrize(
    "url", ["https://", "https://..", "https://[bad/", "https://host:99999/", "ftp://host/", "https://" + "a" * 300 + "/"]
)
def test_an_address_that_is_none_is_an_attempt_that_failed_and_no_crash(channel, url):
    assert post(channel, url).result in {Result.TEMPORARY, Result.FAILED}
