"""Reads an import's files into records, or refuses it with all of its faults at once. Judges no plausibility, touches no database."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from marshmallow import Schema, ValidationError, fields
from marshmallow.experimental.context import Context

from . import kinds, printed, references, schemas, standing, yaml_text
from .faults import ImportFault, ImportRefused, pointer, shown
from .records import Import
from .records.origin import Origin, Printed
from .schemas.making import ProvenanceSchema
from .yaml_text import Value

MAX_FILES = 100


class HeadSchema(Schema):
    """What a file says for all of its records."""

    language = kinds.of(kinds.language)
    sample = kinds.of(kinds.flag)
    provenance = fields.Nested(ProvenanceSchema())


@dataclass
class Findings:
    """What was read so far, from all files."""

    faults: list[ImportFault] = field(default_factory=list)
    records: dict[str, list[Any]] = field(default_factory=dict)
    slugs: dict[str, set[str]] = field(default_factory=dict)
    printed: list[Printed] = field(default_factory=list)

    def refuse(self, file: str, path: str, value: object, reason: str) -> None:
        self.faults.append(ImportFault(file, path, shown(value), reason))


def read(paths: Iterable[Path]) -> Import:
    """The records of all files together. Raises ImportRefused with every fault: file, path, value, reason."""
    found = Findings()
    files = list(paths)
    if not 0 < len(files) <= MAX_FILES:
        raise ImportRefused([ImportFault("", "", shown(len(files)), f"An import is made of 1 to {MAX_FILES} files.")])
    for path in files:
        _read_file(path, found)
    together = references.with_cities(Import(**{kind: tuple(records) for kind, records in found.records.items()}))
    faults = found.faults + references.faults_of(together, found.slugs)
    if faults:
        raise ImportRefused(faults)
    return replace(together, prices=standing.with_standing(together.prices), printed=tuple(found.printed))


def _read_file(path: Path, found: Findings) -> None:
    file = str(path)
    try:
        document = yaml_text.parse(_text_of(path), lambda *fault: found.refuse(file, *fault))
    except yaml_text.Unreadable as error:
        found.refuse(file, "", None, f"The file {error}.")
        return
    if not isinstance(document, dict):
        found.refuse(file, "", document, "Must be a mapping of lists of records.")
    else:
        _read_document(file, document, found)


def _text_of(path: Path) -> str:
    """Raises Unreadable."""
    try:
        with path.open("rb") as file:
            raw = file.read(yaml_text.MAX_BYTES + 1)
        if len(raw) > yaml_text.MAX_BYTES:
            raise yaml_text.Unreadable(f"is larger than {yaml_text.MAX_BYTES} bytes")
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise yaml_text.Unreadable(f"cannot be opened: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise yaml_text.Unreadable(f"is not UTF-8 at byte {error.start}") from error


def _read_document(file: str, document: dict[str, Value], found: Findings) -> None:
    head = _read_head(file, {key: value for key, value in document.items() if key not in schemas.OF_LISTS}, found)
    for kind in schemas.OF_LISTS.keys() & document.keys():
        found.slugs.setdefault(kind, set()).update(_slugs_in(document[kind]))
    for kind, schema in schemas.OF_LISTS.items():
        entries = document.get(kind, [])
        if not isinstance(entries, list):
            found.refuse(file, pointer(kind), entries, "Must be a list of records.")
            continue
        for position, raw in enumerate(entries):
            around = replace(head, origin=Origin(file=file, path=pointer(kind, position)))
            found.records.setdefault(kind, []).extend(_read_record(kind, schema, raw, around, found))


def _read_head(file: str, raw: dict[str, Value], found: Findings) -> kinds.Surroundings:
    data: dict[str, Any] = {}
    try:
        data = HeadSchema().load(raw)
    except ValidationError as error:
        _refuse_all(file, "", raw, error, found)
    defaults = {"language": "en", "sample": False, "provenance": None}
    return kinds.Surroundings(**{"origin": Origin(file=file, path=""), **defaults, **data})


def _slugs_in(entries: Value) -> Iterator[str]:
    """Also of records that will be refused: who refers to them makes no fault."""
    for entry in entries if isinstance(entries, list) else []:
        slug = entry.get("slug") if isinstance(entry, dict) else None
        if isinstance(slug, str):
            yield slug


def _read_record(kind: str, schema: Schema, raw: Value, around: kinds.Surroundings, found: Findings) -> list[Any]:
    """The records an entry makes: one, or one per language; none if it is refused."""
    origin = around.origin
    if not isinstance(raw, dict):
        found.refuse(origin.file, origin.path, raw, "Must be a mapping.")
        return []
    ours, told = printed.read_printed(kind, raw, origin)
    found.printed += told
    try:
        with Context[kinds.Surroundings](around):
            made = schema.load(ours)
    except ValidationError as error:
        _refuse_all(origin.file, origin.path, ours, error, found)
        return []
    return made if isinstance(made, list) else [made]


def _refuse_all(file: str, path: str, raw: Value, error: ValidationError, found: Findings) -> None:
    for place, reason in _reasons_in(error.messages, ()):
        found.refuse(file, path + pointer(*place), _value_at(raw, place), reason)


def _reasons_in(messages: Any, place: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Marshmallow's nested messages, flat: the place inside the record and one reason."""
    if isinstance(messages, Mapping):
        for key, inner in messages.items():
            yield from _reasons_in(inner, place if key == "_schema" else (*place, key))
    elif isinstance(messages, list):
        for message in messages:
            yield from _reasons_in(message, place)
    else:
        yield place, str(messages)


def _value_at(raw: Value, place: tuple[str | int, ...]) -> Value:
    for part in place:
        if isinstance(raw, dict) and isinstance(part, str):
            raw = raw.get(part)
        elif isinstance(raw, list) and isinstance(part, int) and part < len(raw):
            raw = raw[part]
        else:
            return None
    return raw
