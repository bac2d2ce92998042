"""Search: procedures and hospitals by words as people type them, with typing errors, missing accents and letters written for each other.

The index finds candidates by trigrams of folded words; the order is decided here, by how many letters are wrong.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from marshmallow import fields, validate
from rapidfuzz.distance import OSA
from sqlalchemy import Select, func, literal, or_, select, union_all
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from shared import web
from shared.web import Blueprint, Schema

from . import wire
from .documents import LanguageQuery, answer_body, documents_of, wanted_language
from .folding import MOST_WORDS, resembles_at_all
from .hospitals import Hospital
from .importer.names import GENERIC
from .procedures import Procedure, ProcedureCardSchema

CANDIDATES = 60
"""Of each kind, by trigrams: far more than are shown, as trigrams think little of two letters that changed places."""
GOOD = 0.6
"""The share of the letters asked for that must be found."""
KINDS: dict[type[Procedure | Hospital], str] = {Procedure: "procedure", Hospital: "hospital"}
STEM = 4
"""A word of so many letters is found where it begins the word asked for: Turkish suffixes."""

# -- schema -------------------------------------------------------------------


class SearchQuery(LanguageQuery):
    q = fields.String(required=True, validate=validate.Length(2, 100), metadata={"examples": ["baklofen pompası", "Instabul", "مضخة"]})
    limit = fields.Integer(load_default=10, validate=validate.Range(1, 50), metadata={"description": "the best so many", "examples": [10]})


class HitSchema(Schema):
    """`procedure` or `hospital`, as `kind` says; the other is absent."""

    kind = fields.String(required=True, validate=validate.OneOf(["procedure", "hospital"]))
    score = fields.Integer(
        required=True, strict=True, validate=validate.Range(0, 100), metadata={"description": "100: each word as it was typed"}
    )
    procedure = fields.Nested(ProcedureCardSchema())
    hospital = fields.Nested(wire.HospitalCardSchema())


class SearchSchema(Schema):
    items = wire.listed(HitSchema(), "best first; not paged")


# -- rules --------------------------------------------------------------------


@dataclass(frozen=True)
class Hit:
    kind: str
    slug: str
    folded: str
    score: float

    @property
    def place(self) -> tuple[float, int, bool, str]:
        """What hits are sorted by: the better, then the one with fewer other words, procedures before hospitals."""
        return (-self.score, len(self.folded), self.kind != "procedure", self.slug)


def search_catalog(session: Session, q: str, *, limit: int) -> list[Hit]:
    """The best hits, kinds mixed. None where nothing is near enough."""
    words = session.scalars(select(func.fold(q))).one().split()[:MOST_WORDS]
    telling = [word for word in words if word not in GENERIC] or words
    if not words:
        return []
    found = session.execute(union_all(_candidates(Procedure, telling), _candidates(Hospital, telling)))
    hits = (Hit(kind, slug, folded, score_of(words, folded.split())) for kind, slug, folded in found)
    return sorted((hit for hit in hits if hit.score >= GOOD), key=lambda hit: hit.place)[:limit]


def _candidates(model: type[Procedure | Hospital], words: Sequence[str]) -> Select[str, str, str]:
    likeness = sum((func.word_similarity(word, model.folded) for word in words), literal(0.0))
    near = or_(*(resembles_at_all(model.folded, word) for word in words))
    best = select(model.slug, model.folded).where(near).order_by(likeness.desc(), model.slug).limit(CANDIDATES).subquery()
    return select(literal(KINDS[model]).label("kind"), best.c.slug, best.c.folded)


def cards_of(session: Session, hits: Sequence[Hit], language: str) -> list[bytes]:
    """What is shown of each hit."""
    cards = {
        kind: documents_of(session, kind=f"{kind}-card", keys=[hit.slug for hit in hits if hit.kind == kind], language=language)
        for kind in sorted({hit.kind for hit in hits})
    }
    return [
        b'{"kind":"%s","score":%d,"%s":%s}' % (hit.kind.encode(), round(hit.score * 100), hit.kind.encode(), cards[hit.kind][hit.slug].body)
        for hit in hits
        if hit.slug in cards[hit.kind]
    ]


def score_of(words: Sequence[str], there: Iterable[str]) -> float:
    """0 to 1: how well the words asked for are found among those that are there; longer words weigh more."""
    known = set(there)
    found = sum(len(word) * max((_alike(word, other) for other in known), default=0.0) for word in words)
    return found / sum(map(len, words))


def _alike(word: str, other: str) -> float:
    """1 for the same; less for a beginning, a stem, or few wrong letters (Damerau-Levenshtein, optimal string alignment); else 0."""
    if word == other:
        return 1.0
    if other.startswith(word):
        return 0.95
    if len(other) >= STEM and word.startswith(other):
        return 0.9
    wrong = OSA.distance(word, other, score_cutoff=2)
    return 1 - wrong / len(word) if wrong <= _forgiven(word) else 0.0


def _forgiven(word: str) -> int:
    """How many letters of it may be wrong."""
    return 0 if len(word) < 4 else 1 if len(word) < 8 else 2


# -- routes -------------------------------------------------------------------

bp = Blueprint("search", __name__, url_prefix="/v1/search", description="By words")


@bp.route("")
@bp.arguments(SearchQuery(), location="query")
@bp.response(200, SearchSchema())
def list_(parameters: dict[str, Any]) -> Response:
    """Procedures and hospitals, best first; typing errors, accents and letter variants are forgiven."""
    language = wanted_language(parameters)
    with web.reading() as session:
        hits = search_catalog(session, parameters["q"], limit=parameters["limit"])
        found = cards_of(session, hits, language)
    return answer_body(b'{"items":[%s]}' % b",".join(found), language)
