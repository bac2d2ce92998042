"""What the catalog tells everybody: the public state of procedures and hospitals, by compacted topics."""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from shared.events import State, Topic, register

PROCEDURES = Topic("catalog.procedures", 3, compacted=True, meaning="what may be asked for, and what is asked of the patient")
HOSPITALS = Topic("catalog.hospitals", 3, compacted=True, meaning="who offers it, where, and when they work")

Texts = dict[str, str]  # language (BCP 47) -> text


class Standing(StrEnum):
    """What is known of a hospital's authorisation to treat patients from abroad."""

    UNKNOWN = "unknown"
    VALID = "valid"
    LAPSED = "lapsed"


class AnswerKind(StrEnum):
    """How an intake question is answered."""

    CHOICE = "choice"
    NUMBER = "number"
    TEXT = "text"
    DATE = "date"
    YES_NO = "yes_no"


@dataclass(frozen=True, kw_only=True)
class PriceRange:
    """A confirmed price, in minor units of the currency (ISO 4217)."""

    min_minor: int
    max_minor: int
    currency: str


@dataclass(frozen=True, kw_only=True)
class Destination:
    """A country where the procedure is offered."""

    country: Annotated[str, "ISO 3166-1 alpha-2"]
    hospital_ids: Annotated[list[UUID], "hospitals that offer it there, in the order of the ranking rule"]
    prices: Annotated[list[PriceRange], "confirmed prices only"] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One of the answers that can be chosen."""

    slug: str
    label: Texts


@dataclass(frozen=True, kw_only=True)
class IntakeQuestion:
    """A clinical question whose answer a hospital needs to quote."""

    slug: str
    text: Texts
    kind: AnswerKind
    required: bool
    choices: list[Choice] = field(default_factory=list)
    minimum: float | None = None
    maximum: float | None = None
    unit: Texts | None = None
    hint: Texts | None = None


@dataclass(frozen=True, kw_only=True)
class RecordWanted:
    """A document the patient should bring or send."""

    slug: str
    text: Texts


@dataclass(frozen=True, kw_only=True)
class ConsentText:
    """One version of one consent text in one language; the hash is of its UTF-8 bytes."""

    purpose: str
    version: int
    language: str
    text: str
    sha256: Annotated[str, "hexadecimal"]


@register("catalog.procedure.v1", PROCEDURES)
@dataclass(frozen=True, kw_only=True)
class ProcedureState(State):
    """One procedure: its names, where it is offered and by whom, and what the enquiry form asks."""

    slug: str
    names: Texts
    specialty: str
    sample: Annotated[bool, "an invented record, for trying things out"]
    device_implanted: bool
    destinations: list[Destination]
    intake: list[IntakeQuestion]
    records: list[RecordWanted]
    consents: list[ConsentText]


@dataclass(frozen=True, kw_only=True)
class WorkingHours:
    """Opening hours of one weekday, local time as HH:MM; several a day are allowed."""

    weekday: Annotated[int, "ISO 8601: 1 is Monday, 7 Sunday"]
    opens: str
    closes: str


@register("catalog.hospital.v1", HOSPITALS)
@dataclass(frozen=True, kw_only=True)
class HospitalState(State):
    """One hospital: where it is, when it works, whether it is a partner and may treat patients from abroad."""

    slug: str
    name: str
    country: Annotated[str, "ISO 3166-1 alpha-2"]
    city: str
    timezone: Annotated[str | None, "IANA; None where it is not known"] = None
    working_hours: list[WorkingHours] = field(default_factory=list)
    holidays: list[date] = field(default_factory=list)
    languages: list[str] = field(default_factory=list)
    accreditations: list[str] = field(default_factory=list)
    authorisation: Standing = Standing.UNKNOWN
    authorised_until: date | None = None
    insured_until: Annotated[date | None, "complication insurance, where the country asks for one"] = None
    partner: bool = False
    sample: bool = False
