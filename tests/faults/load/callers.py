"""Somebody who asks over HTTP until the answer is final: each time the same request, under the same Idempotency-Key.

One thread at a time. Knows what is worth asking again, never what it asks for.
"""

import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import requests

from devstack.client import Client, Refused
from devstack.processes import Place

PAUSE_SECONDS = 0.3  # before the same request is sent again
TIMEOUT = 15.0
TOKEN_SECONDS = 200.0  # a token lives 300; one clock may be off by 40
AGAIN = {401, 408, 425, 429}
IN_USE = "idempotency-key-in-use"  # a 409 that passes


class GaveUp(Exception):
    """The load is over before there was a final answer."""


class Caller:
    """`credentials` as of POST /v1/tokens; without any a visitor. `over` ends all asking, `heard` counts each status (0: no answer came)."""

    def __init__(self, place: Place, over: threading.Event, heard: Counter[int], **credentials: str) -> None:
        self.client, self.over, self.heard, self.credentials = Client(place, timeout=TIMEOUT), over, heard, credentials
        self._signed_in_at = float("-inf")

    def get(self, service: str, path: str, **parameters: str) -> Any:
        """Raises Refused for what will be refused again, GaveUp."""
        return self._until_final(lambda: self.client.get(service, path, **parameters))

    def post(self, path: str, body: Any = None, *, if_match: int | None = None) -> Any:
        """To enquiry. Raises Refused for what will be refused again, GaveUp."""
        key = secrets.token_urlsafe(16)
        return self._until_final(lambda: self.client.post("enquiry", path, body, if_match=if_match, key=key))

    def close(self) -> None:
        self.client.session.close()

    def _until_final(self, ask: Callable[[], Any]) -> Any:
        while not self.over.is_set():
            try:
                self._sign_in()
                answer = ask()
            except Refused as refused:
                self.heard[refused.status] += 1
                if not passes(refused):
                    raise
                if refused.status == 401:
                    self._signed_in_at = float("-inf")
            except (requests.RequestException, ValueError):
                self.heard[0] += 1
            else:
                self.heard[200] += 1
                return answer
            self.over.wait(PAUSE_SECONDS)
        raise GaveUp

    def _sign_in(self) -> None:
        if self.credentials and time.monotonic() - self._signed_in_at > TOKEN_SECONDS:
            self.client.sign_in(**self.credentials)
            self._signed_in_at = time.monotonic()


def passes(refused: Refused) -> bool:
    """Whether the same request may be answered otherwise later."""
    return refused.status in AGAIN or refused.status >= 500 or refused.problem == IN_USE
