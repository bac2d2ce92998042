"""A hospital's name that leads elsewhere from one look-up to the next (DNS rebinding): only what was judged is dialled."""

import socket

import pytest

from services.notification.channels import Result
from services.notification.channels.deadlines import Watch
from services.notification.channels.webhook import WebhookChannel
from services.notification.endpoints import new_secret
from shared import crypto

PUBLIC, PRIVATE = "8.8.4.4", "127.0.0.1"


@pytest.fixture
def listener():
    """A server of our own network, which nobody may reach."""
    with socket.create_server((PRIVATE, 0)) as made:
        made.settimeout(0)
        yield made


@pytest.fixture
def name_server(monkeypatch):
    """The resolver of the machine: gives one list of addresses after the other, the last for ever."""
    asked = []

    real = socket.getaddrinfo

    def answers(*lists):
        def look_up(host, port, *more, **named):
            if not host.endswith(".example"):  # an address is no name: nothing is asked
                return real(host, port, *more, **named)
            asked.append(host)
            found = lists[min(len(asked), len(lists)) - 1]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        return asked

    return answers


def attempt(port):
    watch = Watch()
    try:
        channel = WebhookChannel(watch, allow_private=False, seconds=0.5)
        return channel.send(url=f"https://hospital.example:{port}/hook", secrets=[new_secret()], unique=crypto.new_id(), body=b"{}")
    finally:
        watch.close()


def is_dialled(listener):
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


@pytest.mark.parametrize(
    "lists",
    [
        ([PUBLIC], [PRIVATE]),
        ([PRIVATE], [PUBLIC]),
        ([PUBLIC, PRIVATE], [PRIVATE]),
        ([PRIVATE, PUBLIC], [PRIVATE]),
        ([PUBLIC], [PRIVATE, PUBLIC]),
    ],
)
def test_no_order_of_answers_leads_to_a_private_address(listener, name_server, lists):
    name_server(*lists)
    for _ in range(2):
        assert attempt(listener.getsockname()[1]).result is Result.TEMPORARY
    assert not is_dialled(listener)


def test_each_attempt_asks_once_and_dials_what_it_was_told(listener, name_server):
    asked = name_server([PUBLIC], [PRIVATE])
    attempt(listener.getsockname()[1])
    assert asked.count("hospital.example") == 1
    assert attempt(listener.getsockname()[1]).reply == "refused: the name leads to a private address"
    assert not is_dialled(listener)
