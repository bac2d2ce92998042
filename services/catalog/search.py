"""Search: procedures and hospitals by words as people type them, with typing errors, missing accents and letters written for each other.

First the words there are that may be meant, then what carries them: the words that can score best first, until nothing better can come.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from marshmallow import fields, validate
from sqlalchemy import Select, func, literal, select, union_all
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from shared import web
from shared.web import Blueprint, Schema

from . import wire
from .documents import LanguageQuery, answer_body, documents_of, wanted_language
from .hospitals import Hospital
from .procedures import Procedure, ProcedureCardSchema
from .words import near_words, score_of

CANDIDATES = 60
"""Of each kind, for each choice of words: more than are shown, as among those with words that are only alike the order is found here."""
MOST_ALIKE = 500
"""So many are compared by length; where more have all the words of a choice, it is among the first that the table holds: none is better than another."""
GOOD = 0.6
"""The share of the letters asked for that must be found."""
MOST_CHOICES = 12
"""Of words that may be left out: a question of many words that stand nowhere together is not asked in every way there is."""
KINDS: dict[type[Procedure | Hospital], str] = {Procedure: "procedure", Hospital: "hospital"}

Meant = Mapping[str, Mapping[str, float]]
"""Each word asked for: the words there are that may be meant, each with how much it is alike."""

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
    words: int
    score: float

    @property
    def place(self) -> tuple[float, int, bool, str]:
        """What hits are sorted by: the better, then the one with fewer other words, procedures before hospitals."""
        return (-self.score, self.words, self.kind != "procedure", self.slug)


@dataclass(frozen=True)
class Choice:
    """One word of each of `sets` is to be there; what has them scores `best` at most."""

    best: float
    sets: tuple[tuple[str, ...], ...]


def search_catalog(session: Session, q: str, *, limit: int) -> list[Hit]:
    """The best hits, kinds mixed. None where nothing is near enough."""
    meant, hits = near_words(session, q), dict[tuple[str, str], Hit]()
    for choice in sorted(_choices(meant), key=lambda one: -one.best)[:MOST_CHOICES]:
        if len(hits) >= limit and sorted(hit.score for hit in hits.values())[-limit] >= choice.best:
            break
        for kind, slug, words in session.execute(union_all(*(_candidates(model, choice) for model in KINDS))):
            hit = Hit(kind, slug, len(words), score_of(meant, frozenset(words)))
            if hit.score >= GOOD:
                hits[kind, slug] = hit
    return sorted(hits.values(), key=lambda hit: hit.place)[:limit]


def _choices(meant: Meant) -> Iterator[Choice]:
    """All the words, and without some of them, as long as enough letters are left; each as the most alike words there are, and as any that is alike."""
    known = {word: max(others.values()) for word, others in meant.items() if others}
    letters = sum(map(len, meant))
    for count in range(1, len(known) + 1):
        for chosen in combinations(known, count):
            best = sum(len(word) * known[word] for word in chosen) / letters
            if best < GOOD:
                continue
            most = tuple(tuple(other for other, alike in meant[word].items() if alike == known[word]) for word in chosen)
            yield Choice(best, most)
            every = tuple(tuple(meant[word]) for word in chosen)
            if every != most:
                yield Choice(best - min(_step(word, meant[word]) for word in chosen) / letters, every)


def _step(word: str, others: Mapping[str, float]) -> float:
    """What is lost at least where not the most alike word is there."""
    first, *rest = sorted(set(others.values()), reverse=True)
    return len(word) * (first - rest[0] if rest else first)


def _candidates(model: type[Procedure | Hospital], choice: Choice) -> Select[str, str, list[str]]:
    there = (
        select(model.slug, model.words).where(*(model.words.overlap(list(others)) for others in choice.sets)).limit(MOST_ALIKE).subquery()
    )
    first = select(there.c.slug, there.c.words).order_by(func.cardinality(there.c.words), there.c.slug).limit(CANDIDATES).subquery()
    return select(literal(KINDS[model]).label("kind"), first.c.slug, first.c.words)


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
