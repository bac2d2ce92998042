"""The house's laws that no other tool can say: names, sizes, places. What import-linter says stands in pyproject.toml."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import shared

ROOT = Path(__file__).parents[1]
UNUSED_WORDS = {"manager", "helper", "helpers", "util", "utils", "common", "base", "impl", "info", "process"}
NAMES_THAT_MUST_BE = {
    "Base": "each service has its own declarative base",
    "base_exceptions": "limits asks its storages for it",
    "operation_helper": "apispec asks its plugins for it",
}
OUR_CODE = ("shared/", "services/", "devstack/", "docs/")
DOOR = {"flask", "flask_smorest", "werkzeug"}
READERS_OF_THE_ENVIRONMENT = {
    "shared/config.py",  # names that miss a setting by a letter
    "shared/metrics.py",  # hands prometheus_client its folder
    "shared/web/health.py",  # asks whether it was given
}
CALLERS_OF_URLS = {"shared/auth.py"}  # the issuer's public keys


@cache
def files() -> list[Path]:
    """What belongs to the checkout: tracked, or new and not ignored."""
    listed = subprocess.check_output(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True)
    return [ROOT / name for name in sorted(listed.split("\0")) if name and (ROOT / name).is_file()]


@cache
def modules() -> dict[str, ast.Module]:
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8")) for path in files() if path.suffix == ".py"}


def ours() -> Iterator[tuple[str, ast.Module]]:
    yield from ((name, tree) for name, tree in modules().items() if name.startswith(OUR_CODE))


def names_given(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Every name that is made in a module, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno


def is_vague(name: str) -> bool:
    words = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", name)}
    return bool(words & UNUSED_WORDS) or name == "do" or name.startswith("do_")


def test_shared_is_ours_and_not_a_folder_that_lies_beside():
    assert Path(shared.__file__).parent == ROOT / "shared"


def test_no_module_is_longer_than_300_lines():
    long = {name: len((ROOT / name).read_text(encoding="utf-8").splitlines()) for name in modules()}
    assert {name: lines for name, lines in long.items() if lines > 300} == {}


def test_every_module_opens_with_what_it_is_for():
    assert [name for name, tree in modules().items() if tree.body and not ast.get_docstring(tree)] == []


def test_a_module_says_what_it_is_for_in_three_lines_of_prose():
    """A package's list of its rooms, after an empty line, may be longer."""
    said = {name: (ast.get_docstring(tree) or "").split("\n\n") for name, tree in ours()}
    assert {name: parts for name, parts in said.items() if not name.endswith("__init__.py") and sum(map(lines_of, parts)) > 4} == {}


def lines_of(paragraph: str) -> int:
    return len(paragraph.splitlines())


def test_words_that_say_nothing_are_not_used_in_names():
    """An operating system's process is one: devstack and tests may say so."""
    found = [
        f"{path}:{line} {name}"
        for path, tree in ours()
        for name, line in [*names_given(tree), (Path(path).stem, 1)]
        if is_vague(name) and name not in NAMES_THAT_MUST_BE and not (path.startswith("devstack/") and name == "process")
    ]
    assert found == []


def test_tests_are_sentences():
    found = [
        f"{path}: {node.name}"
        for path, tree in modules().items()
        if path.startswith("tests/")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and len(node.name.split("_")) < 4
    ]
    assert found == []


def test_a_service_door_stays_a_table_of_contents():
    doors = [ROOT / name for name in modules() if re.fullmatch(r"services/\w+/app\.py", name)]
    assert len(doors) == 4
    assert [str(door) for door in doors if len(door.read_text(encoding="utf-8").splitlines()) > 150] == []


@pytest.mark.parametrize("machine", ["/" + folder + "/" for folder in ("work", "root", "home", "Users")])
def test_no_file_names_a_place_on_somebodys_machine(machine):
    assert [str(path.relative_to(ROOT)) for path in files() if re.search(rf"(?<![\w.~-]){machine}\w", text_of(path))] == []


def test_nothing_is_left_for_later():
    later = "TO" + "DO"
    assert [str(path.relative_to(ROOT)) for path in files() if re.search(rf"\b{later}\b", text_of(path))] == []


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.stat().st_size < 1_000_000 else ""


def imported_from_the_door(tree: ast.Module) -> set[str]:
    """Names in a module that come from the web framework, or from shared.web."""
    found = {"web"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and (node.module.split(".")[0] in DOOR or node.module.startswith("shared.web")):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.asname or alias.name for alias in node.names if alias.name in DOOR}
    return found


def functions_of(prefix: str) -> Iterator[tuple[str, ast.Module, ast.FunctionDef]]:
    for path, tree in modules().items():
        if path.startswith(prefix):
            yield from ((path, tree, node) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def is_rule(function: ast.FunctionDef) -> bool:
    return bool(function.args.args) and function.args.args[0].arg == "session"


def test_a_rule_takes_a_session_and_plain_values_and_knows_no_request():
    of_the_door = {path: imported_from_the_door(tree) for path, tree in modules().items()}
    found = [
        f"{path}:{node.lineno} {rule.name} uses {node.id}"
        for path, _, rule in functions_of("services/")
        if is_rule(rule)
        for node in ast.walk(rule)
        if isinstance(node, ast.Name) and node.id in of_the_door[path]
    ]
    assert found == []


def is_view(function: ast.FunctionDef) -> bool:
    return any(
        isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute) and one.func.attr == "route" for one in function.decorator_list
    )


def test_a_view_holds_no_try():
    found = [
        f"{path} {view.name}"
        for path, _, view in functions_of("services/")
        if is_view(view) and any(isinstance(one, ast.Try) for one in ast.walk(view))
    ]
    assert found == []


def test_every_view_says_what_it_is_for():
    assert [f"{path} {view.name}" for path, _, view in functions_of("services/") if is_view(view) and not ast.get_docstring(view)] == []


def test_nobody_but_settings_reads_the_environment():
    found = {
        path
        for path, tree in modules().items()
        if path.startswith(("shared/", "services/"))
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in {"os.environ", "os.getenv"}  # a request's environ is WSGI's
    }
    assert found <= READERS_OF_THE_ENVIRONMENT


def test_only_the_reader_of_the_issuers_keys_calls_urls_beside_the_channels():
    found = {
        path
        for path, tree in modules().items()
        if path.startswith(("shared/", "services/"))
        for node in ast.walk(tree)
        if (isinstance(node, ast.Import) and any(alias.name in {"urllib.request", "http.client"} for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module in {"urllib.request", "http.client"})
    }
    assert {path for path in found if not path.startswith("services/notification/channels/")} <= CALLERS_OF_URLS


def test_each_decision_has_a_number_of_its_own_and_its_title_says_it():
    records = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert [record.name[:4] for record in records] == [f"{number:04d}" for number in range(1, len(records) + 1)]
    assert [record.name for record in records if not record.read_text(encoding="utf-8").startswith(f"# {record.name[:4]} ")] == []


def test_a_module_of_a_service_names_its_own_package_by_a_dot_and_what_lies_above_in_full():
    """`from . import listings`, `from services.enquiry.cases import Enquiry` in a room below: one way to write each import. No `..`: ruff."""
    written_out = [
        f"{name}:{node.lineno}"
        for name, tree in modules().items()
        if name.startswith("services/") and "/migrations/" not in name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith(".".join(Path(name).parent.parts) + ".")
    ]
    assert written_out == []
