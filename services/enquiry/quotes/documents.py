"""The documents of quotes on the wire. Amounts are whole minor units of one currency (ISO 4217): JPY has no decimals, KWD three."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import phonenumbers
from babel import Locale
from marshmallow import ValidationError, fields, validate, validates_schema

from services.enquiry import quotes
from services.enquiry.cases import Enquiry
from services.enquiry.lifecycles import QuoteState, Who
from services.enquiry.quotations import Quote
from services.enquiry.wording import one_line
from shared import web
from shared.events.catalog import HospitalState
from shared.web import pages

from .terms import Item, Terms, total_of

MOST_MINOR = 10**12
CURRENCIES = frozenset(Locale("en").currencies)
LANGUAGES = ("en", "tr", "ar")
ACKNOWLEDGED = ("price", "risks")
PATIENTS_REASONS = ("too_expensive", "not_what_was_asked", "changed_mind", "health_changed", "other")
CANCEL_REASONS = ("changed_mind", "visa_refused", "health_changed", "no_capacity", "other")
WITHDRAW_REASONS = ("no_capacity", "mistake", "health_changed", "other")
_ITEMS = [item.value for item in Item]
_PROSE: list[Callable[[str], object]] = [validate.Length(1, 500), one_line]

_BECAUSE = fields.String(
    validate=[validate.Length(3, 500), one_line],
    metadata={"description": "required of operations; for the audit, no personal data", "examples": ["asked for by telephone"]},
)


def _money(description: str) -> fields.Integer:
    return fields.Integer(
        required=True, strict=True, validate=validate.Range(0, MOST_MINOR), metadata={"description": description, "examples": [1850000]}
    )


def _currency(text: str) -> None:
    if text not in CURRENCIES:
        raise ValidationError("must be an ISO 4217 currency")


def _phone(text: str) -> None:
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException as fault:
        raise ValidationError("must be a phone number with its country code, as +90…") from fault
    if not phonenumbers.is_possible_number(number):
        raise ValidationError("is not a possible phone number")


def _items(description: str, *examples: str) -> fields.List[str]:
    return fields.List(
        fields.String(validate=validate.OneOf(_ITEMS)),
        load_default=list,
        validate=validate.Length(max=len(_ITEMS)),
        metadata={"description": description, "examples": [list(examples)]},
    )


class StageSchema(web.Schema):
    """One step of the treatment with its price; both amounts the same where it is fixed."""

    name = fields.String(required=True, validate=[validate.Length(1, 120), one_line], metadata={"examples": ["Screening trial"]})
    min_minor = _money("least, in minor units")
    max_minor = _money("most, in minor units")
    stay_days = fields.Integer(strict=True, validate=validate.Range(0, 365), metadata={"examples": [4]})


class FreeLineSchema(web.Schema):
    """What the vocabulary has no word for. Quotes with such lines are never ranked by price."""

    text = fields.String(required=True, validate=_PROSE, metadata={"examples": ["Pump refill in the first year"]})
    language = fields.String(required=True, validate=validate.OneOf(LANGUAGES))
    included = fields.Boolean(required=True)


class DepositSchema(web.Schema):
    """A fact: Passage takes no money. Bank details never stand in a quote."""

    amount_minor = _money("in minor units")
    due = fields.String(
        required=True, validate=validate.OneOf(("on_acceptance", "before_travel", "on_admission")), metadata={"examples": ["before_travel"]}
    )
    payee = fields.String(required=True, validate=[validate.Length(1, 200), one_line], metadata={"examples": ["Example Hospital Inc."]})
    refund = fields.String(required=True, validate=_PROSE, metadata={"examples": ["In full until 14 days before admission"]})


class AftercareSchema(web.Schema):
    """Required where a device is implanted."""

    at_home = fields.String(
        required=True,
        validate=_PROSE,
        metadata={"description": "who follows up at home", "examples": ["A rehabilitation clinic in Lagos, by agreement with us"]},
    )
    phone_24h = fields.String(required=True, validate=[validate.Length(max=32), _phone], metadata={"examples": ["+902120000000"]})
    complication_cover_until = fields.Date(required=True, metadata={"examples": ["2028-01-31"]})


class TermsSchema(web.Schema):
    """What a quote says. What is named neither as included nor as excluded is shown to the patient as not said."""

    currency = fields.String(required=True, validate=[validate.Length(3, 3), _currency], metadata={"examples": ["USD"]})
    stages = fields.List(fields.Nested(StageSchema()), required=True, validate=validate.Length(1, 10))
    included = _items("in the price", "hospital-stay", "anaesthesia")
    excluded = _items("not in the price", "hotel")
    free_lines = fields.List(fields.Nested(FreeLineSchema()), load_default=list, validate=validate.Length(max=20))
    deposit = fields.Nested(DepositSchema())
    assumptions = fields.List(
        fields.String(validate=_PROSE),
        load_default=list,
        validate=validate.Length(max=10),
        metadata={"examples": [["The screening trial succeeds"]]},
    )
    aftercare = fields.Nested(AftercareSchema())
    language = fields.String(
        required=True, validate=validate.OneOf(LANGUAGES), metadata={"description": "of names, assumptions, aftercare"}
    )

    @validates_schema
    def each_once(self, data: dict[str, Any], **_: Any) -> None:
        for name in ("included", "excluded"):
            if len(set(data[name])) != len(data[name]):
                raise ValidationError("names the same twice", name)


class NewQuoteSchema(web.Schema):
    """A quote, or with `draft` something nobody else sees yet."""

    terms = fields.Nested(TermsSchema(), required=True)
    valid_until = fields.AwareDateTime(metadata={"description": "7 to 90 days from now; 30 where it is left out"})
    price_reason = fields.String(
        validate=_PROSE,
        metadata={
            "description": "why the total is far from confirmed prices; the patient reads it, operations are told",
            "examples": ["Two devices are implanted"],
        },
    )
    draft = fields.Boolean(load_default=False)
    because = _BECAUSE


class QuoteReasonSchema(web.Schema):
    because = _BECAUSE


class WithdrawQuoteSchema(QuoteReasonSchema):
    reason = fields.String(required=True, validate=validate.OneOf(WITHDRAW_REASONS), metadata={"examples": ["mistake"]})


class VoidQuoteSchema(web.Schema):
    because = fields.String(
        required=True, validate=[validate.Length(3, 500), one_line], metadata={"description": "for the audit; no personal data"}
    )


class DeclineQuoteSchema(web.Schema):
    reason = fields.String(required=True, validate=validate.OneOf(PATIENTS_REASONS), metadata={"examples": ["too_expensive"]})


class CancelQuoteSchema(QuoteReasonSchema):
    reason = fields.String(required=True, validate=validate.OneOf(CANCEL_REASONS), metadata={"examples": ["visa_refused"]})


class ReleaseSchema(web.Schema):
    """The consent that lets this hospital know who asks: the text that was shown (GET /v1/enquiry-form of the catalog, asked for at `quote_acceptance`)."""

    version = fields.Integer(required=True, strict=True, validate=validate.Range(1, 1_000_000))
    language = fields.String(required=True, validate=validate.OneOf(LANGUAGES))
    sha256 = fields.String(
        required=True,
        validate=validate.Regexp(r"^[0-9a-f]{64}$", error="must be 64 hexadecimal digits"),
        metadata={"examples": ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]},
    )


class AcceptSchema(web.Schema):
    acknowledged = fields.List(
        fields.String(validate=validate.OneOf(ACKNOWLEDGED)),
        required=True,
        validate=validate.Length(max=len(ACKNOWLEDGED)),
        metadata={"description": "both: the risks on the procedure's page, and the price of this quote", "examples": [["price", "risks"]]},
    )
    consent = fields.Nested(ReleaseSchema(), required=True)

    @validates_schema
    def all_acknowledged(self, data: dict[str, Any], **_: Any) -> None:
        missing = sorted(set(ACKNOWLEDGED).difference(data["acknowledged"]))
        if missing:
            raise ValidationError(f"must acknowledge {', '.join(missing)}, too", "acknowledged")


class TotalSchema(web.Schema):
    """The sum of the stages."""

    min_minor = fields.Integer(metadata={"examples": [1850000]})
    max_minor = fields.Integer(metadata={"examples": [1850000]})
    currency = fields.String(metadata={"examples": ["USD"]})


class QuoteSchema(web.Schema):
    id = fields.UUID()
    revision = fields.Integer(metadata={"description": "goes into If-Match"})
    number = fields.Integer(metadata={"description": "which version of this hospital's quote"})
    state = fields.String(metadata={"examples": ["issued"]})
    reference = fields.String(metadata={"description": "of the case", "examples": ["K7QF-2M9X-4TBD"]})
    invitation_id = fields.UUID()
    hospital = fields.String(metadata={"description": "slug"})
    hospital_name = fields.String()
    terms = fields.Nested(TermsSchema())
    price_reason = fields.String(allow_none=True)
    total = fields.Nested(TotalSchema())
    valid_until = fields.AwareDateTime()
    book_until = fields.AwareDateTime(allow_none=True, metadata={"description": "once accepted: without an appointment it lapses then"})
    extended = fields.Boolean(metadata={"description": "that time was prolonged, which is possible once", "examples": [False]})
    reason = fields.String(allow_none=True, metadata={"description": "a code: why it ended", "examples": ["another_selected"]})
    issued_at = fields.AwareDateTime(allow_none=True)
    accepted_at = fields.AwareDateTime(allow_none=True)
    ended_at = fields.AwareDateTime(allow_none=True)
    possible = fields.List(fields.String(), metadata={"description": "what you can do now", "examples": [["accept", "decline"]]})


class QuotesSchema(web.Schema):
    items = fields.List(fields.Nested(QuoteSchema()))


class QuotesPageSchema(pages.PageSchema):
    items = fields.List(fields.Nested(QuoteSchema()))


class ListSchema(pages.PageQuery):
    state = fields.String(validate=validate.OneOf([state.value for state in QuoteState]))


class SaidSchema(web.Schema):
    quote = fields.UUID()
    says = fields.String(metadata={"description": "included, excluded or not_said", "examples": ["included"]})


class ComparedLineSchema(web.Schema):
    item = fields.String(metadata={"examples": ["hotel"]})
    differs = fields.Boolean()
    quotes = fields.List(fields.Nested(SaidSchema()))


class ComparedTotalsSchema(web.Schema):
    """Totals are ranked only where the same things are in them, in the same currency."""

    comparable = fields.Boolean()
    reasons = fields.List(
        fields.String(), metadata={"description": "why not: currencies_differ, inclusions_differ, free_lines", "examples": [[]]}
    )
    by_price = fields.List(fields.UUID(), metadata={"description": "the cheapest first; empty where they cannot be compared"})


class ComparisonSchema(QuotesSchema):
    lines = fields.List(fields.Nested(ComparedLineSchema()))
    totals = fields.Nested(ComparedTotalsSchema())


class ChangedSchema(web.Schema):
    field = fields.String(metadata={"examples": ["stages/0/max_minor"]})
    before = fields.Raw(allow_none=True, metadata={"description": "null where it was not there", "examples": [1850000]})
    after = fields.Raw(allow_none=True, metadata={"description": "null where it is gone", "examples": [1920000]})


class DifferenceSchema(web.Schema):
    changed = fields.List(fields.Nested(ChangedSchema()))


_AS_STORED = (
    "id", "revision", "number", "state", "invitation_id", "valid_until", "book_until", "extended", "reason", "issued_at", "accepted_at", "ended_at",
)  # fmt: skip


def quote_document(
    one: Quote, enquiry: Enquiry, terms: Terms, hospital: HospitalState | None, *, who: Who, now: datetime
) -> dict[str, Any]:
    """The values of QuoteSchema; `hospital` is its listed state, or None."""
    total = total_of(terms)
    return {
        **{name: getattr(one, name) for name in _AS_STORED},
        "reference": enquiry.reference,
        "hospital": hospital.slug if hospital else None,
        "hospital_name": hospital.name if hospital else None,
        "terms": TermsSchema().load({name: said for name, said in terms.items() if name != "price_reason"}),
        "price_reason": terms.get("price_reason"),
        "total": {"min_minor": total.minimum, "max_minor": total.maximum, "currency": total.currency},
        "possible": quotes.acts_on(one, enquiry, who=who, now=now),
    }
