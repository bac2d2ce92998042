"""HTTP servers to be measured: a service of ours as it is served in production, or another app under the same gunicorn with the same flags."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import HTTPError
from urllib.request import urlopen

import psutil  # type: ignore[import-untyped]

LIVE_SECONDS = 60


@contextmanager
def serving(arguments: list[str], environment: dict[str, str]) -> Iterator[int]:
    """`python -m ARGUMENTS` with HTTP_BIND set to a free port (`{bind}` in an argument is replaced by it); yields the port once it answers."""
    port = _free_port()
    bind = f"127.0.0.1:{port}"
    command = [sys.executable, "-m", *(argument.replace("{bind}", bind) for argument in arguments)]
    environ = os.environ | {"HTTP_BIND": bind, "HTTP_PROCESSES": "1", "LOG_LEVEL": "warning"} | environment
    with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL) as process:
        try:
            _wait(process, port)
            yield port
        finally:
            process.terminate()


@contextmanager
def working(service: str, environment: dict[str, str]) -> Iterator[None]:
    """`python -m services.SERVICE work`, every loop of it, as in production."""
    command = [sys.executable, "-m", f"services.{service}", "work"]
    environ = os.environ | {"LOG_LEVEL": "info"} | environment
    with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()


def ours() -> list[psutil.Process]:
    """Every process of our services that was started here, by the order of starting."""
    children = psutil.Process().children(recursive=True)
    return [one for one in children if any(part.startswith("services.") for part in one.cmdline())]


def other(app: str, *, processes: int = 1) -> list[str]:
    """An app that is none of our services, under the flags of ours."""
    return [
        "gunicorn",
        app,
        "--bind={bind}",
        f"--workers={processes}",
        "--worker-class=gthread",
        "--threads=1",
        "--keep-alive=15",
        "--no-control-socket",
    ]


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _wait(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + LIVE_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"a server ended with {process.returncode} before it answered")
        try:
            with urlopen(f"http://127.0.0.1:{port}/health/live", timeout=10):
                return
        except HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"a server did not answer within {LIVE_SECONDS} s")
