"""docker-compose.yml as an operator uses it, while enquiries come: scale, crash, restart, deploy. Afterwards everything is counted."""

import os
import sys

import pytest

from tests.compose import hospitals
from tests.compose.project import SERVED, WORKING
from tests.compose.visitors import Visitors
from tests.faults import invariants, reading
from tests.waiting import until

pytestmark = pytest.mark.compose

PER_SECOND = float(os.environ.get("COMPOSE_TEST_PER_SECOND", "4"))
AT_REST_SECONDS = 300  # a mail that waits for a second one to join it waits two minutes


@pytest.fixture(scope="module")
def visitors(project):
    slugs = hospitals.slugs_of(project, 2)
    hospitals.settle_in(project, slugs)
    made = Visitors(project, api_key=hospitals.add_system(project, "Trial client", "client"), slugs=slugs, per_second=PER_SECOND)
    made.start()
    yield made
    made.stop()


def test_nothing_is_lost_while_an_operator_scales_crashes_restarts_and_deploys(project, visitors, capsys):
    during = visitors.pass_by
    during("nothing else happens")
    during("scaled up: work to 3, catalog-web to 3, enquiry-web to 2", 0)
    project.scale(enquiry_work=3, notification_work=3, catalog_web=3, enquiry_web=2)
    during("scaled up: work to 3, catalog-web to 3, enquiry-web to 2")
    for service in (*(f"{one}-work" for one in WORKING), *(f"{one}-web" for one in SERVED)):
        during(f"{service} crashes", 0)
        project.crash(service)
    during("gateway crashes", 0)
    project.crash("gateway")
    during("the broker is restarted", 0)
    project.compose("restart", "kafka")
    project.wait_until_healthy("kafka")
    during("the broker is restarted")
    during("PostgreSQL crashes", 0)
    project.compose("kill", "postgres")
    project.compose("start", "postgres")
    project.wait_until_healthy()
    during("PostgreSQL crashes")
    during("scaled down: work to 1", 0)
    project.scale(enquiry_work=1, notification_work=1)
    during("scaled down: work to 1")
    during("a new image is deployed, service by service", 0)
    project.deploy("next")
    during("a new image is deployed, service by service")
    during("an image is deployed that does not start", 0)
    assert "the old ones go on" in project.deploy_what_does_not_start("enquiry")
    during("an image is deployed that does not start")
    visitors.stop()

    until(lambda: at_rest(project), seconds=AT_REST_SECONDS, what="rest")
    seen = reading.everything(
        lambda service, statement: project.rows(service, reading.as_json(statement)),
        f"127.0.0.1:{project.ports['TRIAL_KAFKA_PORT']}",
        visitors.answers,
        hospitals.arrivals(project),
    )
    lines = invariants.check(seen)
    with capsys.disabled():
        sys.stdout.write(f"\n{visitors.table()}\n\n{invariants.table(lines)}\n\nimages: {', '.join(sorted(project.images()))}\n")
    assert invariants.broken(lines) == []
    assert {answer.status for answer in visitors.answers} == {201}
    assert not [one for one in visitors.pages if "given up" in one.failures]
    assert {image.rpartition(":")[2] for image in project.images()} == {"next"}
    planned = [
        one
        for one in (*visitors.enquiries, *visitors.pages)
        if one.stage.startswith(("scaled", "a new image", "an image", "nothing", "the broker"))
    ]
    assert [one for one in planned if len(one.failures) > 1] == []


def at_rest(project) -> bool:
    """Nothing waits: no fact in an outbox or without an outcome, no delivery that has not ended and been told of."""
    waiting = "SELECT json_build_array((SELECT count(*) FROM outbox)"
    (facts, outcomes) = project.rows("enquiry", f"{waiting}, (SELECT count(*) FROM outbox_awaiting))")
    ended = ", ".join(f"'{state}'" for state in sorted(invariants.rows.ENDED))
    (told, deliveries) = project.rows("notification", f"{waiting}, (SELECT count(*) FROM deliveries WHERE state NOT IN ({ended})))")
    return facts == outcomes == told == deliveries == 0
