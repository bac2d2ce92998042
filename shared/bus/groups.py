"""Consumer groups: what the broker remembers of how far one came can be given up, so that our own records are asked."""

import stamina
from kafka import KafkaAdminClient
from kafka import errors as kafka_errors

from shared.bus import BusUnavailable, connection
from shared.config import Settings


@stamina.retry(
    on=BusUnavailable, attempts=20, timeout=30, wait_max=2.0
)  # a broker on which no group ever was takes a moment to find itself
def forget_group(settings: Settings, group: str) -> None:
    """After a database was restored: its consumer goes on where the database says. A group that is not known is none to forget.

    Raises BusUnavailable, also while a member of the group is still at work.
    """
    try:
        admin = KafkaAdminClient(**connection(settings))
        try:
            results = admin.delete_groups([settings.kafka_topic_prefix + group])
        finally:
            admin.close()
    except kafka_errors.KafkaError as fault:
        raise BusUnavailable(type(fault).__name__) from fault
    if refused := [result for result in results.values() if result not in {"OK", kafka_errors.GroupIdNotFoundError.__name__}]:
        raise BusUnavailable(refused[0])
