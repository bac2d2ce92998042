"""What is said to patients or by them: stories, consent texts, the rule behind an order."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from .origin import Record, Texts


@dataclass(frozen=True, kw_only=True)
class StoryConsent:
    given_on: date
    reference: str
    """Where the signed consent is kept; opaque, no personal data."""


@dataclass(frozen=True, kw_only=True)
class Story(Record):
    """Key: slug. `country` is where the treatment was. Without consent a story is kept back, never shown."""

    slug: str
    headline: Texts
    body: Texts
    author_display: str
    country: str
    procedure: str
    hospital: str | None = None
    consent: StoryConsent | None = None
    treated_on: date | None = None


class Purpose(StrEnum):
    HEALTH_DATA = "health_data"
    """To keep and use what is said about the patient's health."""
    SHARE_CASE_WITH_HOSPITAL = "share_case_with_hospital"
    """One hospital sees the case without name and contact."""
    RELEASE_IDENTITY = "release_identity"
    """The hospital whose quote is accepted learns who the patient is."""


@dataclass(frozen=True, kw_only=True)
class ConsentText(Record):
    """Key: (purpose, version, language). One record for each language of the file's entry."""

    purpose: Purpose
    version: int
    language: str
    text: str
    sha256: str
    """Lower-case hex of the SHA-256 of `text` in UTF-8; the text is in NFC and ends without a line break."""


class RankingKey(StrEnum):
    PARTNER = "partner"
    AUTHORISATION = "authorisation"
    """valid, then unknown, then lapsed"""
    EVIDENCE = "evidence"
    """an offering with evidence first"""
    ACCREDITATIONS = "accreditations"
    """more of them first"""
    NAME = "name"


@dataclass(frozen=True, kw_only=True)
class RankingRule(Record):
    """Key: slug. The most specific applies: procedure and country, procedure, country, neither. `text` is what people read."""

    slug: str
    text: Texts
    order: tuple[RankingKey, ...]
    procedure: str | None = None
    country: str | None = None
