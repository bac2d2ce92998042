"""What may be asked for: enquiry's own copy of the catalog, fed by its topics, so that the catalog may be down.

Never asks the catalog anything.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any, TypeVar
from uuid import UUID
from weakref import WeakSet

from sqlalchemy import Connection, Engine, TextClause, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from shared import inbox
from shared.events import Tombstone
from shared.events.catalog import ConsentText, Destination, HospitalState, ProcedureState, Standing
from shared.events.notification import EndpointState
from shared.events.schemas import schema_of
from shared.problems import Invalid, Unavailable, field_error

from .db import Base

CONSUMER = "enquiry"
MAX_KNOWN = 2000
_known: dict[tuple[UUID, int], Any] = {}
_loaded: WeakSet[Engine | Connection] = (
    WeakSet()
)  # databases seen to be so: they stay so, and one that was restored is served by a new process

# -- table --------------------------------------------------------------------


class ListedProcedure(Base):
    """The newest state of a procedure; withdrawn ones stay, so that an older record cannot bring them back."""

    __tablename__ = "listed_procedures"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    slug: Mapped[str] = mapped_column(index=True)
    state: Mapped[dict[str, Any]]
    withdrawn: Mapped[bool]


class ListedHospital(Base):
    """The newest state of a hospital."""

    __tablename__ = "listed_hospitals"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    slug: Mapped[str] = mapped_column(index=True)
    state: Mapped[dict[str, Any]]
    withdrawn: Mapped[bool]


class ReachableHospital(Base):
    """How a hospital can be alerted, as the notification service says."""

    __tablename__ = "reachable_hospitals"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    email: Mapped[bool]
    webhook: Mapped[bool]


Listed = ListedProcedure | ListedHospital
S = TypeVar("S", ProcedureState, HospitalState)


def _versions(table: type[Listed], by: str) -> TextClause:
    return text(f"SELECT id, version FROM {table.__tablename__} WHERE {by} = ANY(:wanted) AND NOT withdrawn")  # noqa: S608  # names of ours


_VERSIONS = {
    (table, by): _versions(table, by) for table, by in ((ListedProcedure, "slug"), (ListedHospital, "id"), (ListedHospital, "slug"))
}

# -- rules --------------------------------------------------------------------


def on_procedure(session: Session, state: ProcedureState | Tombstone) -> None:
    """Keep the newest state; an older or equal version changes nothing."""
    _keep(session, ListedProcedure, state)


def on_hospital(session: Session, state: HospitalState | Tombstone) -> None:
    """Keep the newest state; an older or equal version changes nothing."""
    _keep(session, ListedHospital, state)


def _keep(session: Session, table: type[Listed], state: ProcedureState | HospitalState | Tombstone) -> None:
    if isinstance(state, Tombstone):
        values: dict[str, Any] = {"slug": "", "state": {}, "withdrawn": True}
    else:
        values = {"slug": state.slug, "state": schema_of(type(state)).dump(state), "withdrawn": False}
    row = insert(table).values(id=state.id, version=state.version, **values)
    newer = table.version < row.excluded.version
    kept = (
        {"version": state.version, **values}
        if not isinstance(state, Tombstone)
        else {"version": state.version, "state": {}, "withdrawn": True}
    )
    session.execute(row.on_conflict_do_update(index_elements=["id"], set_=kept, where=newer))


def on_endpoint(session: Session, state: EndpointState | Tombstone) -> None:
    """Keep the newest way to reach a hospital; none, when the record is gone."""
    email, webhook = (state.email, state.webhook) if isinstance(state, EndpointState) else (False, False)
    row = insert(ReachableHospital).values(id=state.id, version=state.version, email=email, webhook=webhook)
    values = {"version": state.version, "email": email, "webhook": webhook}
    session.execute(row.on_conflict_do_update(index_elements=["id"], set_=values, where=ReachableHospital.version < state.version))


def find_procedure(session: Session, slug: str) -> ProcedureState:
    """The listed procedure. Raises Invalid(procedure-not-listed)."""
    for procedure in _read(session, ListedProcedure, ProcedureState, "slug", [slug]):
        return procedure
    raise Invalid("procedure-not-listed", errors=[field_error("procedure", "is not listed")])


def _read(session: Session, table: type[Listed], kind: type[S], by: str, wanted: Sequence[Any]) -> list[S]:
    """The states of these rows that are listed now, each read once in a process: the same version says the same for ever."""
    rows = session.execute(_VERSIONS[table, by], {"wanted": list(wanted)})
    states: dict[UUID, S | None] = {row.id: _known.get((row.id, row.version)) for row in rows}
    unread = [each for each, state in states.items() if state is None]
    fetch = select(table.id, table.version, table.state).where(table.id.in_(unread), table.withdrawn.is_(False))
    for row in session.execute(fetch) if unread else ():
        states[row.id] = _known[row.id, row.version] = schema_of(kind).load(row.state)
    while len(_known) > MAX_KNOWN:
        del _known[next(iter(_known))]
    return [state for state in states.values() if state is not None]


def find_destination(procedure: ProcedureState, country: str) -> Destination:
    """Raises Invalid(procedure-not-listed)."""
    for destination in procedure.destinations:
        if destination.country == country:
            return destination
    raise Invalid("procedure-not-listed", errors=[field_error("destination", "is not listed for this procedure")])


def hospitals_by_id(session: Session, ids: Sequence[UUID]) -> dict[UUID, HospitalState]:
    """Hospitals that are listed now, by id."""
    return {one.id: one for one in _read(session, ListedHospital, HospitalState, "id", ids)}


def hospitals_by_slug(session: Session, slugs: Sequence[str]) -> dict[str, HospitalState]:
    """Hospitals that are listed now, by slug."""
    return {one.slug: one for one in _read(session, ListedHospital, HospitalState, "slug", slugs)}


def zone_of(session: Session, hospital_id: UUID) -> str:
    """A hospital's IANA zone, in which its days are counted; UTC where it has said none or is not listed any more."""
    hospital = hospitals_by_id(session, [hospital_id]).get(hospital_id)
    return (hospital and hospital.timezone) or "UTC"


