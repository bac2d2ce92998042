"""The files by which a second terminal comes in, while runs of one checkout overlap."""

from pathlib import Path

from devstack import access
from devstack.mailbox import Mailbox
from devstack.parts import Parts
from devstack.postgres import Postgres
from devstack.processes import LISTENING, SERVED, Place
from devstack.receiver import Receiver

NAMES = {"passage", "env", "mails"}


def run_of(number):
    """A run whose ports tell it from others."""
    ports = {service: number + place for place, service in enumerate(LISTENING)}
    parts = Parts(Postgres("postgresql://nobody@127.0.0.1:1/postgres"), "127.0.0.1:2")
    mailbox = Mailbox(smtp_port=number + 10, web_port=number + 11, imap_port=number + 12, password=str(number))
    return Place(Path(), parts, mailbox, Receiver(number + 13), ports, environments={service: {} for service in SERVED})


def there(folder):
    return {path.name for path in folder.iterdir()}


def test_they_are_there_for_their_owner_only_and_go_with_the_run(tmp_path):
    with access.open_for(run_of(1000), folder=tmp_path):
        assert there(tmp_path) == NAMES
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o700}
        assert "export WEB=http://127.0.0.1:1000" in (tmp_path / "env").read_text()
    assert there(tmp_path) == set()


def test_a_run_that_ends_leaves_those_of_a_newer_one(tmp_path):
    older, newer = access.open_for(run_of(1000), folder=tmp_path), access.open_for(run_of(2000), folder=tmp_path)
    older.__enter__()
    newer.__enter__()
    older.__exit__(None, None, None)
    assert "export WEB=http://127.0.0.1:2000" in (tmp_path / "env").read_text()
    newer.__exit__(None, None, None)
    assert there(tmp_path) == set(), "the addresses of a run that has ended do not come back"
