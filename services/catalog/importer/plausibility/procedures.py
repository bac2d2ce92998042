"""Doubts about a procedure's content: who performs it, who reviewed it, whether questions are answered."""

from collections.abc import Iterator

from services.catalog.importer.records import Import

from .verdicts import CatalogWarning, warning


def implausible_specialty(found: Import) -> Iterator[CatalogWarning]:
    """A device is implanted, and none of those who are said to perform it operates."""
    operating = {specialty.slug for specialty in found.specialties if specialty.operates}
    for procedure in found.procedures:
        if procedure.device_implanted and procedure.performed_by and not operating & set(procedure.performed_by):
            yield warning("specialty.implausible", procedure.origin, procedure=procedure.slug, performed_by=list(procedure.performed_by))


def without_reviewer(found: Import) -> Iterator[CatalogWarning]:
    for procedure in found.procedures:
        if procedure.reviewed_by is None:
            yield warning("content.no_reviewer", procedure.origin, procedure=procedure.slug)


def without_faqs(found: Import) -> Iterator[CatalogWarning]:
    for procedure in found.procedures:
        if not procedure.faqs:
            yield warning("faq.empty", procedure.origin, procedure=procedure.slug)
