"""docs/dependencies.md and pyproject.toml name the same packages, section by section."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECTIONS = {
    "What every service stands on": "",
    "Catalog": "catalog",
    "Enquiry": "enquiry",
    "Notification": "notification",
    "Web": "web",
    "Devstack": "devstack",
    "Tests": "test",
    "Checks": "check",
}


def declared() -> dict[str, list[str]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = {"": project["dependencies"], **project["optional-dependencies"]}
    return {name: [re.split(r"[\[<>=!~;, ]", one)[0] for one in packages] for name, packages in groups.items()}


def documented() -> dict[str, list[str]]:
    parts = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8").split("\n## ")[1:]
    return {SECTIONS[part.partition("\n")[0]]: re.findall(r"^\| ([a-z0-9-]+) \| .+ \| .+ \|$", part, re.MULTILINE) for part in parts}


def test_every_dependency_has_its_line_and_every_line_its_dependency():
    assert documented() == declared()


def test_dependencies_are_in_the_order_of_the_alphabet():
    for packages in declared().values():
        assert packages == sorted(packages)


def test_locks_hold_hashes_and_no_addresses():
    for lock in sorted((ROOT / "requirements").glob("*.txt")):
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text, lock
        assert "--index-url" not in text, lock
        blocks = re.findall(r"^([a-z0-9][^\s=]*)==.*?(?=^[a-z0-9]|\Z)", text, re.MULTILINE | re.DOTALL)
        hashed = re.findall(r"^([a-z0-9][^\s=]*)==[^\n]*\\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
        assert blocks == hashed, lock


def test_every_service_has_its_own_lock_with_what_it_declares():
    for service in ("catalog", "enquiry", "notification", "web"):
        locked = set(
            re.findall(r"^([a-z0-9][^\s=\[]*)==", (ROOT / "requirements" / f"{service}.txt").read_text(encoding="utf-8"), re.MULTILINE)
        )
        assert locked >= set(declared()[""]) | set(declared()[service])
        assert not locked & set(declared()["test"])
