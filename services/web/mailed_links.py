"""The pages behind mailed links: a button, what is so after it was pressed, and what to do where a link leads nowhere any more.

Opening a page changes nothing: mail scanners do that, too.
"""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from shared.problems import NotFound, Problem, Unauthorised

from . import sessions
from .addresses import require_token
from .clients import Client
from .forms import Filled


def use_token(service: Client, path: str, token: str) -> dict[str, Any]:
    """What a service answers to the button of a link; twice is once. Raises NotFound(link-invalid)."""
    answer: dict[str, Any] = service.ask("POST", path, body={"token": require_token(token)}, caller=sessions.caller())
    return answer


def add_pages(bp: Blueprint, rule: str, *, button: str, pressed: str, act: Callable[[str], dict[str, Any]]) -> None:
    """At `rule`, which has a <token>: GET shows the template `button`; POST does `act` and shows `pressed` with its answer as `done`."""

    def show(token: str) -> str:
        return render_template(button, token=token)

    def press(token: str) -> str:
        return render_template(pressed, done=act(token))

    bp.add_url_rule(rule, "show", show)
    bp.add_url_rule(rule, "press", press, methods=["POST"])


def explain(bp: Blueprint, purpose: str) -> None:
    """Where a link of this purpose leads nowhere: why that may be, and how to get a new one. A case without a session says how it opens."""

    def link_invalid(problem: Problem) -> ResponseReturnValue:
        shown = "closed_case" if purpose == "case" and problem.slug != "link-invalid" else purpose
        return render_template("link_invalid.html", filled=Filled(), purpose=shown), problem.status

    bp.register_error_handler(NotFound, link_invalid)
    if purpose == "case":
        bp.register_error_handler(Unauthorised, link_invalid)
