"""People, time and lost answers in whatever order: a state machine drives cases over HTTP on real PostgreSQL, and asks for every promise after each step.

Two cases, two hospitals, operations. A retry under the same Idempotency-Key, an old version, an act that is not possible: all are tried.
The same runs each time; `DRAWN_RUNS=200` draws so many others.
"""

import os
from datetime import datetime, timedelta

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import text

from shared import db
from tests.enquiry.promises import broken
from tests.enquiry.quoted import consent, terms
from tests.enquiry.test_slots import doctor

DRAWN = os.environ.get("DRAWN_RUNS")
RUNS, STEPS = int(DRAWN or 25), 40
HOSPITALS = ("first", "second")
ANSWERS = (HOSPITALS, HOSPITALS, ("first",), ())
ACTORS = ("patient", *HOSPITALS, "ops")
SHORT = timedelta(minutes=6)
SPANS = [*[SHORT] * 6, *(timedelta(hours=hours) for hours in (1, 7, 24, 72, 200, 500))]
REQUESTER = {"name": "Amina Bello", "language": "en", "country": "NG", "timezone": "Africa/Lagos", "relation": "parent"}
BECAUSE = {"because": "asked for by telephone"}
FORMS = ({"kind": "assessment", "mode": "on_site"}, {"kind": "follow_up", "mode": "video", "companions": 1})
REFUSALS = {400, 403, 404, 409, 412, 422, 428}
ACTS = {  # act: its body; operations add a reason
    "submit": FORMS[0],
    "confirm": {},
    "decline": {"reason": "time_does_not_suit"},
    "cancel": {"reason": "changed_mind", "late_is_known": True},
    "propose-change": None,  # another slot
    "accept-change": {},
    "decline-change": {},
    "offer-slots": None,
    "accept-slot": None,
    "check-in": {},
    "complete": {"outcome": "successful"},
    "record-no-show": {},
    "dispute": {},
    "resolve": {"state": "completed"},
    "uphold": {},
    "void": {},
}
QUOTE_ACTS = {
    "accept": {"acknowledged": ["price", "risks"], "consent": consent()},
    "decline": {"reason": "too_expensive"},
    "withdraw": {"reason": "mistake"},
    "reinstate": {},
    "cancel": {"reason": "changed_mind"},
    "extend": {},
    "void": {},
}
ENDS = {"cancel", "void", "decline"}  # always possible: chosen now and then, or nothing would grow old
WITH_REASON = {"cancel", "offer-slots", "check-in", "complete", "resolve", "uphold", "void"}


