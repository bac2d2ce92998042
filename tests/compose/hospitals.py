"""The trial's hospitals: partners with a mail address and a signed webhook, and all that arrived at them and at patients."""

import secrets

import requests

from devstack import robots
from devstack.client import Client
from tests.compose.project import Project
from tests.faults.invariants.rows import Arrival
from tests.waiting import until


def add_system(project: Project, label: str, kind: str) -> str:
    """An API key, as an operator gets the first one."""
    command = ("exec", "-T", "enquiry-web", "passage", "system-add", label, "--kind", kind)
    return project.compose(*command).strip().splitlines()[-1]


def settle_in(project: Project, slugs: list[str]) -> None:
    """Give each an account, an e-mail endpoint and a webhook whose secret the receiver knows; then enquiry can ask them."""
    operations = Client(project, api_key=add_system(project, "Trial operations", "ops"))
    for slug in slugs:
        account = operations.post("enquiry", "/v1/accounts", {"kind": "hospital", "hospital": slug, "label": slug})
        key = operations.post("enquiry", "/v1/api-keys", {"account": account["id"], "label": "trial"})["api_key"]
        hospital = Client(project, api_key=key)
        hospital.sign_in(api_key=key)
        desk = {"kind": "email", "address": f"{slug}@{robots.DOMAIN}", "trusted": True, "because": "a hospital of the trial"}
        robots.add_desk(operations, account["hospital_id"], desk)
        hook = hospital.post("notification", "/v1/endpoints", {"kind": "webhook", "url": f"http://receiver:8000/hospitals/{slug}"})
        requests.put(f"{project.http('receiver')}/hospitals/{slug}", json={"secret": hook["secret"]}, timeout=5).raise_for_status()
    visitor = Client(project)
    until(lambda: len(robots.proposals(visitor)) >= len(slugs), seconds=300, what="hospitals that can be asked")


def slugs_of(project: Project, count: int) -> list[str]:
    """Hospitals of the seed's page, once the catalog has been imported."""
    visitor = Client(project)
    form = until(lambda: _form(visitor), seconds=300, what="the catalog's form")
    return [one["slug"] for one in form["hospitals"]][:count]


def _form(visitor: Client) -> dict | None:
    try:
        return visitor.get("catalog", "/v1/enquiry-form", procedure=robots.PROCEDURE, country=robots.COUNTRY)
    except RuntimeError:
        return None


def arrivals(project: Project) -> list[Arrival]:
    """Every mail in the mailbox, and every webhook whose signature was right."""
    return [*_mails(project), *_webhooks(project)]


def _mails(project: Project) -> list[Arrival]:
    found: list[Arrival] = []
    while True:
        page = requests.get(f"{project.http('mailbox')}/api/v1/messages", params={"start": len(found), "limit": 500}, timeout=60).json()
        found += [Arrival("email", one["MessageID"].partition("@")[0], one["To"][0]["Address"]) for one in page["messages"]]
        if not page["messages"]:
            return found


def _webhooks(project: Project) -> list[Arrival]:
    received = requests.get(f"{project.http('receiver')}/received", timeout=60).json()
    return [Arrival("webhook", _header(one["headers"], "webhook-id"), one["hospital"]) for one in received if one["verified"]]


def _header(headers: dict[str, str], name: str) -> str:
    return next(value for key, value in headers.items() if key.lower() == name)


def new_name() -> str:
    return f"passage-trial-{secrets.token_hex(3)}"
