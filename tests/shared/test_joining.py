"""Joining a group: a member that was given nothing does not stay so."""

from shared import crypto, db, inbox, log, outbox
from shared.bus import Publisher
from shared.bus.topics import ensure_topics
from shared.config import Settings
from shared.events import Case
from shared.events.enquiry import EVENTS, EnquiryWithdrawn
from shared.inbox import consume
from shared.outbox.relay import relay
from tests.waiting import running, until


def test_a_member_without_partitions_joins_anew_until_it_has_some(settings_for, database, monkeypatch, capsys):
    log.configure(service="test", level="info", style="json")
    monkeypatch.setattr(consume, "REJOIN_SECONDS", 1.5)
    settings = settings_for(Settings, database("shared"))
    engine = db.engine(settings.database_url, name="test", timeouts=db.LOOP, pool=2)
    heard, said = [], []
    hearing = inbox.Hearing("listener", facts={EnquiryWithdrawn: lambda _, fact, __: heard.append(fact.reference)}, states={})

    def joined_anew():
        said.append(capsys.readouterr().out)
        return "joins anew" in "".join(said)

    with running(lambda stop, beat: consume.consume(engine, settings, hearing, stop=stop, beat=beat)):
        until(joined_anew, what="another attempt while there is no topic")
        monkeypatch.setattr(consume, "REJOIN_SECONDS", 60.0)
        ensure_topics(settings, [EVENTS])
        with db.transaction(engine) as session:
            outbox.record(session, EnquiryWithdrawn(case=Case(id=crypto.new_id(), version=1), reference="K7QF-2M9X-4TBD", verified=True))
        with running(lambda stop, beat: relay(settings.database_url, Publisher(settings, name="joining"), stop=stop, beat=beat)):
            until(lambda: heard == ["K7QF-2M9X-4TBD"], seconds=300, what="the fact")
    engine.dispose()
