"""An invented mother who asks for her daughter: what she sends, what she reads in her mails."""

import re
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

from devstack.robots import COUNTRY, PROCEDURE

ADDRESS = "amina.bello@example.org"


class NotArrived(RuntimeError):
    """Something that was promised did not come."""


def enquiry_of(form: dict[str, Any], slugs: list[str]) -> dict[str, Any]:
    """An invented mother's enquiry: every required question answered, each consent with the text that was shown."""
    texts = {one["purpose"]: {name: one[name] for name in ("version", "language", "sha256")} for one in form["consents"]}
    return {
        "procedure": PROCEDURE,
        "destination": COUNTRY,
        "wants": ["quote"],
        "hospitals": slugs,
        "requester": {
            "name": "Amina Bello",
            "email": ADDRESS,
            "language": "en",
            "timezone": "Africa/Lagos",
            "country": "NG",
            "relation": "parent",
        },
        "patient": {"name": "Zainab Bello", "birth_year": 2014, "sex": "female"},
        "intake": {question["slug"]: _answer(question) for question in form["intake"] if question["required"]},
        "message": "She has cerebral palsy; tablets no longer help her enough to sleep.",
        "consents": [
            {"purpose": "health_data", **texts["health_data"]},
            *({"purpose": "share_case_with_hospital", "hospital": slug, **texts["share_case_with_hospital"]} for slug in slugs),
        ],
    }


def _answer(question: dict[str, Any]) -> Any:
    answers: dict[str, Callable[[], Any]] = {
        "choice": lambda: question["choices"][0]["slug"],
        "number": lambda: question["min"] or 1,
        "text": lambda: "as discussed",
        "date": lambda: "2020-01-01",
    }
    return answers.get(question["kind"], lambda: True)()


def text_of(message: EmailMessage) -> str:
    """Its plain text."""
    part = message.get_body(preferencelist=("plain",))
    return str(part.get_content()) if part else ""


def token_in(message: EmailMessage, purpose: str) -> str:
    """What its link of this purpose ends with. Raises NotArrived."""
    found = re.search(rf"/l/{purpose}/([\w.-]+)", text_of(message))
    if not found:
        raise NotArrived(f"the mail has no {purpose} link")
    return found.group(1)
