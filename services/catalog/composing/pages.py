"""The page of a procedure in a country: everything a patient reads before asking."""

from collections.abc import Sequence

from services.catalog.holdings import Offered
from services.catalog.languages import pick, pick_each, pick_if_any
from services.catalog.procedures import DestinationFacts, Procedure
from services.catalog.ranking_rules import rule_for
from services.catalog.stories import Story, is_shown

from . import parts
from .parts import Value, View


def page(view: View, procedure: Procedure, facts: DestinationFacts) -> Value:
    offered = view.holdings.offered(procedure.slug, facts.country)
    return parts.document(
        view,
        {
            "sample": procedure.sample or facts.sample,
            "unconfirmed": unconfirmed(view, procedure, facts, offered),
            "country": parts.country(facts.country, view.language),
            **about(view, procedure),
            **parts.stay_and_recovery(view, procedure, facts),
            "costs": parts.cost_lines(view, procedure),
            "hospitals": [parts.offering_card(view, each) for each in offered],
            "hospital_order": _order(view, procedure, facts),
            "doctors": doctors(view, procedure, offered),
            "stories": stories(view, procedure, facts),
            "enquiry_form": f"/v1/enquiry-form?procedure={procedure.slug}&country={facts.country}",
        },
    )


def about(view: View, procedure: Procedure) -> Value:
    """What holds in every country."""
    language = view.language
    return {
        "procedure": {
            **parts.named(procedure, language),
            "synonyms": pick_each(procedure.synonyms, language),
            "specialty": parts.specialty(view, procedure.specialty),
            "performed_by": [parts.practitioner(view, slug) for slug in procedure.performed_by],
            "device_implanted": procedure.device_implanted,
        },
        "summary": pick(procedure.summary, language),
        "overview": pick(procedure.overview, language),
        "mechanism": pick_if_any(procedure.mechanism, language),
        **{name: pick_each(getattr(procedure, name), language) for name in ("conditions", "alternatives", "highlights", "indications")},
        "preparation": [_preparation(each, language) for each in procedure.preparation],
        "risks": [{"risk": pick(each["text"], language), "severity": each["severity"]} for each in procedure.risks],
        "warning_signs": [
            {"sign": pick(each["text"], language), "what_to_do": pick(each["what_to_do"], language)} for each in procedure.warning_signs
        ],
        **{name: pick_each(getattr(procedure, name), language) for name in ("recovery_notes", "restrictions", "carry")},
        "followups": [{**each, "kind": pick(each["kind"], language)} for each in procedure.followups],
        "stages": [{"slug": each["slug"], "name": pick(each["name"], language)} for each in procedure.stages],
        "faqs": [
            {"question": pick(each["question"], language), "answer": pick(each["answer"], language), "reviewed_on": each["reviewed_on"]}
            for each in procedure.faqs
        ],
        "review": {"by": procedure.reviewed_by, "on": procedure.reviewed_on} if procedure.reviewed_by else None,
        "provenance": procedure.provenance,
    }


def _preparation(step: Value, language: str) -> Value:
    wanted = step["document_required"]
    return {
        "step": pick(step["text"], language),
        "days_before": step["days_before"],
        "document_required": {"slug": wanted["slug"], "name": pick(wanted["name"], language)} if wanted else None,
    }


def unconfirmed(view: View, procedure: Procedure, facts: DestinationFacts, offered: Sequence[Offered]) -> list[str]:
    """What on this page nobody vouches for, by code."""
    prices = [price for price in view.holdings.prices.get(procedure.slug, []) if price.country == facts.country]
    return parts.codes(
        [
            ("review", procedure.reviewed_by is None),
            ("stay_and_recovery", facts.source is None),
            ("prices", any(price.standing == "unconfirmed" for price in prices)),
            ("hospital_authorisation", any(each.hospital.authorisation["standing"] == "unknown" for each in offered)),
            ("hospital_evidence", any(each.offering.evidence is None for each in offered)),
        ]
    )


def _order(view: View, procedure: Procedure, facts: DestinationFacts) -> Value | None:
    """The rule behind the order of hospitals, in words."""
    rule = rule_for(view.holdings.rules, procedure=procedure.slug, country=facts.country)
    return {"slug": rule.slug, "text": pick(rule.text, view.language)} if rule else None


def doctors(view: View, procedure: Procedure, offered: Sequence[Offered]) -> list[Value]:
    """Of these hospitals, in their order, those who do it."""
    return [
        parts.doctor_card(view, doctor)
        for each in offered
        for doctor in view.holdings.doctors.get(each.hospital.slug, [])
        if procedure.slug in doctor.procedures
    ]


def stories(view: View, procedure: Procedure, facts: DestinationFacts) -> list[Value]:
    """With consent only; one from a hospital elsewhere stands on the page of that country."""
    hospitals = view.holdings.hospitals
    shown = [story for story in view.holdings.stories.get(procedure.slug, []) if is_shown(story)]
    return [_story(view, story) for story in shown if not story.hospital or hospitals[story.hospital].country == facts.country]


def _story(view: View, story: Story) -> Value:
    hospital = view.holdings.hospitals[story.hospital] if story.hospital else None
    return {
        "slug": story.slug,
        "headline": pick(story.headline, view.language),
        "body": pick(story.body, view.language),
        "author": story.author_display,
        "country": parts.country(story.country, view.language),
        "hospital": parts.named(hospital, view.language) if hospital else None,
        "treated_on": story.treated_on,
        "sample": story.sample,
    }
