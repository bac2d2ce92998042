"""The pages for our three readers: every command on them is run, as it stands, against everything running."""

import json
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from standardwebhooks import Webhook

pytestmark = pytest.mark.xdist_group("journeys")  # one stack at a time in this checkout

DOCS = Path(__file__).parent.parent.parent / "docs"


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@cache
def run(page):
    """All blocks in one shell, in the order of the page; it stops at the first command that fails."""
    for tool in ("curl", "jq"):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is missing: install it to run the commands of docs/{page}")
    done = subprocess.run(
        ["bash", "-euo", "pipefail"], input="\n".join(blocks(page, "sh")), capture_output=True, text=True, timeout=1500, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def test_the_web_clients_page_works_as_it_is_written(stack):
    printed = run("web-client.md")
    assert '"state": "pending_verification"' in printed
    assert '"state":"open"' in printed
    assert '{"state":"awaiting_confirmation","local_start":' in printed
    assert '{"state":"confirmed","hospital":' in printed
    assert '{"item":"hotel","differs":false,"quotes":[{"quote":' in printed
    assert '{"state":"booked","possible":' in printed


def test_the_hospitals_page_works_as_it_is_written(stack):
    printed = run("hospital.md")
    assert '"verified": true' in printed
    assert "'type': 'invitation.sent'" in printed, "the signature of the alert was verified by the page's own program"
    assert '{"state":"draft","number":1,"total":' in printed
    assert '{"state":"declined","decline_reason":"no_capacity"}' in printed
    assert '{"name":"Dr. Deniz Kaya","retired_at":' in printed


def test_the_hospitals_page_shows_how_to_verify_a_signature(stack):
    run("hospital.md")
    secret = json.loads(Path(".devstack/endpoint.json").read_text())["secret"]
    alert = json.loads(Path(".devstack/alert.json").read_text())
    (snippet,) = blocks("hospital.md", "python")
    given = json.dumps([secret, alert["body"], signed_now(secret, alert)])  # five minutes may have passed since it came
    good = subprocess.run([sys.executable, "-c", snippet], input=given, capture_output=True, text=True, check=False)
    assert good.returncode == 0, good.stderr
    forged = subprocess.run(
        [sys.executable, "-c", snippet], input=given.replace("type", "tipe"), capture_output=True, text=True, check=False
    )
    assert "WebhookVerificationError" in forged.stderr


def signed_now(secret, alert):
    """Headers of the alert, signed anew as of this moment."""
    now, webhook_id = datetime.now(UTC), "msg_signed_now"
    signature = Webhook(secret).sign(webhook_id, now, alert["body"])
    return {"webhook-id": webhook_id, "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}


def test_every_command_of_the_runbook_works_as_it_is_written(stack):
    run("runbook.md")


def test_the_operators_page_works_as_it_is_written(stack):
    run("operator.md")
