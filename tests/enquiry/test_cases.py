"""The lock of a case: what is written about it by many at once is published in the order in which it was committed."""

import subprocess
import sys
from pathlib import Path

from sqlalchemy import text

from shared import db
from shared.bus import Publisher
from shared.bus.reading import read
from shared.bus.topics import ensure_topics
from shared.events import decode
from shared.events.enquiry import EVENTS
from shared.outbox.relay import relay
from tests.waiting import running, until

CHECKOUT = Path(__file__).parents[2]
WRITERS, TIMES = 3, 40


def writing(house, case_id):
    """Processes that write about the case, all of them begun."""
    command = [sys.executable, "-m", "tests.enquiry.writer", house.settings.database_url, str(case_id), str(TIMES)]
    writers = [subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(WRITERS)]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    return writers


def rows(house, statement):
    with db.transaction(house.engine) as session:
        return session.execute(text(statement)).all()


def test_one_case_written_by_several_processes_is_published_in_the_order_of_its_commits(house):
    """Ids, versions and offsets tell the same order, while the relay reads what others still write."""
    house.create()
    ((case_id,),) = rows(house, "SELECT id FROM enquiries")
    ensure_topics(house.settings, [EVENTS])
    with db.transaction(house.engine) as session:
        session.execute(text("DELETE FROM outbox"))
    with running(lambda stop, beat: relay(house.settings.database_url, Publisher(house.settings, name="cases"), stop=stop, beat=beat)):
        for writer in writing(house, case_id):
            writer.communicate(timeout=120)
            assert writer.returncode == 0
        until(lambda: rows(house, "SELECT count(*) FROM outbox") == [(0,)], what="an empty outbox")
    archived = rows(house, 'SELECT id, version, sequence, "offset" FROM outbox_archive ORDER BY id')
    assert len(archived) == WRITERS * TIMES * 2
    told = [(row.version, row.sequence) for row in archived]
    assert told == sorted(told)
    assert [row.offset for row in archived] == sorted(row.offset for row in archived)
    records = [record for batch in read(house.settings, EVENTS.name) for record in batch.records if record.key == str(case_id).encode()]
    heard = [decode(EVENTS.name, record.headers, record.value) for record in records]
    assert [(one.version, one.sequence) for one in heard] == told
