"""YAML into plain values: mappings with text keys, lists, text, whole numbers, decimals, true and false, null.

Plain words follow the core schema of YAML 1.2: NO is Norway, a date stays text. What can grow or run (aliases, tags) is refused.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import TypeAlias

import yaml

from .faults import pointer, shown

MAX_BYTES = 2 * 1024 * 1024
MAX_DEPTH = 12
MAX_VALUES = 200_000

Value: TypeAlias = "dict[str, Value] | list[Value] | str | int | float | bool | None"
Report: TypeAlias = Callable[[str, object, str], None]
"""Called with path, value and reason of what is wrong."""

WHOLE_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})")
DECIMAL = re.compile(r"-?[0-9]{1,15}\.[0-9]{1,15}")
WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "true": True, "false": False}
FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")


class Unreadable(ValueError):
    """The text cannot be read to its end; the message says why and where."""


def parse(text: str, report: Report) -> Value:
    """The one document in `text`; what is wrong in it is reported. Raises Unreadable."""
    try:
        builder = _Builder(yaml.parse(text, Loader=yaml.CSafeLoader), report)
        return builder.document()
    except yaml.YAMLError as error:
        raise Unreadable(f"is no YAML: {_place_of(error)}") from error
    except RecursionError as error:
        raise Unreadable("is nested too deeply") from error


def _place_of(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return str(error).replace("\n", " ")


class _Builder:
    """Builds values from libyaml's events, so that limits are met before memory is taken."""

    def __init__(self, events: Iterator[yaml.Event], report: Report) -> None:
        self.events = events
        self.report = report
        self.values = 0

    def document(self) -> Value:
        next(self.events)  # the stream's start
        if isinstance(next(self.events), yaml.StreamEndEvent):
            return None
        value = self.value(next(self.events), ())
        next(self.events)  # the document's end
        if not isinstance(next(self.events), yaml.StreamEndEvent):
            raise Unreadable("holds more than one document")
        return value

    def value(self, event: yaml.Event, path: tuple[str | int, ...]) -> Value:
        self.values += 1
        if self.values > MAX_VALUES:
            raise Unreadable(f"holds more than {MAX_VALUES} values")
        if len(path) > MAX_DEPTH:
            raise Unreadable(f"is nested deeper than {MAX_DEPTH} at {pointer(*path)}")
        if isinstance(event, yaml.AliasEvent):
            self.report(pointer(*path), f"*{event.anchor}", "aliases are not read: write the value out")
            return None
        if (tag := getattr(event, "tag", None)) is not None:
            self.report(pointer(*path), tag, "tags are not read")
        if isinstance(event, yaml.SequenceStartEvent):
            return list(self.items(path))
        return self.scalar(event, path) if isinstance(event, yaml.ScalarEvent) else self.mapping(path)

    def items(self, path: tuple[str | int, ...]) -> Iterator[Value]:
        for position, event in enumerate(self.events):
            if isinstance(event, yaml.SequenceEndEvent):
                return
            yield self.value(event, (*path, position))

    def mapping(self, path: tuple[str | int, ...]) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for event in self.events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self.key(event, path)
            value = self.value(next(self.events), (*path, key))
            if key in found:
                self.report(pointer(*path, key), value, "stands twice in this mapping")
            found[key] = value
        return found

    def key(self, event: yaml.Event, path: tuple[str | int, ...]) -> str:
        if isinstance(event, yaml.ScalarEvent):
            return self.text(event.value, path)
        self.report(pointer(*path), self.value(event, (*path, "?")), "a key must be text")
        return "?"

    def scalar(self, event: yaml.ScalarEvent, path: tuple[str | int, ...]) -> Value:
        if not event.implicit[0] or event.tag is not None:  # quoted
            return self.text(event.value, path)
        if event.value in WORDS:
            return WORDS[event.value]
        if WHOLE_NUMBER.fullmatch(event.value):
            return int(event.value)
        return float(event.value) if DECIMAL.fullmatch(event.value) else self.text(event.value, path)

    def text(self, text: str, path: tuple[str | int, ...]) -> str:
        if FORBIDDEN.search(text):
            self.report(pointer(*path), shown(text), "holds a character that text may not hold")
        return unicodedata.normalize("NFC", text)
