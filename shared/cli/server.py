"""`serve`: gunicorn in this process, so that what its workers need is imported once and shared by their fork.

Makes no app, engine or thread before the fork.
"""

import gc
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from shared import metrics
from shared.config import HttpSettings


class _Server(BaseApplication):  # type: ignore[misc]
    """`wsgi()` of a service's app.py, called in each worker after its fork."""

    def __init__(self, service: str, options: dict[str, Any]) -> None:
        self.service, self.options = service, options
        super().__init__(prog=service)

    def load_config(self) -> None:
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return import_module(f"services.{self.service}.app").wsgi()


def serve(service: str, settings: HttpSettings) -> None:
    """Answer HTTP at `http_bind` until SIGTERM; ends by SystemExit."""
    metrics.count_across_forks(Path(tempfile.mkdtemp(prefix=f"{service}-metrics-")))  # empty at each start
    gc.freeze()  # what was imported is not looked through, and so not copied, in each worker
    _Server(service, _options(settings)).run()


def _options(settings: HttpSettings) -> dict[str, Any]:
    """One thread a process: a second one halves the rate of SELECTs. A client that sends slowly holds it, so a buffering proxy stands in front."""
    options: dict[str, Any] = {
        "bind": settings.http_bind,
        "workers": settings.http_processes,
        "worker_class": "gthread",
        "threads": 1,
        "keepalive": 15,
        "timeout": 30,
        "graceful_timeout": 15,
        "control_socket_disable": True,
    }
    memory = Path("/dev/shm")  # noqa: S108
    return options | ({"worker_tmp_dir": str(memory)} if memory.is_dir() else {})
