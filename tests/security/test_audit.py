"""`make audit`: pip-audit over every lock, asked of a real HTTP server that answers as OSV does."""

import subprocess

import orjson
import pytest
from werkzeug import Response

from devstack import folders

NOBODY = "http://127.0.0.1:9"  # the discard port: refused at once
KNOWN = {
    "vulns": [
        {
            "id": "GHSA-0000-0000-0000",
            "affected": [
                {
                    "package": {"name": "flask", "ecosystem": "PyPI"},
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99"}]}],
                }
            ],
        }
    ]
}


def audit(*arguments):
    command = [folders.CHECKOUT / ".ci" / "audit", *arguments]
    return subprocess.run(command, cwd=folders.CHECKOUT, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture
def service(httpserver):
    """The service's address; it knows of the packages that are named to `answers`."""

    def answers(request):
        name = orjson.loads(request.get_data())["package"]["name"]
        return Response(orjson.dumps(KNOWN if name == "flask" and known else {}), mimetype="application/json")

    known = []
    httpserver.expect_request("/v1/query", method="POST").respond_with_handler(answers)
    return httpserver.url_for("/v1/query"), known


def test_locks_of_which_nothing_is_known_pass(service):
    address, _ = service
    done = audit("--osv-url", address)
    assert done.returncode == 0
    assert "No known vulnerabilities found" in done.stdout


def test_a_known_vulnerability_fails_the_audit_and_is_named(service):
    address, known = service
    known.append("flask")
    done = audit("--may-be-offline", "--osv-url", address)
    assert done.returncode == 1
    assert "GHSA-0000-0000-0000" in done.stdout


def test_a_known_vulnerability_ends_the_run_of_ci():
    """By itself, or the whole of it were for nothing: no `||` behind it, and `set -e` before."""
    lines = (folders.CHECKOUT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    (audited,) = [line for line in lines if "make audit" in line]
    assert audited.partition("#")[0].strip() == "make audit ARGS=--may-be-offline"
    assert "set -eu" in lines[: lines.index(audited)]


def test_a_service_that_cannot_be_asked_is_no_pass_unless_that_is_allowed():
    refused, allowed = audit("--osv-url", NOBODY), audit("--may-be-offline", "--osv-url", NOBODY)
    assert (refused.returncode, allowed.returncode) == (2, 0)
    for done in (refused, allowed):
        assert done.stdout.startswith("audit: the advisory service gave no answer")
        assert len(done.stdout.splitlines()) == 1
