"""Imports that differ from another in one record."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from services.catalog.importer import records

SEED = "intrathecal-baclofen-therapy"


def with_changed(stated: records.Import, kind: str, of: Callable[[Any], bool], **values: Any) -> records.Import:
    """The import with these values in all records of a kind that fit; there must be one."""
    changed = tuple(replace(record, **values) if of(record) else record for record in getattr(stated, kind))
    assert changed != getattr(stated, kind)
    return replace(stated, **{kind: changed})


def without(stated: records.Import, kind: str, of: Callable[[Any], bool]) -> records.Import:
    """The import without the records of a kind that fit; there must be one."""
    kept = tuple(record for record in getattr(stated, kind) if not of(record))
    assert len(kept) < len(getattr(stated, kind))
    return replace(stated, **{kind: kept})


def without_hospital(stated: records.Import, slug: str) -> records.Import:
    """The import without a hospital and all that names it."""
    for kind in ("prices", "offerings", "doctors", "stories"):
        if any(record.hospital == slug for record in getattr(stated, kind)):
            stated = without(stated, kind, lambda record: record.hospital == slug)
    return without(stated, "hospitals", lambda hospital: hospital.slug == slug)
