"""Somebody who reads: pages of the site and documents of the catalog, one after the other, and counts what came back."""

import threading
from collections import Counter

import requests

from devstack.processes import Place
from devstack.robots import COUNTRY, PROCEDURE

PAGES = (("web", "/"), ("catalog", f"/v1/enquiry-form?procedure={PROCEDURE}&country={COUNTRY}"), ("catalog", "/v1/procedures"))
PAUSE_SECONDS = 0.5
TIMEOUT = 10.0


class Readers:
    """`statuses`, 0 where no answer came."""

    def __init__(self, place: Place) -> None:
        self.place, self.statuses, self._ending = place, Counter[int](), threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._read, daemon=True).start()

    def stop(self) -> None:
        self._ending.set()

    def _read(self) -> None:
        with requests.Session() as session:
            while not self._ending.is_set():
                for service, path in PAGES:
                    try:
                        self.statuses[session.get(f"{self.place.http(service)}{path}", timeout=TIMEOUT).status_code] += 1
                    except requests.RequestException:
                        self.statuses[0] += 1
                    if self._ending.wait(PAUSE_SECONDS):
                        return
