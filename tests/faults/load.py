"""Enquiries at a steady rate by a trusted client, each repeated under its Idempotency-Key until the answer is final; hospitals look, operations withdraw.

Open loop: what could not be sent in time is sent as soon as it can be. Bounded by `stop`.
"""

import copy
import json
import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import requests

from devstack import mother
from devstack.client import Client
from devstack.robots import Robot
from tests.faults.invariants.rows import Answer

FINAL = {200, 201, 400, 403, 404, 410, 412, 413, 415, 422, 428}
PAUSE_SECONDS = 0.3  # before the same request is sent again
THREADS = 8  # requests at once: more would only wait for each other on a small machine
ONE_IN_WITHDRAWN = 15
TIMEOUT = 15.0


class Load:
    """`start`, `stop`; `answers` is what the client was finally told."""

    def __init__(
        self, address: str, api_key: str, form: dict[str, Any], hospitals: Sequence[Robot], operations: Client, *, rate: float, seed: int
    ) -> None:
        self.address, self.api_key, self.rate = address, api_key, rate
        self.form, self.slugs, self.operations = form, [one.slug for one in hospitals], operations
        self.random = random.Random(seed)
        self.answers: list[Answer] = []
        self.statuses: Counter[int] = Counter()  # of every answer, those that were not final too; 0: none came
        self.slowest = self.final_rate = 0.0  # seconds; enquiries a second that were begun
        self._begun, self._number, self._lock = 0.0, 0, threading.Lock()
        self._ending, self._given_up = threading.Event(), threading.Event()
        self._token = ""
        self._withdrawals: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._send_all, daemon=True) for _ in range(THREADS)]
        self._threads.append(threading.Thread(target=self._withdraw_all, daemon=True))

    def start(self) -> None:
        with requests.Session() as session:
            self._sign_in(session)
        self._begun = time.monotonic()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """No new enquiries; those begun go on until they are answered."""
        if self._ending.is_set():
            return
        self.final_rate = self._number / max(0.001, time.monotonic() - self._begun)
        self._ending.set()
        self._withdrawals.put(None)

    @property
    def busy(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def give_up(self) -> None:
        self._given_up.set()

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
            slugs = self.random.sample(self.slugs, 2)
            withdrawn = self.random.randrange(ONE_IN_WITHDRAWN) == 0
        key, begun = f"load-{number}", time.monotonic()
        status, document = self._repeat(session, key, self._body(number, slugs, key))
        self.slowest = max(self.slowest, time.monotonic() - begun)
        self.answers.append(Answer(key, status, document.get("reference", ""), hospitals=len(slugs)))
        if status == 201 and withdrawn:
            self._withdrawals.put(document["reference"])

    def _body(self, number: int, slugs: list[str], key: str) -> bytes:
        body = copy.deepcopy(mother.enquiry_of(self.form, slugs))
        body["requester"]["email"] = f"person-{number}@example.org"
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

    def _withdraw_all(self) -> None:
        """Operations end some cases, so that a case has more than one transaction; tried again until it is done or was done."""
        while (reference := self._withdrawals.get()) is not None:
            while not self._given_up.is_set() and not self._withdrawn(reference):
                self._given_up.wait(PAUSE_SECONDS)

    def _withdrawn(self, reference: str) -> bool:
        try:
            self.operations.post("enquiry", f"/v1/enquiries/{reference}/withdraw", {"because": "the load asks for it"})
        except RuntimeError as refused:
            return ": 409" in str(refused)
        except requests.RequestException:
            return False
        return True
