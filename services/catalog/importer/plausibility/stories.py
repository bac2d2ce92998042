"""Doubts about patients' stories: whether they may be told, and whether they can be placed."""

from collections.abc import Iterator

from services.catalog.importer.records import Import

from .verdicts import CatalogWarning, warning


def without_consent(found: Import) -> Iterator[CatalogWarning]:
    for story in found.stories:
        if story.consent is None:
            yield warning("story.no_consent", story.origin, story=story.slug)


def without_hospital_or_date(found: Import) -> Iterator[CatalogWarning]:
    for story in found.stories:
        missing = [name for name in ("hospital", "treated_on") if getattr(story, name) is None]
        if missing:
            yield warning("story.no_hospital_or_date", story.origin, story=story.slug, missing=missing)


def cut_headline(found: Import) -> Iterator[CatalogWarning]:
    for story in found.stories:
        cut = sorted(language for language, text in story.headline.items() if text.endswith(("...", "…")))
        if cut:
            yield warning("story.headline_cut", story.origin, story=story.slug, languages=cut)
