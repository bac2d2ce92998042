"""A client of Passage's public HTTP, as the demo and its robots use it: JSON in, JSON out, a problem raised with what it says."""

import secrets
import time
from dataclasses import dataclass, field
from typing import Any

import requests

from devstack.processes import Place

TIMEOUT = 60.0
RENEWED_BEFORE_SECONDS = 60.0


class Refused(RuntimeError):
    """An answer that was none of 2xx, with its problem document, empty where there is none; `problem` is that one's slug."""

    def __init__(self, answer: requests.Response) -> None:
        super().__init__(f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:500]}")
        self.status = answer.status_code
        try:
            said = answer.json()
        except ValueError:
            said = None
        self.document: dict[str, Any] = said if isinstance(said, dict) else {}
        self.problem = str(self.document.get("type", "")).rpartition("/")[2]


@dataclass
class Client:
    """Speaks to all services of a run; `api_key` is exchanged for a bearer token when one is needed."""

    place: Place
    api_key: str | None = None
    session: requests.Session = field(default_factory=requests.Session)
    timeout: float = TIMEOUT  # seconds for one answer
    token: str | None = None
    _renewed_at: float = 0.0  # of time.monotonic: before the token ends

    def get(self, service: str, path: str, **parameters: str) -> Any:
        return self._ask("GET", service, path, params=parameters)

    def post(self, service: str, path: str, body: Any = None, *, if_match: int | None = None, key: str = "") -> Any:
        """Each call is a request of its own, under a new Idempotency-Key, unless it is said that it repeats one."""
        headers = {"Idempotency-Key": key or secrets.token_urlsafe(16)}
        if if_match is not None:
            headers["If-Match"] = f'"{if_match}"'
        return self._ask("POST", service, path, json={} if body is None else body, headers=headers)

    def delete(self, service: str, path: str, *, if_match: int) -> None:
        self._ask("DELETE", service, path, headers={"If-Match": f'"{if_match}"'})

    def sign_in(self, **credentials: str) -> None:
        """By `api_key`, `case_link`, …: POST /v1/tokens."""
        answer = self.session.post(f"{self.place.http('enquiry')}/v1/tokens", json=credentials, timeout=self.timeout)
        given = _read(answer)
        self.token, self._renewed_at = given["access_token"], time.monotonic() + given["expires_in"] - RENEWED_BEFORE_SECONDS

    def _ask(self, method: str, service: str, path: str, **options: Any) -> Any:
        if self.api_key and time.monotonic() > self._renewed_at:
            self.sign_in(api_key=self.api_key)
        return _read(self._send(method, service, path, **options))

    def _send(self, method: str, service: str, path: str, headers: dict[str, str] | None = None, **options: Any) -> requests.Response:
        bearer = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return self.session.request(
            method, f"{self.place.http(service)}{path}", headers={**(headers or {}), **bearer}, timeout=self.timeout, **options
        )


def _read(answer: requests.Response) -> Any:
    if not answer.ok:
        raise Refused(answer)
    return answer.json() if answer.content else None
