"""A process that writes about one case again and again, beside others: `python -m tests.enquiry.writer URL CASE TIMES`, told to begin by a line."""

import sys
from uuid import UUID

from services.enquiry.cases import lock_case
from shared import db, outbox
from shared.events.enquiry import EnquiryWithdrawn


def write(url: str, case_id: UUID, times: int) -> None:
    engine = db.engine(url, name="writer")
    with db.transaction(engine) as session:
        session.connection()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for _ in range(times):
        with db.transaction(engine) as session:
            case = lock_case(session, case_id)
            outbox.record_all(session, [EnquiryWithdrawn(case=case, reference="A", verified=True) for _ in range(2)])
    engine.dispose()


if __name__ == "__main__":
    write(sys.argv[1], UUID(sys.argv[2]), int(sys.argv[3]))
