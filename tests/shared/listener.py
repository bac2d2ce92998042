"""A service that listens, and what its tests ask of the database."""

from uuid import UUID

from sqlalchemy import event, text

from shared import db, inbox, outbox
from shared.events import Case
from shared.events.catalog import HOSPITALS
from shared.events.enquiry import EnquiryWithdrawn
from shared.inbox.consume import consume


class Heard:
    """A service that writes down what it heard, and fails where it is told to."""

    def __init__(self) -> None:
        self.facts: list[tuple[UUID, int, int]] = []
        self.states: list[object] = []
        self.failing: set[UUID] = set()
        self.troubles = 0  # so often the database's disk is full
        self.more: dict[type, object] = {}  # what a newer release handles, too

    def on_fact(self, session, fact, envelope) -> None:
        session.execute(text("SELECT 1"))
        if self.troubles:
            self.troubles -= 1
            session.execute(text("DO $$ BEGIN RAISE EXCEPTION 'disk full' USING ERRCODE = '53100'; END $$"))
        if fact.case.id in self.failing:
            raise RuntimeError("secret text of a person")
        self.keep(session, (fact.case.id, fact.case.version, envelope.sequence))

    def keep(self, session, heard) -> None:
        """As a row: it goes with its savepoint or its transaction."""
        savepoint = session.get_nested_transaction()
        self.facts.append(heard)

        @event.listens_for(session, "after_soft_rollback")
        def undo(_session, rolled_back) -> None:
            if rolled_back is savepoint or not rolled_back.nested:
                self.facts.remove(heard)

    def on_state(self, session, state) -> None:
        self.states.append(state)

    def hearing(self) -> inbox.Hearing:
        return inbox.Hearing("listener", facts={EnquiryWithdrawn: self.on_fact, **self.more}, states={HOSPITALS: self.on_state})


def consuming(engine, settings, heard):
    return lambda stop, beat: consume(engine, settings, heard.hearing(), stop=stop, beat=beat)


def withdraw(engine, case_id, version):
    with db.transaction(engine) as session:
        return outbox.record(session, EnquiryWithdrawn(case=Case(id=case_id, version=version), reference="A", verified=True))


def scalar(engine, statement, **values):
    with db.transaction(engine) as session:
        return session.execute(text(statement), values).scalar_one()


def column(engine, statement, **values):
    with db.transaction(engine) as session:
        return list(session.scalars(text(statement), values))
