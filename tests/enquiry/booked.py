"""Appointments as both sides make them over HTTP: an open case, a doctor with free mornings, a slot that is held, asked for, confirmed."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from shared import db
from tests.enquiry.test_slots import days, doctor

TUESDAY = datetime(2026, 12, 1, 6, 0, tzinfo=UTC)  # 09:00 in Istanbul
FORM = {"kind": "assessment", "mode": "on_site", "companions": 1}


@dataclass
class Booked:
    """One case with one doctor of one hospital."""

    house: object
    reference: str
    patient: str
    resource: dict
    hospital: str

    def hold(self, start=TUESDAY, **changes):
        body = {"resource": self.resource["id"], "start": start.isoformat(), **changes}
        return self.house.post(f"/v1/enquiries/{self.reference}/appointments", body, token=self.patient)

    def held(self, start=TUESDAY):
        answer = self.hold(start)
        assert answer.status_code == 201, answer.json
        return answer.json

    def act(self, one, act, body=None, *, by="patient", if_match=True):
        token = {"patient": self.patient, "hospital": self.hospital}.get(by) or self.house.issue(by)
        if_match = one["revision"] if if_match is True else if_match
        return self.house.post(f"/v1/appointments/{one['id']}/{act}", body, token=token, key=None, if_match=if_match)

    def did(self, one, act, body=None, **how):
        answer = self.act(one, act, body, **how)
        assert answer.status_code == 200, answer.json
        return answer.json

    def asked(self, start=TUESDAY, form=FORM):
        return self.did(self.held(start), "submit", form)

    def confirmed(self, start=TUESDAY):
        return self.did(self.asked(start), "confirm", by="hospital")

    def withdraw(self):
        path = f"/v1/enquiries/{self.reference}"
        self.house.post(f"{path}/withdraw", {}, token=self.patient, if_match=self.house.get(path, token=self.patient).json["revision"])

    def shown(self, one):
        return self.house.get(f"/v1/appointments/{one['id']}", token=self.patient).json

    def told(self):
        """Names of the facts of appointments and invitations' answers, in their order."""
        return [name for name, _ in self.house.facts() if name.startswith("appointment.") or name == "invitation.answered"]

    def fact(self, name):
        return self.house.facts(f"appointment.{name}")[-1][1]

    def is_free(self, start=TUESDAY):
        day = start.date().isoformat()
        return (start + timedelta(hours=3)).strftime("%H:%M") in {one[11:16] for one in days(self.house, self.resource["of"]).get(day, [])}


def book(house, *, name="first", **changes):
    resource = doctor(house, name=name, **changes) | {"of": name}
    reference = house.opened(name)
    return Booked(house, reference, house.patient_token(), resource, house.hospital_token(name))


def claims(house):
    with db.transaction(house.engine) as session:
        return session.execute(text("SELECT appointment_id, expires_at FROM slot_claims ORDER BY lower(during)")).all()
