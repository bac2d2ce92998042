"""`python -m services.enquiry`, as an operator types it, on a real database: what is refused over HTTP is refused here."""

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from services.enquiry.__main__ import main
from shared import db, log
from tests.environments import environment_of


@pytest.fixture
def command(house):
    """Run a command in the environment that its settings name; returns how it ended and what it printed."""
    environment = environment_of(house.settings)

    def run(*arguments):
        done = CliRunner(env=environment).invoke(main, list(arguments))
        return done.exit_code, done.output

    yield run
    log.configure(service="test", level="info", style="json")


def accounts(house):
    with db.transaction(house.engine) as session:
        return session.execute(text("SELECT kind, label, origins FROM accounts")).all()


def test_a_person_and_a_system_are_added(house, command):
    assert command("person-add", "olga@passage.example", "--name", "Olga")[0] == 0
    code, key = command("system-add", "Agency", "--kind", "client", "--origin", "https://www.agency.example")
    assert (code, key[:4]) == (0, "psg_")
    assert [tuple(row) for row in accounts(house)] == [("ops", None, []), ("client", "Agency", ["https://www.agency.example"])]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["person-add", "nobody", "--name", "Olga"], "email"),
        (["person-add", "olga@passage.example\r\nBcc: x@evil.example", "--name", "Olga"], "email"),
        (["person-add", "olga@passage.example", "--name", "Olga\r\nBcc: x"], "name"),
        (["person-add", "olga@passage.example", "--name", "Olga, see https://evil.example"], "name"),
        (["system-add", "Agency\x1b[31m", "--kind", "client"], "label"),
        (["system-add", "Agency", "--kind", "client", "--origin", "*"], "origins"),
        (["system-add", "Agency", "--kind", "client", "--origin", "javascript:alert(1)"], "origins"),
        (["system-add", "Agency", "--kind", "client", "--origin", "https://agency.example/page"], "origins"),
        (["system-add", "Agency", "--kind", "client", "--origin", "https://user@agency.example"], "origins"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_added(house, command, arguments, named):
    code, said = command(*arguments)
    assert (code, said.startswith(f"Error: {named}: ")) == (1, True), said
    assert accounts(house) == []


def test_an_argument_that_is_not_utf_8_is_refused_in_a_sentence(house, command):
    code, said = command("system-add", b"Agency \xff".decode(errors="surrogateescape"), "--kind", "client")
    assert (code, "an argument is not UTF-8" in said) == (2, True), said
