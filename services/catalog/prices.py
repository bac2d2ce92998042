"""Prices: what a procedure is said to cost, by country and hospital, and whether anybody vouches for it."""

from datetime import date
from typing import Any
from uuid import UUID

from marshmallow import fields
from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column
from werkzeug.wrappers import Response

from shared.web import Blueprint

from . import wire
from .db import Base, Recorded
from .documents import LanguageQuery, answer_kept

# -- table --------------------------------------------------------------------


class Price(Recorded, Base):
    """Amounts in minor units of `currency` (ISO 4217); unique by procedure, country, hospital and basis."""

    __tablename__ = "prices"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    procedure: Mapped[str] = mapped_column(ForeignKey("procedures.slug"))
    country: Mapped[str]
    hospital: Mapped[str | None] = mapped_column(ForeignKey("hospitals.slug"))
    min_minor: Mapped[int] = mapped_column(BigInteger)
    max_minor: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str]
    basis: Mapped[str]
    source: Mapped[str | None]
    observed_on: Mapped[date | None]
    inclusions: Mapped[list[str]]
    standing: Mapped[str]

    __table_args__ = (
        Index("prices_key_idx", "procedure", "country", "hospital", "basis", unique=True, postgresql_nulls_not_distinct=True),
        Index(None, "hospital"),
        CheckConstraint("0 <= min_minor AND min_minor <= max_minor", name="range"),
    )


# -- schema -------------------------------------------------------------------


class PricesSchema(wire.PageHeadSchema):
    procedure = fields.Nested(wire.NamedSchema(), required=True)
    costs = wire.listed(wire.CostSchema())


# -- routes -------------------------------------------------------------------

bp = Blueprint("prices", __name__, url_prefix="/v1/procedures", description="What it is said to cost")


@bp.route("/<slug>/prices")
@bp.arguments(LanguageQuery(), location="query")
@bp.response(200, PricesSchema())
def show(parameters: dict[str, Any], slug: str) -> Response:
    """Prices of a procedure by country, with stay and recovery."""
    return answer_kept("prices", slug, parameters)
