"""What a check says: a warning with its code, its place and its evidence, or a question for a person."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.catalog.importer.records.origin import Origin


@dataclass(frozen=True)
class CatalogWarning:
    code: str
    file: str
    path: str
    """JSON pointer inside the file."""
    evidence: Mapping[str, object]
    """Plain values (text, numbers, lists of them) that show why, by name."""


@dataclass(frozen=True)
class Question:
    code: str
    slugs: tuple[str, ...]
    """The records it is about."""
    text: str
    evidence: Mapping[str, object]


def warning(code: str, origin: Origin, **evidence: object) -> CatalogWarning:
    return CatalogWarning(code, origin.file, origin.path, evidence)
