"""The other services as seen from outside: their public HTTP, connections kept, every wait bounded. Outgoing HTTP of the site stops here.

What they refuse is raised again as the problem it is.
"""

import logging
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from shared import log, problems, tracing
from shared.problems import Problem, Unavailable

logger = log.get(__name__)
logging.getLogger("urllib3").setLevel(logging.ERROR)  # its warnings quote addresses, and those name cases

CONNECT_SECONDS = 1.0
_AWAY = {502, 503, 504}
_KINDS: dict[int, type[Problem]] = {
    kind.status: kind
    for kind in (
        problems.BadRequest,
        problems.Unauthorised,
        problems.Forbidden,
        problems.NotFound,
        problems.Conflict,
        problems.PreconditionFailed,
        problems.Invalid,
        problems.PreconditionRequired,
        problems.TooManyRequests,
    )
}


class Client:
    """One service: JSON in, JSON out."""

    def __init__(self, address: str, *, seconds: float) -> None:
        self._address, self._timeout = address.rstrip("/"), (CONNECT_SECONDS, seconds)
        self._session = requests.Session()
        again = Retry(total=1, connect=1, read=1, status=0, redirect=0, allowed_methods={"GET"}, backoff_factor=0)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=again))
        self._session.trust_env = False

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: dict[str, Any] | None = None,
        query: dict[str, str] | None = None,
        bearer: str | None = None,
        revision: int | None = None,
        caller: str | None = None,
    ) -> Any:
        """The answer's document, None where it has none. `caller` is the visitor's network address, for rate limits.

        Raises the Problem that was answered; Unavailable where there was no answer in time.
        """
        headers = _headers(bearer=bearer, revision=revision, caller=caller)
        try:
            answer = self._session.request(
                method, self._address + path, json=body, params=query, headers=headers, timeout=self._timeout, allow_redirects=False
            )
        except requests.RequestException as fault:
            logger.warning("service away", error=log.describe(fault))
            raise Unavailable("unavailable", retry_after=10) from fault
        if not answer.ok:
            raise _problem_of(answer)
        return _document(answer)


def _document(answer: requests.Response) -> Any:
    """Raises Unavailable where it is no JSON: something else answers at that address."""
    try:
        return answer.json() if answer.content else None
    except ValueError as fault:
        logger.warning("service gave no JSON", status=answer.status_code)
        raise Unavailable("unavailable", retry_after=10) from fault


def _headers(*, bearer: str | None, revision: int | None, caller: str | None) -> dict[str, str]:
    given = {
        "Authorization": f"Bearer {bearer}" if bearer else None,
        "If-Match": f'"{revision}"' if revision is not None else None,
        "X-Forwarded-For": caller,
        "traceparent": tracing.traceparent(),
    }
    return {name: value for name, value in given.items() if value}


def _problem_of(answer: requests.Response) -> Problem:
    """RFC 9457 read back; what is no problem document of ours is a fault of theirs."""
    if answer.status_code in _AWAY:
        return Unavailable("unavailable", retry_after=10)
    try:
        document = answer.json()
        slug = str(document["type"]).rpartition("/")[2]
    except (ValueError, KeyError, TypeError):
        document, slug = {}, "internal"
    kind = _KINDS.get(answer.status_code, Problem)
    wait = answer.headers.get("Retry-After", "")
    detail = {name: document[name] for name in ("errors", "state", "possible") if name in document}
    return kind(slug if slug in problems.CATALOGUE else "internal", retry_after=int(wait) if wait.isdigit() else None, **detail)


def answers(address: str) -> bool:
    """Whether a server lives at host:port, for the health command."""
    try:
        return requests.get(f"http://{address}/health/live", timeout=CONNECT_SECONDS).ok
    except requests.RequestException:
        return False


def is_ready(address: str) -> bool:
    """Whether the service at that address can do its work."""
    try:
        return requests.get(f"{address.rstrip('/')}/health/ready", timeout=CONNECT_SECONDS, allow_redirects=False).ok
    except requests.RequestException:
        return False
