"""Who is signed in in this browser: one session for a case, one for the desk, each in a sealed cookie. A call renews its bearer when it is over.

A bearer lives five minutes. A case's is got anew by its mailed link, a person's by a refresh token: that is what the cookie holds besides it.
"""

import time
from contextlib import suppress
from typing import Any

from flask import g, request

from shared.problems import Forbidden, NotFound, Problem, Unauthorised

from . import cookies
from .context import site

CASE, DESK = "case", "desk"
EARLY_SECONDS = 20.0  # renew before it is over, not while the call is on its way
_WAYS = {CASE: "case_link", DESK: "refresh_token"}


def open_case(link: str) -> str:
    """Exchange a case's link for a session; returns the reference. Raises NotFound(link-invalid)."""
    answer = _get_token(case_link=link)
    _keep(CASE, answer, way=link)
    return str(answer["reference"])


def sign_in(link: str, code: str) -> str:
    """Exchange a sign-in link and a code for a session; returns its kind: hospital or ops. Raises NotFound, Forbidden(sign-in-refused)."""
    answer = _get_token(sign_in_link=link, code=code)
    _keep(DESK, answer, way=answer["refresh_token"])
    return kind_of(DESK)


def kind_of(which: str) -> str:
    """patient, hospital or ops. Raises Unauthorised where nobody is signed in."""
    return str(_held(which)["kind"])


def is_open(which: str) -> bool:
    """Whether this browser holds a session, without asking whether it still lives."""
    return which in g.get("sessions", {}) or cookies.take(which) is not None


def ask(which: str, method: str, path: str, **given: Any) -> Any:
    """A call to enquiry in the name of whoever is signed in. Raises Unauthorised where nobody is any more, else what Client.ask raises."""
    held = _held(which)
    if held["until"] < time.time() + EARLY_SECONDS:
        held = _renew(which, held)
    try:
        return site().enquiry.ask(method, path, bearer=held["bearer"], caller=caller(), **given)
    except Unauthorised:
        return site().enquiry.ask(method, path, bearer=_renew(which, held)["bearer"], caller=caller(), **given)


def close(which: str) -> None:
    """End the session here and, if enquiry can be reached, there."""
    with suppress(Problem):
        ask(which, "DELETE", "/v1/tokens")
    g.setdefault("sessions", {}).pop(which, None)
    cookies.drop(which)


def caller() -> str | None:
    """The visitor's network address: limits count visitors, not the site."""
    return request.remote_addr


def _held(which: str) -> dict[str, Any]:
    sessions: dict[str, dict[str, Any]] = g.setdefault("sessions", {})
    found = sessions.get(which) or cookies.take(which)
    if found is None:
        raise Unauthorised("sign-in-required")
    sessions[which] = found
    return found


def _renew(which: str, held: dict[str, Any]) -> dict[str, Any]:
    """A new bearer. The cookie stays where that is refused: another tab may have renewed it just now. Raises Unauthorised."""
    try:
        answer = _get_token(**{_WAYS[which]: held["way"]})
    except (Forbidden, NotFound) as fault:
        raise Unauthorised("sign-in-required") from fault
    return _keep(which, answer, way=answer.get("refresh_token", held["way"]))


def _get_token(**credentials: str) -> dict[str, Any]:
    answer: dict[str, Any] = site().enquiry.ask("POST", "/v1/tokens", body=credentials, caller=caller())
    return answer


def _keep(which: str, answer: dict[str, Any], *, way: str) -> dict[str, Any]:
    held = {
        "bearer": answer["access_token"],
        "until": int(time.time()) + answer["expires_in"],
        "kind": answer["scope"].partition(":")[0],
        "way": way,
    }
    g.setdefault("sessions", {})[which] = held
    cookies.put(which, held)
    return held
