"""A hospital with doctors whose slots overlap, and as many open cases as there are people who want them, on real PostgreSQL."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from shared import db
from tests.enquiry.conftest import House

BEGIN = datetime(2026, 12, 1, 6, 0, tzinfo=UTC)  # 09:00 in Istanbul
HOURS = [{"weekday": day, "opens": "09:00", "closes": "13:00"} for day in range(1, 6)]
PATIENT_TIME = {
    "statement_timeout": 60_000,
    "lock_timeout": 60_000,
}  # everybody waits for their turn: who is refused is refused by the slot


@dataclass
class Town:
    """`slots` of each doctor; the buffer behind each makes neighbours overlap."""

    house: House
    doctors: list[UUID]
    cases: list[str]

    @classmethod
    def of(cls, house: House, *, people: int, doctors: int = 1) -> "Town":
        made = [cls._doctor(house, number) for number in range(doctors)]
        return cls(house, made, [cls._case(house, number) for number in range(people)])

    @staticmethod
    def _doctor(house: House, number: int) -> UUID:
        body = {"kind": "doctor", "name": f"Dr. {number}", "hours": HOURS, "lead_minutes": 60, "buffer_minutes": 15}
        made = house.post("/v1/resources", body, token=house.hospital_token("first"))
        assert made.status_code == 201, made.json
        return UUID(made.json["id"])

    @staticmethod
    def _case(house: House, number: int) -> str:
        body = house.body("first")
        body["requester"]["email"] = f"person-{number}@example.org"
        made = house.post("/v1/enquiries", body, token=house.issue("client"))
        assert made.status_code == 201, made.json
        return made.json["reference"]

    def engine(self, connections: int):
        """Its connections are opened by those who use them."""
        return db.engine(self.house.settings.database_url, name="proof", timeouts=PATIENT_TIME, pool=connections)

    def starts(self) -> list[datetime]:
        """Of the first day's slots, UTC."""
        return [BEGIN + timedelta(minutes=30) * number for number in range(8)]

    def wrong(self) -> dict[str, int]:
        """What must not be, counted: each must be 0."""
        with db.transaction(self.house.engine) as session:
            return {name: session.scalars(text(query), {"now": self.house.clock()}).one() for name, query in NEVER.items()}


# A claim's time may be over before its timer has fired: then somebody else may have the moment, and the first one's appointment is no longer sure of it.
NEVER = {
    "moments with two live claims": """
        SELECT count(*) FROM slot_claims a JOIN slot_claims b ON a.resource_id = b.resource_id AND a.during && b.during
        WHERE a.appointment_id < b.appointment_id
    """,
    "agreed appointments that overlap": """
        SELECT count(*) FROM appointments a JOIN appointments b ON a.resource_id = b.resource_id AND a.id < b.id
        AND tstzrange(a.starts_at, a.ends_at) && tstzrange(b.starts_at, b.ends_at)
        WHERE a.state IN ('confirmed', 'change_proposed') AND b.state IN ('confirmed', 'change_proposed')
    """,
    "agreed appointments without their slot for good": """
        SELECT count(*) FROM appointments a WHERE a.state IN ('confirmed', 'change_proposed') AND NOT EXISTS (
            SELECT FROM slot_claims c WHERE c.appointment_id = a.id AND c.resource_id = a.resource_id AND lower(c.during) = a.starts_at
            AND c.expires_at IS NULL
        )
    """,
    "claims for good of nobody": """
        SELECT count(*) FROM slot_claims c WHERE c.expires_at IS NULL AND NOT EXISTS (
            SELECT FROM appointments a WHERE a.id = c.appointment_id AND a.state IN ('confirmed', 'change_proposed')
        )
    """,
    "transitions without their fact, or facts without their transition": """
        SELECT count(*) FROM history h FULL JOIN (SELECT event_id FROM outbox WHERE type LIKE 'appointment.%') o USING (event_id)
        WHERE (h.subject = 'appointment' AND o.event_id IS NULL) OR h.event_id IS NULL
    """,
    "waits that should have ended": """
        SELECT count(*) FROM appointments WHERE state IN ('held', 'awaiting_confirmation', 'change_proposed') AND expires_at <= :now
    """,
}
