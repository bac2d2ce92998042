"""PostgreSQL and Kafka as a developer starts them: twice at once, ended by ctrl-C or by force, as root and as anybody."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import pytest

from devstack import folders, jars
from devstack.kafka import is_ready
from devstack.parts import KAFKA, POSTGRES_URL
from devstack.postgres import Postgres

pytestmark = pytest.mark.xdist_group("journeys")  # what is killed here leaves a folder for a moment; no other test may look then

ANYBODY = "nobody"


@dataclass
class Started:
    """One `python -m devstack parts`, up, and what it runs."""

    process: subprocess.Popen
    postgres: Postgres
    kafka: str
    children: list[psutil.Process]

    def end(self, how):
        self.process.send_signal(how)
        self.process.wait(10)

    def survivors(self):
        return psutil.wait_procs(self.children, timeout=120)[1]


@pytest.fixture(scope="module")
def place():
    """A copy of devstack in a folder with a space, a comma and a letter beyond ASCII, with the jars in a cache beside it, for the user asked for."""
    jars.classpath(print)
    with tempfile.TemporaryDirectory(prefix="a folder, ş ") as made:
        tree = Path(made)
        shutil.copytree(folders.CHECKOUT / "devstack", tree / "devstack", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(folders.cache() / "jars", tree / "cache/passage/jars")
        yield tree


@pytest.fixture(params=["as we are", "as anybody"], scope="module")
def start(request, place):
    """What starts a devstack in `place`, as the user we are or as one without any rights."""
    user = None
    interpreter = sys.executable
    if request.param == "as anybody":
        user = pwd.getpwnam(ANYBODY)
        interpreter = _interpreter_for(user)
    owner = user or pwd.getpwuid(os.geteuid())
    for path in (place, *place.rglob("*")):
        os.chown(path, owner.pw_uid, owner.pw_gid)

    @contextmanager
    def starting(**environment):
        command = [interpreter, "-m", "devstack", "parts"]
        env = {"PATH": os.environ["PATH"], "XDG_CACHE_HOME": str(place / "cache"), "PYTHONDONTWRITEBYTECODE": "1", **environment}
        env["PYTHONPATH"] = sysconfig.get_path("purelib")
        as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
        process = subprocess.Popen(command, cwd=place, env=env, stdout=subprocess.PIPE, text=True, **as_user)
        try:
            yield _read(process)
        finally:
            process.kill()
            process.wait(10)
            process.stdout.close()

    return starting


def _interpreter_for(user):
    """A Python of our version that this user can run: our own may lie below /root."""
    if os.geteuid() != 0:
        pytest.skip("only root can start something as another user")
    asks = "import sys, psycopg; print(sys.version_info[:2] == tuple(map(int, sys.argv[1:])))"
    for candidate in (sys.executable, "/usr/bin/python3"):
        command = [candidate, "-c", asks, *map(str, sys.version_info[:2])]
        try:
            answer = subprocess.run(
                command,
                user=user.pw_uid,
                group=user.pw_gid,
                extra_groups=[],
                cwd="/",
                env={"PYTHONPATH": sysconfig.get_path("purelib")},
                capture_output=True,
                text=True,
                check=False,
            )
        except PermissionError:
            continue
        if answer.stdout.strip() == "True":
            return candidate
    pytest.skip("a user without rights can reach neither this Python nor the packages of this environment")
    return None


def _read(process):
    told = dict(line.strip().split("=", 1) for line in (process.stdout.readline(), process.stdout.readline()) if "=" in line)
    assert set(told) == {POSTGRES_URL, KAFKA}, f"it said {told} and ended with {process.poll()}"
    children = psutil.Process(process.pid).children(recursive=True)
    return Started(process, Postgres(told[POSTGRES_URL]), told[KAFKA], children)


def run_folder(started):
    """Where its PostgreSQL keeps its data: the folder of the run, or the one outside of the checkout that goes with it."""
    with psycopg.connect(started.postgres.superuser_url) as connection:
        return Path(connection.execute("SHOW data_directory").fetchone()[0]).parent


def left_behind(place, *run_folders):
    """What is still there of runs that have ended."""
    return [*(place / ".devstack").glob("*"), *(folder for folder in run_folders if folder.exists())]


def test_two_at_once_do_not_meet_and_ctrl_c_leaves_nothing(start, place):
    with start() as one, start() as other:
        assert one.kafka != other.kafka
        assert is_ready(one.kafka)
        assert is_ready(other.kafka)
        one.postgres.create_database("only_here")
        run_folders = run_folder(one), run_folder(other)
        with psycopg.connect(other.postgres.superuser_url) as connection:
            assert not connection.execute("SELECT FROM pg_database WHERE datname = 'only_here'").fetchall()
        one.end(signal.SIGINT)
        other.end(signal.SIGTERM)
        assert (one.process.returncode, other.process.returncode) == (0, 0)
        assert not one.survivors()
        assert not other.survivors()
    assert left_behind(place, *run_folders) == []


def test_one_that_was_killed_leaves_no_process_and_the_next_start_clears_its_folder(start, place):
    with start() as killed:
        killed_folder = run_folder(killed)
        killed.end(signal.SIGKILL)
        assert len(killed.children) > 2
        assert not killed.survivors()
    assert left_behind(place, killed_folder)
    with start() as following:
        assert is_ready(following.kafka)
        assert len(list((place / ".devstack").glob("*"))) == 1
        following_folder = run_folder(following)
        following.end(signal.SIGINT)
        assert not following.survivors()
    assert left_behind(place, killed_folder, following_folder) == []


@pytest.mark.parametrize("start", ["as we are"], indirect=True)
def test_nothing_listens_beyond_this_machine(start):
    with start() as stack:
        listening = {
            connection.laddr.ip.removeprefix("::ffff:")
            for child in stack.children
            for connection in child.net_connections()
            if connection.status == psutil.CONN_LISTEN
        }
        assert listening == {"127.0.0.1"}


@pytest.mark.parametrize("start", ["as we are"], indirect=True)
def test_addresses_of_the_environment_are_taken_as_they_are(start):
    with start() as provider:
        given = {POSTGRES_URL: provider.postgres.superuser_url, KAFKA: provider.kafka}
        with start(**given) as guest:
            assert (guest.postgres, guest.kafka) == (provider.postgres, provider.kafka)
            assert guest.children == []


@pytest.mark.parametrize("url", ["mysql://root@127.0.0.1/x", "127.0.0.1:5432", "postgresql://"])
def test_an_address_that_is_none_is_refused_by_its_name(url):
    ended = _run_parts({POSTGRES_URL: url})
    assert ended.returncode == 1
    assert ended.stderr.strip() == f"devstack: {POSTGRES_URL} must look like postgresql://superuser:password@host:port/postgres"


def test_docker_that_is_not_there_is_said_in_one_sentence(tmp_path):
    ended = _run_parts({"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}, "--docker")
    assert ended.returncode == 1
    assert "--docker needs a Docker engine with postgres:18" in ended.stderr
    assert "Traceback" not in ended.stderr


def _run_parts(environment, *arguments):
    command = [sys.executable, "-m", "devstack", "parts", *arguments]
    return subprocess.run(
        command, env=os.environ | environment, cwd=folders.CHECKOUT, capture_output=True, text=True, check=False, timeout=120
    )
