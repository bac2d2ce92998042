"""Ranking rules: the written rule behind the order of hospitals on a page. Nobody can pay for a place."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from .db import Base, Recorded, Texts
from .hospitals import Hospital
from .languages import DEFAULT, pick

# -- table --------------------------------------------------------------------


class RankingRule(Recorded, Base):
    """`order` lists the keys compared, the first that differs decides. The most specific rule applies."""

    __tablename__ = "ranking_rules"

    slug: Mapped[str] = mapped_column(primary_key=True)
    text: Mapped[Texts]
    order: Mapped[list[str]]
    procedure: Mapped[str | None] = mapped_column(ForeignKey("procedures.slug"), index=True)
    country: Mapped[str | None]


# -- rules --------------------------------------------------------------------

STANDINGS = ("valid", "unknown", "lapsed")


def rule_for(rules: Iterable[RankingRule], *, procedure: str, country: str) -> RankingRule | None:
    """The most specific rule: for procedure and country, for the procedure, for the country, for all."""
    fitting = (rule for rule in rules if rule.procedure in {None, procedure} and rule.country in {None, country})
    return max(fitting, key=lambda rule: (rule.procedure is not None, rule.country is not None, rule.slug), default=None)


def position_of(rule: RankingRule | None, hospital: Hospital, *, has_evidence: bool) -> tuple[Any, ...]:
    """What hospitals are sorted by; the slug decides where all else is equal. Without a rule: by name."""
    keys = {
        "partner": not hospital.partner,
        "authorisation": STANDINGS.index(hospital.authorisation["standing"]),
        "evidence": not has_evidence,
        "accreditations": -len(hospital.accreditations),
        "name": pick(hospital.name, DEFAULT)["text"].casefold(),
    }
    return (*(keys[name] for name in (rule.order if rule else ["name"])), hospital.slug)
