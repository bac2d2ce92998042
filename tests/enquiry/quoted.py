"""Quotes as both sides deal with them over HTTP: an open case, hospitals that were asked, what each offers."""

import hashlib
from dataclasses import dataclass

from services.enquiry import listings
from shared import db
from shared.events import catalog
from tests.enquiry.conftest import PROCEDURE, TEXTS

USD = {"currency": "USD", "language": "en"}
AFTERCARE = {"at_home": "A clinic in Lagos", "phone_24h": "+902120000000", "complication_cover_until": "2028-01-31"}


def stage(name="Implantation", least=9_000_000, most=None):
    return {"name": name, "min_minor": least, "max_minor": most or least}


def terms(*stages, included=("surgical-team", "hospital-stay"), excluded=("hotel",), **changes):
    said = {"stages": list(stages) or [stage()], "included": list(included), "excluded": list(excluded), "aftercare": AFTERCARE}
    return USD | said | changes


def consent(purpose="release_identity", version=1):
    return {"version": version, "language": "en", "sha256": hashlib.sha256(TEXTS[purpose].encode()).hexdigest()}


@dataclass
class Quoted:
    """One case of one patient, with what its hospitals do."""

    house: object
    reference: str
    patient: str

    def invitation(self, name="first"):
        items = self.get("/v1/invitations", by=name).json["items"]
        return next(one for one in items if one["reference"] == self.reference)

    def write(self, name="first", said=None, *, token=None, **body):
        path = f"/v1/invitations/{self.invitation(name)['id']}/quotes"
        return self.house.post(path, {"terms": said or terms(), **body}, token=token or self.house.hospital_token(name))

    def issued(self, name="first", said=None, **body):
        answer = self.write(name, said, **body)
        assert answer.status_code == 201, answer.json
        return answer.json

    def act(self, one, act, body=None, *, by="patient", if_match=True):
        token = self.patient if by == "patient" else self.house.hospital_token(by) if by in self.house.hospitals else self.house.issue(by)
        if_match = one["revision"] if if_match is True else if_match
        return self.house.post(f"/v1/quotes/{one['id']}/{act}", body, token=token, key=None, if_match=if_match)

    def did(self, one, act, body=None, **how):
        answer = self.act(one, act, body, **how)
        assert answer.status_code == 200, answer.json
        return answer.json

    def accepts(self, one, **changes):
        return self.act(one, "accept", {"acknowledged": ["price", "risks"], "consent": consent()} | changes)

    def accepted(self, one):
        answer = self.accepts(one)
        assert answer.status_code == 200, answer.json
        return answer.json

    def get(self, path, *, by="patient"):
        return self.house.get(path, token=self.patient if by == "patient" else self.house.hospital_token(by))

    def shown(self, one):
        return self.get(f"/v1/quotes/{one['id']}").json

    def compared(self):
        return self.get(f"/v1/enquiries/{self.reference}/comparison").json

    def state(self):
        return self.get(f"/v1/enquiries/{self.reference}").json["state"]

    def facts(self):
        """Names of all facts since the invitations were sent."""
        names = [name for name, _ in self.house.facts()]
        return names[len(names) - names[::-1].index("invitation.sent") :]

    def fact(self, name):
        return self.house.facts(f"quote.{name}")[-1][1]


def ask(house, *hospitals, **changes):
    return Quoted(house, house.opened(*(hospitals or ("first",)), **changes), house.patient_token())


def confirm_price(house, least, most, currency="USD"):
    """The catalog has a confirmed price for the procedure in Turkey now."""
    with db.transaction(house.engine) as session:
        known = listings.find_procedure(session, PROCEDURE)
        price = catalog.PriceRange(min_minor=least, max_minor=most, currency=currency)
        there = [catalog.Destination(country=one.country, hospital_ids=one.hospital_ids, prices=[price]) for one in known.destinations]
        listings.on_procedure(session, catalog.ProcedureState(**{**vars(known), "version": known.version + 1, "destinations": there}))
