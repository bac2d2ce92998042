"""From the import to Kafka: what readers of the topics get, tombstones too."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime

from kafka import KafkaConsumer, TopicPartition

from services.catalog.app import loops
from services.catalog.consent_texts import newest
from services.catalog.importer import records
from services.catalog.importing.days import keep_current
from services.catalog.settings import Settings
from shared.bus.topics import ensure_topics
from shared.config import Settings as AnySettings
from shared.events import Envelope, State, Tombstone, decode
from shared.events.catalog import HOSPITALS, PROCEDURES, HospitalState, ProcedureState
from tests.catalog.changes import SEED, without_hospital
from tests.catalog.conftest import applied, client_of
from tests.waiting import running, until

HOSPITAL = "mavi-fener-hospital"


def read_all(settings: AnySettings, expected: int) -> list[Envelope]:
    """Every record of both topics, partition by partition, once so many have come."""
    consumer = KafkaConsumer(bootstrap_servers=settings.kafka_bootstrap_servers, group_id=None, metrics_enabled=False)
    topics = {settings.kafka_topic_prefix + topic.name: topic for topic in (PROCEDURES, HOSPITALS)}
    places = [TopicPartition(name, number) for name, topic in topics.items() for number in range(topic.partitions)]
    consumer.assign(places)
    consumer.seek_to_beginning(*places)
    found = list[Envelope]()

    def come() -> bool:
        for records_ in consumer.poll(timeout_ms=200).values():
            found.extend(decode(topics[each.topic].name, dict(each.headers), each.value) for each in records_)
        return len(found) >= expected

    try:
        until(come, what=f"{expected} records")
    finally:
        consumer.close()
    return found


def test_an_import_reaches_the_topics_and_a_withdrawal_leaves_a_tombstone(
    catalog: str, stated: records.Import, settings_for: Callable[..., AnySettings]
):
    settings = settings_for(Settings, catalog)
    assert ensure_topics(settings, (PROCEDURES, HOSPITALS)) == []
    first = len(stated.procedures) + len(stated.hospitals)
    with running(loops(settings)["relay"]):
        states = {envelope.event.slug: envelope.event for envelope in read_all(settings, first) if isinstance(envelope.event, State)}
        applied(catalog, without_hospital(stated, HOSPITAL))
        later = read_all(settings, first + 2)[:]
    procedure, hospital = states[SEED], states[HOSPITAL]
    assert isinstance(procedure, ProcedureState)
    assert isinstance(hospital, HospitalState)
    assert (procedure.version, hospital.version) == (1, 1)
    turkey = next(each for each in procedure.destinations if each.country == "TR")
    assert hospital.id in turkey.hospital_ids
    assert hospital.working_hours[0].weekday == 1
    assert {consent.sha256 for consent in procedure.consents} == {each.sha256 for each in newest(stated.consent_texts)}
    of_hospital = [envelope for envelope in later if envelope.key == str(hospital.id)]
    assert [type(envelope.event) for envelope in of_hospital] == [HospitalState, Tombstone]
    assert [envelope.version for envelope in of_hospital] == [1, 2]
    of_procedure = [envelope.event for envelope in later if envelope.key == str(procedure.id)]
    assert hospital.id not in next(each for each in of_procedure[-1].destinations if each.country == "TR").hospital_ids


def test_a_new_day_is_composed_by_itself(catalog: str, stated: records.Import):
    hospital = next(each for each in stated.hospitals if each.slug == HOSPITAL)
    ends = hospital.authorisation.valid_until
    assert ends is not None

    def years_later() -> datetime:
        return datetime(ends.year + 1, 1, 1, tzinfo=UTC)

    def loop(stop: threading.Event, beat: Callable[[], None]) -> None:
        keep_current(catalog, stop=stop, beat=beat, clock=years_later)

    with client_of(catalog) as client:
        assert client.get(f"/v1/hospitals/{HOSPITAL}").json["can_be_asked"]
        with running(loop):
            until(lambda: not client.get(f"/v1/hospitals/{HOSPITAL}").json["can_be_asked"], what="the lapse")
        assert client.get(f"/v1/hospitals/{HOSPITAL}").json["authorisation"]["standing"] == "lapsed"
