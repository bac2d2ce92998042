"""One installation for the whole trial; without a Docker engine there is nothing to try it on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compose import hospitals
from tests.compose.project import Project, engine_answers


@pytest.fixture(scope="session")
def project(tmp_path_factory) -> Iterator[Project]:
    if not engine_answers():
        pytest.skip("no Docker engine with compose answers here: docker-compose.yml was not tried")
    made = Project(hospitals.new_name(), tmp_path_factory.mktemp("compose"))
    try:
        made.up()
        yield made
    finally:
        Path("build").mkdir(exist_ok=True)
        Path("build/compose.log").write_text(made.compose("logs", "--no-color", "--timestamps"), encoding="utf-8")
        made.down()
