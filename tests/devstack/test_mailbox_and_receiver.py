"""The two windows to the outside: mail that was sent can be read, webhooks are verified as a hospital would."""

import base64
import json
import os
import re
import secrets
import smtplib
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from urllib.request import urlopen

import pytest
import requests
from standardwebhooks import Webhook

from devstack import mailbox as mailboxes
from devstack import receiver as receivers
from devstack.supervisor import Supervisor


@pytest.fixture(scope="module")
def windows(tmp_path_factory):
    with mailboxes.mailbox() as mailbox, receivers.receiver() as receiver, Supervisor(["mailbox", "receiver"]) as them:
        them.start(mailbox.program(log=tmp_path_factory.mktemp("mailbox") / "log"))
        them.start(receiver.program())
        them.wait_until_ready()
        yield mailbox, receiver


@pytest.fixture(scope="module")
def mailbox(windows):
    return windows[0]


@pytest.fixture(scope="module")
def receiver(windows):
    return windows[1]


def new_secret():
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def signed(secret, body, *, at=None):
    at = at or datetime.now(UTC)
    signature = Webhook(secret).sign("msg_1", at, body)
    return {"webhook-id": "msg_1", "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}


def last(receiver):
    return requests.get(receiver.url + "received", timeout=120).json()[-1]


def test_a_mail_in_arabic_and_turkish_can_be_read_as_it_was_sent(mailbox):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "desk@passage.example", "patient@passage.example", "Başvurunuz · طلبكم"
    message.set_content("Merhaba ığüşöç\nمرحبا\n")
    message.add_alternative("<p dir=rtl>مرحبا</p>", subtype="html")
    with smtplib.SMTP("127.0.0.1", mailbox.smtp_port) as session:
        session.send_message(message)
    (found,) = mailbox.messages_to("patient@passage.example")
    assert found["Subject"] == "Başvurunuz · طلبكم"
    assert found.get_body(("plain",)).get_content().splitlines() == ["Merhaba ığüşöç", "مرحبا"]
    assert mailbox.messages_to("nobody-else@passage.example") == []


def test_the_mailbox_has_a_page_that_takes_nothing_from_elsewhere(mailbox):
    with urlopen(mailbox.url, timeout=120) as answer:
        page = answer.read().decode()
    assert "<html" in page
    assert not re.search(r"""(src=|<link[^>]*href=)["']?(https?:)?//""", page)


def test_a_webhook_signed_with_the_hospitals_secret_is_taken_as_verified(receiver):
    secret, body = new_secret(), json.dumps({"type": "invitation.sent"})
    assert requests.put(receiver.webhook_url("north"), json={"secret": secret}, timeout=120).status_code == 204
    answer = requests.post(receiver.webhook_url("north"), data=body, headers=signed(secret, body), timeout=120)
    assert answer.status_code == 204
    assert last(receiver)["verified"]
    assert last(receiver)["body"] == body
    assert last(receiver)["headers"]["Webhook-Id"] == "msg_1"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(signed(new_secret(), "{}"), id="of another secret"),
        pytest.param({}, id="none"),
        pytest.param(signed(new_secret(), "{}") | {"webhook-signature": "nonsense"}, id="malformed"),
        pytest.param(signed(new_secret(), "{}") | {"webhook-signature": "v1,%%%"}, id="not base64"),
    ],
)
def test_a_wrong_signature_is_refused_and_shown_as_such(receiver, headers):
    requests.put(receiver.webhook_url("south"), json={"secret": new_secret()}, timeout=120)
    assert requests.post(receiver.webhook_url("south"), data="{}", headers=headers, timeout=120).status_code == 401
    assert not last(receiver)["verified"]


def test_an_old_webhook_is_refused(receiver):
    secret = new_secret()
    requests.put(receiver.webhook_url("east"), json={"secret": secret}, timeout=120)
    headers = signed(secret, "{}", at=datetime.now(UTC) - timedelta(minutes=6))
    assert requests.post(receiver.webhook_url("east"), data="{}", headers=headers, timeout=120).status_code == 401


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_!!", 7, None])
def test_a_secret_that_is_none_is_refused(receiver, secret):
    answer = requests.put(receiver.webhook_url("west"), json={"secret": secret}, timeout=120)
    assert answer.status_code == 422


def test_the_page_shows_a_body_without_running_it(receiver):
    requests.post(receiver.webhook_url("west"), data="<script>alert(1)</script>", timeout=120)
    page = requests.get(receiver.url, timeout=120).text
    assert "&lt;script&gt;" in page
    assert "<script>" not in page


def test_mails_are_shown_in_the_terminal_to_whom_was_asked_for(mailbox):
    for address in ("one@passage.example", "other@passage.example"):
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = "desk@passage.example", address, f"For {address}"
        message.set_content("Words")
        with smtplib.SMTP("127.0.0.1", mailbox.smtp_port) as session:
            session.send_message(message)
    command = [sys.executable, "-m", "devstack", "mails", "--port", str(mailbox.imap_port), "--to", "one@passage.example"]
    shown = subprocess.run(command, env=os.environ | {mailboxes.PASSWORD: mailbox.password}, capture_output=True, text=True, check=True)
    assert "Subject: For one@passage.example\n\nWords" in shown.stdout
    assert "other@" not in shown.stdout
