"""Threads that lead cases through their courses, while the load goes on; whoever needs the link in a mail waits for it, as people do.

Bounded by `stop`; `give_up` ends also what still waits for an answer.
"""

import email
import email.policy
import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from devstack import mother
from devstack.client import Refused
from devstack.processes import Place
from tests.faults.load.callers import Caller, GaveUp
from tests.faults.load.courses import COURSES, Book, Case, Course, Led, NothingFree, People
from tests.faults.world import MailServer

THREADS = 4
LINK_SECONDS = 60.0  # so long somebody waits for the mail; where it was refused, it never comes
LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class _Waiting:
    """`address`: whose mail has the link, empty where none is needed."""

    course: Course
    case: Case
    address: str
    until: float


class Actors:
    """`lead(course, case, address)`; `book` is what they were told. `hospitals` are their API keys by slug; operations have two people."""

    def __init__(self, place: Place, mail: MailServer, hospitals: dict[str, str], operations: Sequence[str], seed: int) -> None:
        self.place, self.mail, self.hospitals, self.operations = place, mail, hospitals, operations
        self.book, self.statuses = Book(), Counter[int]()  # of every answer, those that were not final too; 0: none came
        self._waiting: queue.Queue[_Waiting | None] = queue.Queue()
        self._over, self._ending = threading.Event(), threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(random.Random(f"{seed} {number}"),), daemon=True) for number in range(THREADS)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def expect(self, course: Course, address: str) -> None:
        """Before the enquiry is sent: the mail may come before its answer."""
        if COURSES[course][1]:
            self.mail.keep_for(address)

    def lead(self, course: Course, case: Case, address: str) -> None:
        needed = COURSES[course][1]
        self._waiting.put(_Waiting(course, case, address if needed else "", time.monotonic() + LINK_SECONDS))

    def stop(self) -> None:
        """No new courses; those begun go on to their end."""
        self._ending.set()

    def give_up(self) -> None:
        self._over.set()

    @property
    def left(self) -> int:
        """Courses that nobody has begun."""
        return self._waiting.qsize()

    @property
    def busy(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def _work(self, dice: random.Random) -> None:
        people = self._people()
        while not self._over.is_set():
            try:
                one = self._waiting.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                if self._ending.is_set():
                    return
                continue
            self._go_on(people, one, dice)

    def _go_on(self, people: People, one: _Waiting, dice: random.Random) -> None:
        if one.address:
            link = self._link_to(one.address)
            if not link and time.monotonic() < one.until:
                self._over.wait(LOOK_SECONDS / (1 + self._waiting.qsize()))
                return self._waiting.put(one)
            self.mail.forget(one.address)
            if not link:
                self.book.ended["(no mail with a link came)"] += 1
                return None
            one = replace(one, case=replace(one.case, link=link))
        try:
            self.book.ended[one.course(Led(people, one.case, self.book, dice))] += 1
        except Refused as refused:
            self.book.ended[f"({one.course.__name__}: refused, {refused.problem or refused.status})"] += 1
        except NothingFree:
            self.book.ended[f"({one.course.__name__}: no slot is free)"] += 1
        except GaveUp:
            self.book.ended[f"({one.course.__name__}: no answer to the end)"] += 1
        return None

    def _link_to(self, address: str) -> str:
        for raw in self.mail.kept(address):
            message = email.message_from_bytes(raw, policy=email.policy.default)
            if "/l/case/" in mother.text_of(message):
                return mother.token_in(message, "case")
        return ""

    def _people(self) -> People:
        operations, colleague = (self._caller(api_key=key) for key in self.operations)
        hospitals = {slug: self._caller(api_key=key) for slug, key in self.hospitals.items()}
        return People(lambda link: self._caller(case_link=link), hospitals, operations, colleague, self._caller())

    def _caller(self, **credentials: str) -> Caller:
        return Caller(self.place, self._over, self.statuses, **credentials)
