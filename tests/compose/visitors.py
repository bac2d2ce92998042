"""Who comes while the operator works: a trusted client that sends enquiries and repeats what failed under the same Idempotency-Key, and readers of pages.

Speaks to the gateway only, and keeps what it was told.
"""

import copy
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import requests

from devstack import mother, robots
from devstack.client import Client
from tests.compose.project import Project
from tests.faults.invariants.rows import Answer
from tests.waiting import until

GIVE_UP_SECONDS = 120.0
PAGES = (("web", "/"), ("catalog", "/v1/procedures"), ("catalog", "/v1/enquiry-form?procedure=intrathecal-baclofen-therapy&country=TR"))


@dataclass(frozen=True)
class Failure:
    """An answer, or its absence, that made a visitor try again; `at` is of time.monotonic."""

    why: str
    at: float


@dataclass
class Told:
    """What became of one request."""

    stage: str
    failures: list[Failure] = field(default_factory=list)
    seconds: float = 0.0

    def failed(self, why: str) -> None:
        self.failures.append(Failure(why, time.monotonic()))


class Visitors:
    """`per_second` enquiries and as many pages, from threads of their own, between `start` and `stop`."""

    def __init__(self, project: Project, *, api_key: str, slugs: list[str], per_second: float, name: str = "trial") -> None:
        self.project, self.slugs, self.per_second, self.name = project, slugs, per_second, name
        self.stage = "before"
        self.answers: list[Answer] = []
        self.enquiries: list[Told] = []
        self.pages: list[Told] = []
        self.away: list[tuple[float, float]] = []  # spans in which a part was gone of which there is only one
        self._client = Client(project, api_key=api_key)
        self._client.sign_in(api_key=api_key)
        form = Client(project).get("catalog", "/v1/enquiry-form", procedure=robots.PROCEDURE, country=robots.COUNTRY, language="en")
        self._body = mother.enquiry_of(form, slugs)
        self._stop, self._lock, self._number = threading.Event(), threading.Lock(), 0
        self._threads = [threading.Thread(target=self._repeat, args=(self._enquire, per_second / 4)) for _ in range(4)]
        self._threads += [threading.Thread(target=self._repeat, args=(self._read, per_second / 2)) for _ in range(2)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """No new ones; those in hand are seen to their end."""
        self._stop.set()
        for thread in self._threads:
            thread.join(GIVE_UP_SECONDS + 30)
            assert not thread.is_alive()

    def pass_by(self, stage: str, enquiries: int = 20) -> None:
        """Name what happens now, and wait until some have come meanwhile."""
        self.stage = stage
        known = len(self.answers)
        until(lambda: len(self.answers) >= known + enquiries, seconds=180, what=f"{enquiries} enquiries during {stage}")

    @contextmanager
    def without(self, stage: str) -> Iterator[None]:
        """While a part is gone that everybody needs and of which there is only one."""
        self.pass_by(stage, 0)
        began = time.monotonic()
        try:
            yield
        finally:
            self.away.append((began, time.monotonic()))

    def tried_too_often(self) -> list[Told]:
        """Who had to try again more than once, not counting tries in spans of `without`."""

        def counts(failure: Failure) -> bool:
            return not any(began <= failure.at <= ended for began, ended in self.away)

        return [one for one in (*self.enquiries, *self.pages) if sum(map(counts, one.failures)) > 1]

    def _repeat(self, visit, per_second: float) -> None:
        with requests.Session() as session:
            session.headers["Connection"] = "close"  # each a visitor of its own
            while not self._stop.wait(1 / per_second):
                visit(session)

    def _enquire(self, session: requests.Session) -> None:
        with self._lock:
            self._number += 1
            key = f"{self.name}-{self._number}"
        body = copy.deepcopy(self._body) | {"client_reference": key}
        body["requester"]["email"] = f"{key}@example.org"
        told, begun, answer = Told(self.stage), time.monotonic(), None
        while answer is None and time.monotonic() - begun < GIVE_UP_SECONDS:
            answer = self._ask(session, told, key, body)
        told.seconds = time.monotonic() - begun
        self.enquiries.append(told)
        self.answers.append(answer or Answer(key, 0))

    def _ask(self, session: requests.Session, told: Told, key: str, body: dict) -> Answer | None:
        """One try. None: it is to be tried again."""
        headers = {"Idempotency-Key": key, "Authorization": f"Bearer {self._client.token}"}
        try:
            answer = session.post(f"{self.project.http('enquiry')}/v1/enquiries", json=body, headers=headers, timeout=15)
        except requests.RequestException as fault:
            return self._later(told, type(fault).__name__)
        if answer.status_code == 401:  # a token lives for five minutes
            return self._sign_in(told)
        if answer.status_code in {409, 429} or answer.status_code >= 500:
            return self._later(told, str(answer.status_code))
        return Answer(key, answer.status_code, answer.json().get("reference", ""), len(self.slugs))

    def _sign_in(self, told: Told) -> None:
        try:
            with self._lock:
                self._client.sign_in(api_key=self._client.api_key)
        except (requests.RequestException, RuntimeError) as fault:
            self._later(told, f"sign-in {type(fault).__name__}")

    def _later(self, told: Told, why: str) -> None:
        told.failed(why)
        threading.Event().wait(1)  # as Retry-After says

    def _read(self, session: requests.Session) -> None:
        service, path = PAGES[len(self.pages) % len(PAGES)]
        told, begun = Told(self.stage), time.monotonic()
        for _ in range(60):
            try:
                answer = session.get(f"{self.project.http(service)}{path}", timeout=10)
                if answer.status_code == 200:
                    break
                told.failed(str(answer.status_code))
            except requests.RequestException as fault:
                told.failed(type(fault).__name__)
            threading.Event().wait(1)
        else:
            told.failed("given up")
        told.seconds = time.monotonic() - begun
        self.pages.append(told)

    def table(self) -> str:
        """By stage: how many came, how many had to try again and for what, how long the longest took."""
        lines = [
            f"{'while':<56} {'enquiries':>9} {'tried again':>11} {'most tries':>10} {'longest':>8} {'pages':>6} {'tried again':>11}  answers tried again"
        ]
        for stage in dict.fromkeys(one.stage for one in self.enquiries):
            asked, read = ([one for one in them if one.stage == stage] for them in (self.enquiries, self.pages))
            why = Counter(failure.why for one in [*asked, *read] for failure in one.failures)
            lines.append(
                f"{stage:<56} {len(asked):>9} {sum(bool(one.failures) for one in asked):>11} {1 + max(len(one.failures) for one in asked):>10} "
                f"{max(one.seconds for one in asked):>7.1f}s {len(read):>6} {sum(bool(one.failures) for one in read):>11}  "
                + ", ".join(f"{name} {count}" for name, count in why.most_common())
            )
        return "\n".join(lines)
