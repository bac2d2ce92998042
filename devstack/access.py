"""A second terminal's way in: `.devstack/passage SERVICE COMMAND…` runs a service's command line with this run's settings, `.devstack/env` names the addresses, `.devstack/mails` shows the mails.

The files are readable by their owner only, and go with the run.
"""

import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from devstack import folders
from devstack.mailbox import PASSWORD
from devstack.processes import FIGURES, SERVED, Place


@contextmanager
def open_for(place: Place, *, folder: Path = folders.CHECKOUT / ".devstack") -> Iterator[None]:
    """Write them; at the end they go, unless a newer run has written its own: then they are that one's."""
    written = {folder / "passage": _script(place.environments), folder / "env": _addresses(place), folder / "mails": _mails(place)}
    for path, text in written.items():
        path.touch(mode=0o700)
        path.chmod(0o700)
        path.write_text(text, encoding="utf-8")
    try:
        yield
    finally:
        for path, text in written.items():
            if path.exists() and path.read_text(encoding="utf-8") == text:
                path.unlink()


def _script(environments: Mapping[str, Mapping[str, str]]) -> str:
    """A shell script with one case for each service."""
    lines = [
        "#!/bin/sh",
        "set -eu",
        'if [ $# -lt 2 ]; then echo "usage: $0 SERVICE COMMAND…" >&2; exit 2; fi',
        f"cd {shlex.quote(str(folders.CHECKOUT))}",
        'service="$1"; shift',
        'case "$service" in',
    ]
    for service in SERVED:
        exports = "\n".join(f"    export {name}={shlex.quote(value)}" for name, value in environments[service].items())
        lines.append(f"  {service})\n{exports}\n    ;;")
    lines += ['  *) echo "which service? one of: ' + " ".join(SERVED) + '" >&2; exit 2 ;;', "esac"]
    return "\n".join([*lines, f'exec {shlex.quote(sys.executable)} -m "services.$service" "$@"', ""])


def _mails(place: Place) -> str:
    """A shell script: the mails of this run, whoever they are for."""
    command = shlex.join([sys.executable, "-m", "devstack", "mails", "--port", str(place.mailbox.imap_port)])
    exported = f"export {PASSWORD}={shlex.quote(place.mailbox.password)}"
    return f'#!/bin/sh\nset -eu\ncd {shlex.quote(str(folders.CHECKOUT))}\n{exported}\nexec {command} "$@"\n'


def _addresses(place: Place) -> str:
    names = {service.upper(): place.http(service) for service in SERVED}
    names |= {name.upper().replace("-", "_"): place.http(name) for name in FIGURES.values()}
    names |= {"MAILBOX": place.mailbox.url.rstrip("/"), "RECEIVER": place.receiver.url.rstrip("/")}
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in names.items())
