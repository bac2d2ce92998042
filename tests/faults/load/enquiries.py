"""Enquiries at a steady rate by a trusted client, each repeated under its Idempotency-Key until the answer is final; some go on to a course of acts.

Open loop: what could not be sent in time is sent as soon as it can be. Bounded by `stop`.
"""

import copy
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import requests

from devstack import mother
from tests.faults.invariants.rows import Answer
from tests.faults.load.actors import Actors
from tests.faults.load.callers import PAUSE_SECONDS, TIMEOUT
from tests.faults.load.courses import Case, draw
from tests.faults.load.readers import Readers

FINAL = {200, 201, 400, 403, 404, 410, 412, 413, 415, 422, 428}
THREADS = 24  # requests at once: enough to make up for what a fault has held up


class Load:
    """`start`, `stop`; `answers` is what the client was finally told."""

    def __init__(
        self,
        address: str,
        api_key: str,
        form: dict[str, Any],
        slugs: Sequence[str],
        actors: Actors,
        readers: Readers,
        *,
        rate: float,
        seed: int,
    ) -> None:
        self.address, self.api_key, self.rate = address, api_key, rate
        self.form, self.slugs, self.actors, self.readers = form, list(slugs), actors, readers
        self.random = random.Random(seed)
        self.answers: list[Answer] = []
        self.statuses: Counter[int] = Counter()  # of every answer, those that were not final too; 0: none came
        self.slowest = self.final_rate = 0.0  # seconds; enquiries a second that were begun
        self._begun, self._number, self._lock = 0.0, 0, threading.Lock()
        self._ending, self._given_up = threading.Event(), threading.Event()
        self._token = ""
        self._threads = [threading.Thread(target=self._send_all, daemon=True) for _ in range(THREADS)]

    def start(self) -> None:
        with requests.Session() as session:
            self._sign_in(session)
        self._begun = time.monotonic()
        self.actors.start()
        self.readers.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """No new enquiries; those begun go on until they are answered, and their courses to their end."""
        if self._ending.is_set():
            return
        self.final_rate = self._number / max(0.001, time.monotonic() - self._begun)
        self._ending.set()
        self.readers.stop()

    @property
    def busy(self) -> bool:
        """The courses end when there can be no new ones."""
        if any(thread.is_alive() for thread in self._threads):
            return True
        self.actors.stop()
        return self.actors.busy

    def give_up(self) -> None:
        self._given_up.set()
        self.actors.give_up()

    def _next(self) -> int | None:
        with self._lock:
            self._number += 1
            number = self._number
        self._ending.wait(max(0.0, self._begun + number / self.rate - time.monotonic()))
        return None if self._ending.is_set() else number

    def _send_all(self) -> None:
        with requests.Session() as session:
            while (number := self._next()) is not None:
                self._send_one(session, number)

    def _send_one(self, session: requests.Session, number: int) -> None:
        with self._lock:
            slugs, course = self.random.sample(self.slugs, 2), draw(self.random)
        key, begun, address = f"load-{number}", time.monotonic(), f"person-{number}@example.org"
        if course:
            self.actors.expect(course, address)
        status, document = self._repeat(session, key, self._body(address, slugs, key))
        self.slowest = max(self.slowest, time.monotonic() - begun)
        self.answers.append(Answer(key, status, document.get("reference", ""), hospitals=len(slugs)))
        if status == 201 and course:
            self.actors.lead(course, Case(document["reference"], slugs), address)

    def _body(self, address: str, slugs: list[str], key: str) -> bytes:
        body = copy.deepcopy(mother.enquiry_of(self.form, slugs))
        body["requester"]["email"] = address
        return json.dumps({**body, "client_reference": key}).encode()

    def _repeat(self, session: requests.Session, key: str, body: bytes) -> tuple[int, dict[str, Any]]:
        while not self._given_up.is_set():
            if not self._token:
                self._sign_in(session)
                continue
            headers = {"Idempotency-Key": key, "Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
            try:
                answer = session.post(f"{self.address}/v1/enquiries", data=body, headers=headers, timeout=TIMEOUT)
                self.statuses[answer.status_code] += 1
                if answer.status_code in FINAL:
                    return answer.status_code, answer.json()
                if answer.status_code == 401:
                    self._sign_in(session)
                    continue
            except (requests.RequestException, ValueError):
                self.statuses[0] += 1
            self._given_up.wait(PAUSE_SECONDS)
        return 0, {}

    def _sign_in(self, session: requests.Session) -> None:
        """Without a token we would be one visitor, who may ask thirty times an hour."""
        try:
            answer = session.post(f"{self.address}/v1/tokens", json={"api_key": self.api_key}, timeout=TIMEOUT)
            answer.raise_for_status()
            self._token = answer.json()["access_token"]
        except (requests.RequestException, ValueError):
            self._given_up.wait(PAUSE_SECONDS)
