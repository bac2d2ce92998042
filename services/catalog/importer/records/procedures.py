"""What a patient reads about a procedure, and what its enquiry form asks."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from .origin import Record, Span, Texts


class Severity(StrEnum):
    MINOR = "minor"
    SERIOUS = "serious"
    LIFE_THREATENING = "life_threatening"


class Where(StrEnum):
    HOME = "home"
    DESTINATION = "destination"
    EITHER = "either"


class AnswerKind(StrEnum):
    CHOICE = "choice"
    NUMBER = "number"
    TEXT = "text"
    DATE = "date"
    YES_NO = "yes_no"


@dataclass(frozen=True, kw_only=True)
class WantedDocument:
    """A record the enquiry form asks for. Key inside the procedure: slug."""

    slug: str
    name: Texts


@dataclass(frozen=True, kw_only=True)
class Preparation:
    text: Texts
    days_before: int | None = None
    document_required: WantedDocument | None = None


@dataclass(frozen=True, kw_only=True)
class Risk:
    text: Texts
    severity: Severity | None = None


@dataclass(frozen=True, kw_only=True)
class WarningSign:
    text: Texts
    what_to_do: Texts


@dataclass(frozen=True, kw_only=True)
class Followup:
    kind: Texts
    every_months: Span | None
    """None: once, or as the hospital says."""
    where: Where


@dataclass(frozen=True, kw_only=True)
class Faq:
    question: Texts
    answer: Texts
    reviewed_on: date | None = None


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A part of the treatment that a quote prices by itself and an appointment can be made for. Key inside the procedure: slug."""

    slug: str
    name: Texts


@dataclass(frozen=True, kw_only=True)
class Choice:
    slug: str
    label: Texts


@dataclass(frozen=True, kw_only=True)
class IntakeQuestion:
    """A clinical question whose answer a hospital needs to quote. Key inside the procedure: slug.

    choice: `choices` has two or more; number: `min` and `max` in `unit`, both included; text: at most `max` characters (default 2000).
    """

    slug: str
    question: Texts
    kind: AnswerKind
    required: bool = False
    hint: Texts | None = None
    choices: tuple[Choice, ...] = ()
    min: int | None = None
    max: int | None = None
    unit: Texts | None = None


@dataclass(frozen=True, kw_only=True)
class Procedure(Record):
    """Key: slug. `specialty` and `performed_by` are slugs of specialties."""

    slug: str
    name: Texts
    specialty: str
    summary: Texts
    overview: Texts
    mechanism: Texts | None = None
    synonyms: tuple[Texts, ...] = ()
    """Each may stand in one language only."""
    conditions: tuple[Texts, ...] = ()
    alternatives: tuple[Texts, ...] = ()
    performed_by: tuple[str, ...] = ()
    device_implanted: bool = False
    highlights: tuple[Texts, ...] = ()
    indications: tuple[Texts, ...] = ()
    preparation: tuple[Preparation, ...] = ()
    risks: tuple[Risk, ...] = ()
    warning_signs: tuple[WarningSign, ...] = ()
    recovery_notes: tuple[Texts, ...] = ()
    restrictions: tuple[Texts, ...] = ()
    carry: tuple[Texts, ...] = ()
    followups: tuple[Followup, ...] = ()
    stay_days: Span | None = None
    """Typical; a destination's own facts go first."""
    recovery_weeks: Span | None = None
    recovery_note: Texts | None = None
    stages: tuple[Stage, ...] = ()
    intake: tuple[IntakeQuestion, ...] = ()
    faqs: tuple[Faq, ...] = ()
    reviewed_by: str | None = None
    reviewed_on: date | None = None


@dataclass(frozen=True, kw_only=True)
class DestinationFacts(Record):
    """Key: (procedure, country). That this record exists makes the page of the procedure in that country."""

    procedure: str
    country: str
    stay_days: Span | None = None
    recovery_weeks: Span | None = None
    recovery_note: Texts | None = None
    source: str | None = None
    compared_with: tuple[str, ...] | None = None
    """Countries named as the others on this page. None: all other destinations of the procedure."""