def reachable_among(session: Session, ids: Sequence[UUID]) -> set[UUID]:
    """Which of these hospitals have an endpoint that is not disabled."""
    reachable = ReachableHospital.email | ReachableHospital.webhook
    return set(session.scalars(select(ReachableHospital.id).where(ReachableHospital.id.in_(ids), reachable)))


def can_be_asked(hospital: HospitalState, today: date) -> bool:
    """Listed is not partner: only a partner whose authorisation is valid today is ever written to."""
    valid = hospital.authorisation is Standing.VALID and (hospital.authorised_until is None or hospital.authorised_until >= today)
    return hospital.partner and valid


def consent_text(procedure: ProcedureState, *, purpose: str, version: int, language: str) -> ConsentText | None:
    """The text a patient says to have agreed to, if it is one of ours."""
    wanted = (purpose, version, language)
    return next((text for text in procedure.consents if (text.purpose, text.version, text.language) == wanted), None)


def newest_consent_version(procedure: ProcedureState, purpose: str) -> int:
    """The version that must be agreed to now; 0 where there is no such text."""
    return max((text.version for text in procedure.consents if text.purpose == purpose), default=0)


def require_loaded(session: Session) -> None:
    """Raises Unavailable(catalog-not-loaded) until the catalog's topics have been read once to their ends and named a procedure."""
    database = session.get_bind()
    if database in _loaded:
        return
    if not inbox.is_caught_up(session, CONSUMER) or session.scalar(select(ListedProcedure.id).limit(1)) is None:
        raise Unavailable("catalog-not-loaded", retry_after=5)
    _loaded.add(database)
