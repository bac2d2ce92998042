"""The enquiry form of a procedure in a country: what is asked, which records are wanted, what is agreed to, who can be asked."""

from itertools import groupby

from services.catalog.consent_texts import ConsentText
from services.catalog.hospitals import can_be_asked
from services.catalog.languages import fallbacks, pick, pick_if_any
from services.catalog.procedures import DestinationFacts, Procedure

from . import parts
from .parts import Value, View

ASKED_FOR = {"health_data": "enquiry", "share_case_with_hospital": "each_hospital", "release_identity": "quote_acceptance"}
"""When each consent is asked for."""


def form(view: View, procedure: Procedure, facts: DestinationFacts) -> Value:
    offered = view.holdings.offered(procedure.slug, facts.country)
    return parts.document(
        view,
        {
            "sample": procedure.sample or facts.sample,
            "procedure": parts.named(procedure, view.language),
            "country": parts.country(facts.country, view.language),
            "intake": [_question(asked, view.language) for asked in procedure.intake],
            "records": _records(view, procedure),
            "consents": [_consent(view, list(texts)) for _, texts in groupby(view.holdings.consent_texts, key=lambda each: each.purpose)],
            "hospitals": [parts.offering_card(view, each) for each in offered if can_be_asked(each.hospital, on=view.today)],
            "warning_signs": [
                {"sign": pick(each["text"], view.language), "what_to_do": pick(each["what_to_do"], view.language)}
                for each in procedure.warning_signs
            ],
        },
    )


def _question(asked: Value, language: str) -> Value:
    return {
        **{name: asked[name] for name in ("slug", "kind", "required", "min", "max")},
        "question": pick(asked["question"], language),
        "hint": pick_if_any(asked["hint"], language),
        "unit": pick_if_any(asked["unit"], language),
        "choices": [{"slug": choice["slug"], "label": pick(choice["label"], language)} for choice in asked["choices"]],
    }


def _records(view: View, procedure: Procedure) -> list[Value]:
    """The documents that the preparation asks for, each once."""
    wanted = {each["document_required"]["slug"]: each["document_required"] for each in procedure.preparation if each["document_required"]}
    return [{"slug": slug, "name": pick(document["name"], view.language)} for slug, document in wanted.items()]


def _consent(view: View, texts: list[ConsentText]) -> Value:
    """One text, in the language that will be recorded with the consent."""
    by_language = {each.language: each for each in texts}
    chosen = next((by_language[tag] for tag in fallbacks(view.language) if tag in by_language), texts[0])
    return {
        "purpose": chosen.purpose,
        "asked_for": ASKED_FOR[chosen.purpose],
        "version": chosen.version,
        "language": chosen.language,
        "text": chosen.text,
        "sha256": chosen.sha256,
    }
