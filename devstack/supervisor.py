"""Programs that run side by side: their output line by line under their names, and one end for all of them.

Never restarts a program: on a laptop the first one that dies unasked is what its developer must see.
"""

import itertools
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import click

from devstack import folders, launch
from devstack.preloaded import Fork, Preloaded

COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_cyan", "bright_green", "bright_magenta")
SECONDS_TO_END = 5.0  # for all together; what is left of ten belongs to PostgreSQL and Kafka
SECONDS_TO_READ = 1.0  # the last lines of those that have ended
LOOK_EVERY_SECONDS = 0.1


class ProgramEnded(Exception):
    """One that should run on has ended by itself; the message says which and how."""


@dataclass(frozen=True)
class Program:
    """What to start: `environment` is added to ours, `ready` says when others may rely on it."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], bool] | None = None
    log: Path | None = None  # a file instead of the terminal, for those who talk too much
    module: str | None = None  # the command's, where it may be a fork of the preloaded process


@dataclass(frozen=True)
class _Running:
    program: Program
    process: subprocess.Popen[bytes] | Fork
    reader: threading.Thread | None


class Supervisor:
    """`with Supervisor(names) as them: them.start(…); them.watch()`: leaving the block ends all, within SECONDS_TO_END."""

    def __init__(
        self,
        names: Iterable[str],
        *,
        write: Callable[[str], None] = click.echo,
        seconds_to_end: float = SECONDS_TO_END,
        forks: Preloaded | None = None,
    ) -> None:
        """`names` of all programs to come, so that every prefix is equally wide; `write` takes each line (without its end); `forks` starts our own."""
        self.forks = forks
        self.seconds_to_end = seconds_to_end
        names = list(names)
        self.width = max(map(len, names), default=0)
        self.colours = dict(zip(names, itertools.cycle(COLOURS), strict=False))
        self.write = write
        self.running: list[_Running] = []
        self.turn = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, Exception) and str(error):
            self.write(str(error).splitlines()[0])  # the whole of it comes last, from whoever catches it
        self.stop()

    def start(self, program: Program) -> subprocess.Popen[bytes] | Fork:
        """Started at once, ready later. Call it from a thread that lives as long as the program shall."""
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", **program.environment}
        with program.log.open("ab") if program.log else nullcontext(subprocess.PIPE) as output:
            process = self._begin(program, output, environment)
        reader = self._reader(program.name, process.stdout) if process.stdout else None
        self.running.append(_Running(program, process, reader))
        return process

    def _begin(self, program: Program, output: IO[bytes] | int, environment: Mapping[str, str]) -> subprocess.Popen[bytes] | Fork:
        if self.forks and program.module:
            return self.forks.start(program.module, program.command[3:], output=output, env=environment)
        return launch.start(program.command, output=output, cwd=folders.CHECKOUT, env=environment, ending=signal.SIGTERM)

    def run(self, programs: Sequence[Program]) -> None:
        """Those that end by themselves, such as migrations, side by side. Raises ProgramEnded unless all end well."""
        for program in programs:
            self.start(program)
        ending = [one for one in self.running if one.program in programs]
        for one in ending:
            one.process.wait()
            self._finish(one)
            self.running.remove(one)
        failed = [f"{one.program.name} {_how(one.process.returncode)}" for one in ending if one.process.returncode]
        if failed:
            raise ProgramEnded("; ".join(failed))

    def wait_until_ready(self, *, seconds: float = 120) -> None:
        """All that were started. Raises ProgramEnded if one ends or the time is over."""
        deadline = time.monotonic() + seconds
        waiting = [one.program for one in self.running if one.program.ready]
        while waiting := [program for program in waiting if program.ready and not program.ready()]:
            self.look()
            if time.monotonic() > deadline:
                raise ProgramEnded(f"not ready after {seconds:.0f} s: {', '.join(program.name for program in waiting)}")
            time.sleep(LOOK_EVERY_SECONDS)

    def watch(self, *, also: Callable[[], None] = lambda: None) -> None:
        """Until ctrl-C (KeyboardInterrupt). Raises ProgramEnded as soon as one program has ended. `also` is called at each look."""
        while True:
            self.look()
            also()
            time.sleep(LOOK_EVERY_SECONDS)

    def look(self) -> None:
        """Raises ProgramEnded if a program has ended."""
        for one in self.running:
            code = one.process.poll()
            if code is not None:
                self._finish(one)
                raise ProgramEnded(f"{one.program.name} {_how(code)}{_last_words(one.program)}")

    def end(self, name: str, *, by: signal.Signals = signal.SIGTERM, seconds: float = 20.0) -> tuple[Program, int]:
        """End one of them and forget it; returns what to start again, and how it ended. SIGKILL is a crash, and what comes to one that is late."""
        one = next(one for one in self.running if one.program.name == name)
        self.running.remove(one)
        launch.stop(one.process, asking=by, seconds=seconds)
        self._finish(one)
        return one.program, one.process.wait()

    def stop(self) -> None:
        """SIGTERM to all at once, SIGKILL to those that are late."""
        if self.running:
            self.write("stopping everything …")
        for one in self.running:
            with suppress(ProcessLookupError):
                one.process.terminate()
        deadline = time.monotonic() + self.seconds_to_end
        for one in self.running:
            with suppress(subprocess.TimeoutExpired):
                one.process.wait(max(0.0, deadline - time.monotonic()))
            if one.process.poll() is None:
                self.write(f"{one.program.name} did not end in {self.seconds_to_end:.0f} s and is killed")
            launch.stop(one.process, asking=signal.SIGKILL)
        deadline = time.monotonic() + SECONDS_TO_READ
        for one in self.running:
            self._finish(one, seconds=max(0.0, deadline - time.monotonic()))
        self.running.clear()

    def _reader(self, name: str, lines: IO[bytes]) -> threading.Thread:
        reader = threading.Thread(target=self._relay_lines, args=(name, lines), daemon=True)
        reader.start()
        return reader

    def _relay_lines(self, name: str, lines: IO[bytes]) -> None:
        prefix = click.style(f"{name:<{self.width}} | ", fg=self.colours.get(name))
        with lines:
            for line in lines:
                text = line.decode(errors="replace").rstrip()
                with self.turn:
                    self.write(prefix + text)

    @staticmethod
    def _finish(one: _Running, *, seconds: float = SECONDS_TO_READ) -> None:
        if one.reader:
            one.reader.join(timeout=seconds)


def _how(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended by itself with code {code}"


def _last_words(program: Program) -> str:
    return f":\n{launch.last_lines(program.log)}" if program.log else ""