class Lifecycles(RuleBasedStateMachine):
    """Runs share a house: each opens cases of its own there, so that slots are disputed by many. What is drawn depends on nothing in the house."""

    house, people, resources, memory, wrong = None, {}, {}, {}, []

    @initialize(quoting=some.tuples(some.sampled_from(ANSWERS), some.sampled_from(ANSWERS)))
    def two_cases(self, quoting):
        """Some hospitals have quoted already: most of what can happen comes afterwards."""
        self.cases, self.appointments, self.quotes = {}, [], []
        for hospitals in quoting:
            reference = self.house.opened(*HOSPITALS, requester=REQUESTER | {"email": f"person-{next(self.house.keys)}@example.org"})
            with db.transaction(self.house.engine) as session:
                its_id = session.execute(text("SELECT id FROM enquiries WHERE reference = :it"), {"it": reference}).scalar_one()
            self.cases[reference] = self.house.issue(f"patient:{its_id}")
            for hospital in hospitals:
                self.quoted(reference, hospital, draft=False, lost=False)

    # -- what people do -----------------------------------------------------------

    @rule(case=some.integers(0, 1), hospital=some.sampled_from(HOSPITALS), slot=some.integers(0, 3), lost=some.booleans())
    def hold(self, case, hospital, slot, lost):
        reference, token = list(self.cases.items())[case]
        self.began(f"/v1/enquiries/{reference}/appointments", self.slot(hospital, slot), reference, token, lost=lost)

    @rule(case=some.integers(0, 1), hospital=some.sampled_from(HOSPITALS), form=some.sampled_from(FORMS), lost=some.booleans())
    def ask_for_times(self, case, hospital, form, lost):
        reference, token = list(self.cases.items())[case]
        today = self.house.clock().date()
        body = {"hospital": hospital, "windows": [{"from": f"{today}", "until": f"{today + timedelta(days=9)}"}], **form}
        self.began(f"/v1/enquiries/{reference}/appointment-requests", body, reference, token, lost=lost)

    @rule(
        which=some.integers(0, 9),
        act=some.sampled_from(sorted(ACTS)),
        who=some.sampled_from(ACTORS),
        slot=some.integers(0, 3),
        old=some.integers(0, 9),
    )
    def act(self, which, act, who, slot, old):
        if self.appointments:
            self.acted(self.appointments[which % len(self.appointments)], act, who, slot, stale=old == 0)

    def as_is_possible(self, which, choice, slot):
        """As `act`, of what the document names: else most steps would be refused."""
        if not self.appointments:
            return
        its_id, reference, hospital = self.appointments[which % len(self.appointments)]
        ways = []
        for who in ("patient", hospital, "ops"):
            shown = self.house.get(f"/v1/appointments/{its_id}", token=self.token(who, reference))
            ways += [(one.replace("_", "-"), who) for one in shown.json.get("possible", ())]
        ways = [("resolve" if one.startswith("resolve") else one, who) for one, who in ways]
        onward = [way for way in ways if way[0] not in ENDS]
        ways = onward if onward and choice < 8 else ways
        if ways:
            self.acted((its_id, reference, hospital), *ways[choice % len(ways)], slot, stale=False)

    likely = rule(which=some.integers(0, 9), choice=some.integers(0, 9), slot=some.integers(0, 3))
    once = likely(as_is_possible)
    again = likely(as_is_possible)
    once_more = likely(as_is_possible)

    @rule(case=some.integers(0, 1), hospital=some.sampled_from(HOSPITALS), says_no=some.integers(0, 9))
    def hospital_looks(self, case, hospital, says_no):
        reference = list(self.cases)[case]
        mine = [
            one for one in self.house.get("/v1/invitations", token=self.people[hospital]).json["items"] if one["reference"] == reference
        ]
        for one in mine:
            answer = self.house.get(f"/v1/invitations/{one['id']}", token=self.people[hospital])
            self.expected(answer)
            if says_no == 0 and answer.status_code == 200:
                body = {"reason": "no_capacity"}
                path = f"/v1/invitations/{one['id']}/decline"
                self.expected(self.house.post(path, body, token=self.people[hospital], key=None, if_match=answer.json["revision"]))

    @rule(
        case=some.integers(0, 1),
        hospitals=some.sampled_from([*((one,) for one in HOSPITALS), HOSPITALS]),
        draft=some.integers(0, 4),
        lost=some.booleans(),
    )
    def hospitals_quote(self, case, hospitals, draft, lost):
        for hospital in hospitals:
            self.quoted(list(self.cases)[case], hospital, draft=draft == 0, lost=lost)

    @rule(which=some.integers(0, 9), act=some.sampled_from(sorted(QUOTE_ACTS)), who=some.sampled_from(ACTORS), old=some.integers(0, 5))
    def decide(self, which, act, who, old):
        if self.quotes:
            self.decided(self.quotes[-1 - which % len(self.quotes)], act, who, stale=old == 0)

    @rule(which=some.integers(0, 3), choice=some.integers(0, 9))
    def decide_as_is_possible(self, which, choice):
        """Most of all the patient accepts."""
        if not self.quotes:
            return
        one = its_id, reference, hospital = self.quotes[-1 - which % len(self.quotes)]
        ways = []
        for who in ("patient", hospital, "ops"):
            shown = self.house.get(f"/v1/quotes/{its_id}", token=self.token(who, reference))
            ways += [(act, who) for act in shown.json.get("possible", ()) if act in QUOTE_ACTS]
        if ways:
            way = ("accept", "patient") if ("accept", "patient") in ways and choice < 6 else ways[choice % len(ways)]
            self.decided(one, *way, stale=False)

    @rule(case=some.integers(0, 1), really=some.integers(0, 5))
    def withdraw(self, case, really):
        reference, token = list(self.cases.items())[case]
        shown = self.house.get(f"/v1/enquiries/{reference}", token=token)
        if really == 0:
            self.expected(
                self.house.post(f"/v1/enquiries/{reference}/withdraw", {}, token=token, key=None, if_match=shown.json["revision"])
            )

    @rule(span=some.sampled_from(SPANS))
    def time_passes(self, span):
        self.house.clock.pass_(minutes=span / timedelta(minutes=1))
        self.house.fire()

    @rule(which=some.integers(0, 9), late=some.booleans())
    def its_day_comes(self, which, late):
        if not self.appointments:
            return
        its_id, reference, _ = self.appointments[which % len(self.appointments)]
        shown = self.house.get(f"/v1/appointments/{its_id}", token=self.cases[reference]).json
        if shown["state"] == "confirmed" and (start := datetime.fromisoformat(shown["start"])) > self.house.clock():
            self.house.clock.now = start + timedelta(hours=2 if late else 0)
            self.house.fire()

    # -- how ----------------------------------------------------------------------

    def token(self, who, reference):
        return self.cases[reference] if who == "patient" else self.people[who]

    def slot(self, hospital, place):
        query = {"from": f"{self.house.clock():%Y-%m-%d}", "days": 9, "zone": "Europe/Istanbul"}
        days = self.house.client.get(f"/v1/hospitals/{hospital}/slots", query_string=query).json["days"]
        free = [slot["start"] for day in days for slot in day["slots"]]
        return {"resource": self.resources[hospital]["id"], "start": free[place % len(free)]}

    def began(self, path, body, reference, token, *, lost):
        key = f"key-{next(self.house.keys)}"
        answers = [
            self.house.post(path, body, token=token, key=key) for _ in range(2 if lost else 1)
        ]  # an answer is lost: the same is asked again
        self.expected(answers[0])
        assert answers[0].json == answers[-1].json
        if answers[0].status_code == 201:
            hospital = answers[0].json["hospital"]
            self.appointments.append((answers[0].json["id"], reference, hospital))

    def acted(self, one, act, who, slot, *, stale):
        its_id, reference, hospital = one
        token = self.token(who, reference)
        shown = self.house.get(f"/v1/appointments/{its_id}", token=token)
        self.expected(shown)
        body = ACTS[act]
        if act == "propose-change":
            body = {"start": self.slot(hospital, slot)["start"]}
        elif act == "offer-slots":
            body = {"slots": [self.slot(hospital, slot), self.slot(hospital, slot + 1)]}
        elif act == "accept-slot":
            offers = shown.json.get("offers") or [self.slot(hospital, slot)]
            body = {name: offers[slot % len(offers)][name] for name in ("resource", "start")}
        revision = None
        if who == "ops":
            body = body | (BECAUSE if act in WITH_REASON else {})
        elif shown.status_code == 200:
            revision = shown.json["revision"] - stale
        answer = self.house.post(f"/v1/appointments/{its_id}/{act}", body, token=token, key=None, if_match=revision)
        self.expected(answer)
        if stale and shown.status_code == 200 and who != "ops":
            self.must(answer.status_code != 200, "an old version moved something")
        done = {name.replace("_", "-") for name in shown.json.get("possible", ())}
        if answer.status_code == 200 and act != "resolve":
            possible = act in done or (act == "submit" and "confirm-instantly" in done)
            self.must(possible, f"{act} by {who} was done, but not said to be possible")

    def quoted(self, reference, hospital, *, draft, lost):
        token = self.people[hospital]
        mine = [one for one in self.house.get("/v1/invitations", token=token).json["items"] if one["reference"] == reference]
        for one in mine:
            key = f"key-{next(self.house.keys)}"
            body = {"terms": terms(), "draft": draft}
            answers = [self.house.post(f"/v1/invitations/{one['id']}/quotes", body, token=token, key=key) for _ in range(2 if lost else 1)]
            self.expected(answers[0])
            assert answers[0].json == answers[-1].json
            if answers[0].status_code == 201:
                self.quotes.append((answers[0].json["id"], reference, hospital))

    def decided(self, one, act, who, *, stale):
        its_id, reference, _ = one
        token = self.token(who, reference)
        shown = self.house.get(f"/v1/quotes/{its_id}", token=token)
        self.expected(shown)
        revision = shown.json["revision"] - stale if shown.status_code == 200 and who != "ops" else None
        body = QUOTE_ACTS[act] | (BECAUSE if who == "ops" and act != "extend" else {})
        answer = self.house.post(f"/v1/quotes/{its_id}/{act}", body, token=token, key=None, if_match=revision)
        self.expected(answer)
        if answer.status_code == 200:
            self.must(act in shown.json["possible"], f"{act} by {who} was done, but not said to be possible")
            self.must(who == "ops" or not stale, "an old version moved something")

    def expected(self, answer):
        self.must(answer.status_code in {200, 201} | REFUSALS, f"{answer.status_code} {answer.json}")

    def must(self, holds, what):
        """Kept as well as raised: a step that is made again elsewhere goes another way, and hypothesis would say only that."""
        if not holds:
            self.wrong.append(what)
        assert holds, what

    @invariant()
    def promises_hold(self):
        found = broken(self.house, self.memory)
        self.must(not found, "; ".join(found))


def test_whatever_people_and_time_do_every_promise_holds(house):
    checked = settings(
        max_examples=RUNS,
        stateful_step_count=STEPS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],  # runs share their slots: none is repeated in the same house, so nothing can be made smaller
        derandomize=DRAWN is None,
        database=None,
    )
    people = {name: house.hospital_token(name) for name in HOSPITALS} | {"ops": house.issue("ops")}
    resources = {name: doctor(house, name=name, instant=name == "second") for name in HOSPITALS}
    this = {"house": house, "people": people, "resources": resources, "memory": {}, "wrong": []}
    try:
        run_state_machine_as_test(type("Here", (Lifecycles,), this), settings=checked)
    finally:
        assert this["wrong"][:1] == []
    with db.transaction(house.engine) as session:
        seen = session.execute(text("SELECT DISTINCT subject, act FROM history")).all()
    assert len(seen) > 20, f"too little happened: {seen}"
