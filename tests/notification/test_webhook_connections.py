"""Connections to webhooks are kept for the next delivery to the same place, and only while that is harmless."""

import socket

import pytest
from requests_hardened.ip_filter import InvalidIPAddress

from services.notification.channels import Result
from services.notification.channels.connections import MOST, POSTS, Connection, Kept, Place
from services.notification.channels.deadlines import Watch
from services.notification.channels.webhook import WebhookChannel
from services.notification.endpoints import new_secret
from shared import crypto


@pytest.fixture
def channel():
    watch = Watch()
    made = WebhookChannel(watch, allow_private=True, seconds=5)
    yield made
    made.let_go(0)
    watch.close()


def post(channel, url):
    return channel.send(url=url, secrets=[new_secret()], unique=crypto.new_id(), body=b"{}")


def test_one_connection_takes_many_webhooks_and_then_the_name_is_looked_up_again(channel, receiver):
    for number in range(POSTS + 1):
        assert post(channel, receiver.url(f"/hook/{number}")).result is Result.ACCEPTED
    assert (len(receiver.taken), receiver.connections) == (POSTS + 1, 2)


@pytest.mark.parametrize("plan", ["shut", "break", (200, {"Connection": "close"}), (200, {}, b"x" * 70_000)])
def test_what_was_shut_or_not_read_to_its_end_is_not_used_again(channel, receiver, plan):
    receiver.plans["/hook"] = [plan]
    post(channel, receiver.url())
    assert post(channel, receiver.url()).result is Result.ACCEPTED
    assert (len(receiver.taken), receiver.connections) == (2, 2)


def test_a_kept_connection_that_breaks_is_opened_anew_and_the_receiver_sees_the_same_id(channel, receiver):
    receiver.plans["/hook"] = [200, "break"]
    post(channel, receiver.url())
    assert post(channel, receiver.url()).result is Result.ACCEPTED
    first, *same = [one.headers["webhook-id"] for one in receiver.taken]
    assert len(same) == 2
    assert same[0] == same[1] != first


def test_a_connection_that_nobody_needed_for_a_while_is_closed(channel, receiver):
    post(channel, receiver.url())
    channel.let_go(0)
    post(channel, receiver.url())
    assert receiver.connections == 2


def test_no_more_idle_connections_are_kept_than_the_limit():
    kept, ends = Kept(), list[Connection]()
    for port in range(1, MOST + 3):
        made = Connection(Place("http", "hospital.example", port), allow_private=True)
        made.sock = socket.socket()
        ends.append(made)
        kept.keep(made)
    assert [at for at, one in enumerate(ends) if one.sock is None] == [0, 1]
    kept.let_go(0)
    assert all(one.sock is None for one in ends)


def test_whenever_one_is_opened_its_address_is_judged(receiver):
    """Also one that was open before: what it was opened to says nothing of where the name leads now."""
    watch, held = Watch(), Connection(Place("http", "localhost", receiver.port), allow_private=False)
    try:
        with watch.within(5) as deadline:
            held.sock = socket.create_connection(("127.0.0.1", receiver.port))
            assert held.post("/hook", {}, b"{}", deadline).read() == b"noted"
            held.close()
            with pytest.raises(InvalidIPAddress):
                held.post("/hook", {}, b"{}", deadline)
    finally:
        watch.close()
    assert receiver.connections == 1
