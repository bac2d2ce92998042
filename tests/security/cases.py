"""A case that has come far, for whoever is to go on from there: its patient is signed in, its first hospital has appointments to answer."""

from dataclasses import dataclass
from typing import Any

from devstack import mother
from devstack.client import Client
from tests.journeys import booking
from tests.journeys.conftest import Stack

KINDS = ("video_consultation", "assessment", "screening_trial")  # one live appointment of each


@dataclass(frozen=True)
class Case:
    """`slots` are free ones of its hospital: bodies that hold them."""

    reference: str
    patient: Client
    slots: list[dict[str, Any]]

    def holds(self, *, because: str | None) -> list[dict[str, Any]]:
        """Operations give a reason, others must not."""
        return [slot | {"because": because} if because else slot for slot in self.slots]


def prepare(town: Stack) -> Case:
    body, address = town.body()
    reference = town.visitor.post("enquiry", "/v1/enquiries", body)["reference"]
    town.prove(address)
    patient = Client(town.place)
    patient.sign_in(case_link=mother.token_in(town.mail(address, "/l/case/"), "case"))
    hospital = town.hospitals[0]
    doctor = hospital.client.post("enquiry", "/v1/resources", booking.DOCTOR)
    days = town.visitor.get("enquiry", f"/v1/hospitals/{hospital.slug}/slots", days="14")["days"]
    free = [{"resource": doctor["id"], "start": one["start"]} for day in days for one in day["slots"] if one["resource"] == doctor["id"]]
    for kind, slot in zip(KINDS, free, strict=False):
        held = patient.post("enquiry", f"/v1/enquiries/{reference}/appointments", slot)
        patient.post("enquiry", f"/v1/appointments/{held['id']}/submit", booking.FORM | {"kind": kind}, if_match=held["revision"])
    return Case(reference, patient, free[len(KINDS) :])
