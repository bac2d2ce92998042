#!/bin/sh
# Makes .venv and installs requirements/dev.txt into it, hashes verified. Run by make, from the checkout's root.
# Changes nothing outside the checkout and the user's cache folder.
set -eu
stamp=$1

say() { echo "setup: $*" >&2; }
die() { say "$*"; exit 1; }

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
  for candidate in "${PYTHON:-python3}" python3.14 python3.13 python3.12 python3.11; do
    if new_enough "$candidate"; then echo "$candidate"; return; fi
  done
  found=$(command -v python3 >/dev/null && python3 --version 2>&1 || true)
  die "Python 3.11 or newer is needed and the newest here is: ${found:-none}. Install one and name it: make PYTHON=/path/to/python3.11"
}

if ! [ -x .venv/bin/python ] || ! new_enough .venv/bin/python; then
  python=$(find_python)
  "$python" -c 'import ensurepip, venv' 2>/dev/null ||
    die "this Python cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv"
  rm -rf .venv
  "$python" -m venv .venv
fi

# The lock's own uv installs everything else some ten times as fast as pip; where uv cannot (a mirror that only pip knows), pip does.
lock=requirements/dev.txt
say "installing $(grep -c '^[a-z0-9].*==' $lock) packages into .venv (once, and again when $lock changes)"
only_uv=$(mktemp)
trap 'rm -f "$only_uv"' EXIT
awk '/^[a-z0-9]/ { ours = /^uv==/ } ours' $lock >"$only_uv"
pip() { .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes "$@"; }
if pip -r "$only_uv" && .venv/bin/python -m uv pip install --quiet --system-certs --python .venv/bin/python --require-hashes -r $lock; then
  :
else
  say "uv could not; pip does it, which takes longer"
  pip -r $lock || die "the packages could not be installed (see above); is this machine online?"
fi
touch "$stamp"
