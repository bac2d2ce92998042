"""docker-compose.yml as an operator uses it, while enquiries come: scale, crash, restart, deploy. Afterwards everything is counted."""

import os
import sys

import pytest

from tests.compose import counting, hospitals
from tests.compose.project import OURS, SERVED, WORKING
from tests.compose.visitors import Visitors
from tests.faults import invariants

pytestmark = pytest.mark.compose

PER_SECOND = float(os.environ.get("COMPOSE_TEST_PER_SECOND", "4"))
SCALED_UP = "scaled up: work to 3, catalog-web to 3, other web to 2"
SCALED_DOWN = "scaled down: all but enquiry-web to 1"
DEPLOYED = "a new release is deployed, service by service"
IMPORTED = "its catalog is imported, catalog-work crashes"


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
    during(SCALED_UP, 0)
    project.scale(enquiry_work=3, notification_work=3, catalog_web=3, enquiry_web=2, notification_web=2, web_web=2)
    during(SCALED_UP)
    for service in (*(f"{one}-work" for one in WORKING), *(f"{one}-web" for one in SERVED)):
        during(f"{service} crashes", 0)
        project.crash(service)
    with visitors.without("gateway crashes"):
        project.crash("gateway")
    during("the broker is restarted", 0)
    project.compose("restart", "kafka")
    project.wait_until_healthy("kafka")
    during("the broker is restarted")
    with visitors.without("PostgreSQL crashes"):
        project.compose("kill", "postgres")
        project.compose("start", "postgres")
        project.wait_until_healthy()
    during("PostgreSQL crashes")
    during(SCALED_DOWN, 0)
    project.scale(enquiry_work=1, notification_work=1, catalog_web=1, notification_web=1, web_web=1)
    during(SCALED_DOWN)
    during(DEPLOYED, 0)
    project.deploy("next")
    assert project.releases() == {"next": len(project.compose("ps", "--quiet", *OURS).split())}
    assert {service: project.says_release(service) for service in SERVED} == dict.fromkeys(SERVED, "next")
    during(DEPLOYED)
    during(IMPORTED, 0)
    project.compose("run", "--rm", "--no-deps", "-T", "catalog-import")
    project.crash("catalog-work")
    during(IMPORTED)
    during("an image is deployed that does not start", 0)
    assert "the old ones go on" in project.deploy_what_does_not_start("enquiry")
    during("an image is deployed that does not start")
    visitors.stop()

    counting.wait_for_rest(project)
    lines = counting.count(project, visitors.answers)
    with capsys.disabled():
        sys.stdout.write(f"\n{visitors.table()}\n\n{invariants.table(lines)}\n\nimages: {', '.join(sorted(project.images()))}\n")
    assert invariants.broken(lines) == []
    assert {answer.status for answer in visitors.answers} == {201}
    assert visitors.tried_too_often() == []
    assert {image.rpartition(":")[2] for image in project.images()} == {"next"}
    assert counting.published_twice_or_more(project), "the next release's catalog brought no news"
