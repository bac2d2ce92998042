"""Of the mail server and of a hospital's endpoint: each misbehaves in its way for a while."""

from collections.abc import Sequence
from contextlib import suppress

import requests

from devstack.robots import Robot
from tests.faults.house import House
from tests.faults.injected import UNSURE, Fault, NotNow
from tests.faults.injected.programs import release
from tests.faults.schedule import AGAIN
from tests.faults.world import HOST

MAIL = {
    "hang": "the mail server hangs",
    "451": "the mail server answers 451",
    "421": "the mail server answers 421",
    "554": "the mail server answers 554",
    "drop": "the mail server drops the connection after the final dot",
    "hang_at_dot": "the mail server hangs after the final dot",
}
HOOK = {
    "hang": "endpoints hang",
    "500": "endpoints answer 500",
    "429": "endpoints answer 429 with Retry-After",
    "302": "endpoints redirect",
    "huge": "endpoints send 1 GB back",
    "break": "endpoints break off",
}
INSIDE = "localhost"
REFUSED = (("email", "failed"), *UNSURE)  # an earlier attempt may have gone: then a refusal is no proof that it did not arrive
EXPLAINS = {"554": REFUSED, "drop": UNSURE, "hang_at_dot": UNSURE}


def mail(mood: str) -> Fault:
    def become(house: House, now: str) -> None:
        house.mail.mood = now

    explains = EXPLAINS.get(mood, ())
    return Fault(MAIL[mood], lambda house: become(house, mood), lambda house: become(house, "well"), seconds=(2.0, 4.0), explains=explains)


def hooks(mood: str) -> Fault:
    def become(house: House, now: str) -> None:
        house.hooks.mood = now

    return Fault(HOOK[mood], lambda house: become(house, mood), lambda house: become(house, "well"), seconds=(2.0, 4.0))


def gone(hospital: Robot) -> Fault:
    """410 disables the endpoint at once; afterwards the hospital registers a new one."""

    def heal(house: House) -> None:
        house.hooks.gone.discard(hospital.slug)
        if any(
            one["kind"] == "webhook" and one["state"] == "active" and one["id"] not in house.private
            for one in hospital.client.get("notification", "/v1/endpoints")
        ):
            return
        made = hospital.client.post(
            "notification", "/v1/endpoints", {"kind": "webhook", "url": house.place.receiver.webhook_url(hospital.slug)}
        )
        requests.put(f"http://{HOST}:{house.hooks.port}/hospitals/{hospital.slug}", json={"secret": made["secret"]}, timeout=5)

    def inject(house: House) -> None:
        if hospital.slug in house.hooks.gone:
            raise NotNow
        house.hooks.gone.add(hospital.slug)

    return Fault("an endpoint answers 410", inject, heal, seconds=(3.0, 5.0), explains=(("webhook", "disabled"),))


def private(hospital: Robot) -> Fault:
    """A hospital adds an endpoint whose name leads into our own network, and takes it away again.

    All hospitals of a campaign live in such a place, which its settings allow; the deliverers of this time judge other names as in production.
    """
    deploys = [release(name, "guarded") for name in ("notification-deliver", "notification-deliver-2")]

    def inject(house: House) -> None:
        for one in deploys:
            one.inject(house)
        with suppress(*AGAIN):  # who gets no answer may have been heard
            hospital.client.post("notification", "/v1/endpoints", {"kind": "webhook", "url": f"https://{INSIDE}:{house.hooks.port}/"})

    def heal(house: House) -> None:
        for one in hospital.client.get("notification", "/v1/endpoints"):
            if INSIDE in (one["url"] or ""):
                house.private.add(one["id"])
                hospital.client.delete("notification", f"/v1/endpoints/{one['id']}", if_match=one["version"])
        for one in deploys:
            one.heal(house)

    return Fault("an endpoint leads to a private address", inject, heal, seconds=(14.0, 18.0), slow=True)


def all_of(hospitals: Sequence[Robot]) -> tuple[list[Fault], list[str]]:
    """The faults of this kind, and a sentence for each that cannot be here."""
    return [*map(mail, MAIL), *map(hooks, HOOK), gone(hospitals[-1]), private(hospitals[0])], []
