"""Doctors: who treats, where, in which languages."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, Index, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, Session, mapped_column
from werkzeug.wrappers import Response

from shared import web
from shared.web import Blueprint
from shared.web.pages import PageQuery, PageSchema, place

from . import wire
from .db import Base, Recorded, Texts
from .documents import answer_cards, cards, wanted_language
from .hospitals import Hospital, find_hospital
from .parameters import language_parameter, require_known, slug_parameter, without_nul
from .procedures import Procedure
from .specialties import Specialty

# -- table --------------------------------------------------------------------


class Doctor(Recorded, Base):
    __tablename__ = "doctors"

    slug: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    title: Mapped[Texts]
    specialty: Mapped[str] = mapped_column(ForeignKey("specialties.slug"))
    hospital: Mapped[str] = mapped_column(ForeignKey("hospitals.slug"))
    since_year: Mapped[int | None]
    languages: Mapped[list[str]] = mapped_column(ARRAY(Text))
    procedures: Mapped[list[str]] = mapped_column(ARRAY(Text))

    __table_args__ = (
        Index(None, "hospital", "slug"),
        Index(None, "specialty", "slug"),
        Index("doctors_languages_idx", "languages", postgresql_using="gin"),
        Index("doctors_procedures_idx", "procedures", postgresql_using="gin"),
    )


# -- schema -------------------------------------------------------------------


class DoctorListSchema(PageSchema):
    items = wire.listed(wire.DoctorCardSchema())


class HospitalDoctorQuery(PageQuery):
    """The answer's language is that of Accept-Language; `language` is one that the doctor speaks."""

    procedure = slug_parameter("intrathecal-baclofen-therapy")
    specialty = slug_parameter("neurosurgery")
    language = language_parameter("spoken by the doctor")


class DoctorQuery(HospitalDoctorQuery):
    hospital = slug_parameter("mavi-fener-hospital")


# -- rules --------------------------------------------------------------------


def doctors_of(session: Session, language: str, *, filters: Mapping[str, Any], after: str, limit: int) -> list[tuple[str, bytes]]:
    """(slug, card) in the order of slugs, up to one more than `limit`. Raises Invalid(slug-unknown) but for the hospital."""
    wanted = [condition(filters[name]) for name, condition in FILTERS.items() if name in filters]
    query = cards("doctor-card", Doctor.slug, language).where(Doctor.slug > after, *wanted)
    found = session.execute(query.order_by(Doctor.slug).limit(limit + 1)).all()
    if not found:
        columns = {"procedure": Procedure.slug, "specialty": Specialty.slug}
        require_known(session, {name: (filters.get(name), column) for name, column in columns.items()})
    return [(slug, body) for slug, body in found]


FILTERS: dict[str, Callable[[str], ColumnElement[bool]]] = {
    "hospital": lambda slug: Doctor.hospital == slug,
    "specialty": lambda slug: Doctor.specialty == slug,
    "procedure": lambda slug: Doctor.procedures.contains([slug]),
    "language": lambda tag: Doctor.languages.contains([tag]),
}

# -- routes -------------------------------------------------------------------

bp = Blueprint("doctors", __name__, url_prefix="/v1", description="Who treats")


@bp.route("/doctors")
@bp.arguments(DoctorQuery(), location="query")
@bp.response(200, DoctorListSchema())
def list_(parameters: dict[str, Any]) -> Response:
    """Doctors, by hospital, procedure, specialty or language spoken."""
    language = wanted_language({})
    with web.reading() as session:
        found = doctors_of(session, language, filters=parameters, after=place(parameters["after"]) or "", limit=parameters["limit"])
        if not found:
            require_known(session, {"hospital": (parameters.get("hospital"), Hospital.slug)})
    return answer_cards(found, parameters["limit"], language)


@bp.route("/hospitals/<slug>/doctors")
@bp.arguments(HospitalDoctorQuery(), location="query")
@bp.response(200, DoctorListSchema())
def list_at_hospital(parameters: dict[str, Any], slug: str) -> Response:
    """Doctors of a hospital."""
    language, filters = wanted_language({}), parameters | {"hospital": without_nul(slug)}
    with web.reading() as session:
        found = doctors_of(session, language, filters=filters, after=place(parameters["after"]) or "", limit=parameters["limit"])
        if not found:
            find_hospital(session, slug)
    return answer_cards(found, parameters["limit"], language)
