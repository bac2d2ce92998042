"""What is implausible in an import that was well formed: by code, with the evidence. It refuses nothing and repairs nothing."""

from collections.abc import Callable, Iterator, Mapping

from services.catalog.importer.records import Import

from . import hospitals, pages, prices, procedures, stories
from .verdicts import CatalogWarning, Question, warning

CHECKS: Mapping[str, Callable[[Import], Iterator[CatalogWarning]]] = {
    "price.derived": prices.derived,
    "price.no_source": prices.without_source,
    "price.no_inclusions": prices.without_inclusions,
    "facts.copied_across_countries": pages.copied_facts,
    "destination.own_in_others": pages.own_in_others,
    "destination.no_hospital": pages.without_hospital,
    "city.unknown": hospitals.unknown_city,
    "city.contradicts_name": hospitals.contradicting_city,
    "doctor_count.repeated": hospitals.repeated_doctor_count,
    "hospital.no_authorisation": hospitals.without_authorisation,
    "hospital.no_zone_or_language": hospitals.without_zone_or_language,
    "rating.no_value": hospitals.rating_without_value,
    "rating.inexact": hospitals.inexact_rating,
    "ranking.no_rule": pages.without_ranking_rule,
    "claim.no_evidence": pages.claimed_without_evidence,
    "doctors.none": pages.without_doctors,
    "specialty.implausible": procedures.implausible_specialty,
    "content.no_reviewer": procedures.without_reviewer,
    "faq.empty": procedures.without_faqs,
    "story.no_consent": stories.without_consent,
    "story.no_hospital_or_date": stories.without_hospital_or_date,
    "story.headline_cut": stories.cut_headline,
}
"""Each code with its check; list.run_together, text.icon_alt and range.string are told by the reader itself."""


def warnings_of(found: Import) -> list[CatalogWarning]:
    """All warnings, by code in the order above, then those about printed forms in the order of the files."""
    judged = [each for check in CHECKS.values() for each in check(found)]
    return judged + [warning(printed.code, printed.origin, printed=printed.printed) for printed in found.printed]


def questions_of(found: Import) -> list[Question]:
    """What no rule can decide: whether two hospitals are one."""
    return list(hospitals.perhaps_the_same(found))
