"""The supervisor with small programs of its own: what a developer sees, and how all end."""

import re
import sys
import time

import psutil
import pytest

from devstack.supervisor import Program, ProgramEnded, Supervisor

TALKS_AND_STAYS = "import signal; print('hello'); print('second line'); signal.pause()"
IGNORES_SIGTERM = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"


@pytest.fixture
def lines():
    return []


@pytest.fixture
def them(lines):
    with Supervisor(["short", "a-longer-name"], write=lines.append, seconds_to_end=1) as supervisor:
        yield supervisor


def python(name, code, *arguments, **settings):
    return Program(name, [sys.executable, "-c", code, *arguments], **settings)


def said(lines, text):
    return lambda: any(text in line for line in list(lines))


def test_each_line_has_the_name_of_its_program_in_front(them, lines):
    them.start(python("short", TALKS_AND_STAYS, ready=said(lines, "second line")))
    them.wait_until_ready()
    plain = [re.sub(r"\x1b\[\d+m", "", line) for line in lines]
    assert plain == ["short         | hello", "short         | second line"]


def test_an_unasked_end_is_told_with_its_name_and_code(them):
    them.start(python("short", TALKS_AND_STAYS))
    them.start(python("a-longer-name", "import sys; sys.exit(3)"))
    with pytest.raises(ProgramEnded, match=r"a-longer-name ended by itself with code 3"):
        them.watch()


def test_a_program_that_was_killed_is_told_with_the_signal(them):
    process = them.start(python("short", TALKS_AND_STAYS))
    process.kill()
    with pytest.raises(ProgramEnded, match=r"short was ended by SIGKILL"):
        them.watch()


def test_the_last_lines_of_a_log_file_are_shown_when_its_program_ends(them, tmp_path):
    them.start(python("short", "print('the reason'); raise SystemExit(1)", log=tmp_path / "short.log"))
    with pytest.raises(ProgramEnded, match="the reason"):
        them.watch()


def test_one_that_does_not_heed_the_request_to_end_is_killed_and_named(them, lines):
    process = them.start(python("short", IGNORES_SIGTERM, ready=said(lines, "deaf")))
    them.wait_until_ready()
    begun = time.monotonic()
    them.stop()
    assert process.returncode == -9
    assert time.monotonic() - begun < 5
    assert any("short did not end" in line for line in lines)


def test_what_a_program_has_started_ends_with_it(them, lines):
    starts_another = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]])\n" + TALKS_AND_STAYS
    process = them.start(python("short", starts_another, IGNORES_SIGTERM, ready=said(lines, "deaf")))
    them.wait_until_ready()
    (child,) = psutil.Process(process.pid).children()
    them.stop()
    _, alive = psutil.wait_procs([child], timeout=120)
    assert not alive


def test_ctrl_c_of_the_terminal_reaches_no_program_itself(them, lines):
    process = them.start(python("short", "import os; print('group', os.getpgid(0))\n" + TALKS_AND_STAYS, ready=said(lines, "hello")))
    them.wait_until_ready()
    assert any(line.endswith(f"group {process.pid}") for line in lines)


def test_preparations_run_side_by_side_and_all_failures_are_told(them):
    with pytest.raises(ProgramEnded, match=r"short ended by itself with code 1; a-longer-name ended by itself with code 2"):
        them.run([python("short", "raise SystemExit(1)"), python("a-longer-name", "raise SystemExit(2)")])
    assert them.running == []


def test_waiting_ends_when_a_program_dies_before_it_is_ready(them):
    them.start(python("short", "raise SystemExit(7)", ready=lambda: False))
    with pytest.raises(ProgramEnded, match="short ended by itself with code 7"):
        them.wait_until_ready()


def test_why_it_ends_is_said_before_the_end(lines):
    def run():
        with Supervisor(["short"], write=lines.append, seconds_to_end=1) as them:
            them.start(python("short", TALKS_AND_STAYS, ready=said(lines, "second line")))
            them.wait_until_ready()
            raise RuntimeError("no Docker engine answers\nand more of it")

    with pytest.raises(RuntimeError):
        run()
    assert lines[-2:] == ["no Docker engine answers", "stopping everything …"]
