"""Documents: answers composed once when a fact changes, kept as bytes by key and language.

Reading one is a single SELECT; nothing is composed here.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from flask import Response, request
from sqlalchemy import Select, func, select, text, true
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import InstrumentedAttribute, Mapped, Session, mapped_column
from werkzeug.wrappers import Response as BaseResponse

from shared import web
from shared.problems import NotFound
from shared.web import answers, pages

from .db import Base
from .languages import DEFAULT, OFFERED, fallbacks
from .parameters import language_parameter, without_nul

CACHE_CONTROL = "public, max-age=60, stale-while-revalidate=600"

# -- table --------------------------------------------------------------------


class Document(Base):
    """`body` is JSON in UTF-8; `etag` a hash of it."""

    __tablename__ = "documents"

    kind: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    language: Mapped[str] = mapped_column(primary_key=True)
    etag: Mapped[str]
    body: Mapped[bytes]


# -- schema -------------------------------------------------------------------


class LanguageQuery(web.Query):
    """The language of the answer. Every read has it."""

    language = language_parameter("of the answer; goes before Accept-Language. What is not there in it is given in another and says so")


# -- rules --------------------------------------------------------------------

TOGETHER = 1_000
"""So many documents are written by a statement each for the new and for the changed ones."""
_Row = tuple[str, str, str, str, bytes]
_CHANGE = text(
    """
    UPDATE documents SET etag = new.etag, body = new.body
    FROM unnest(CAST(:kinds AS text[]), CAST(:keys AS text[]), CAST(:languages AS text[]), CAST(:etags AS text[]), CAST(:bodies AS bytea[]))
        AS new (kind, key, language, etag, body)
    WHERE documents.kind = new.kind AND documents.key = new.key AND documents.language = new.language
    """
)
_REMOVE = text(
    """
    DELETE FROM documents USING unnest(CAST(:kinds AS text[]), CAST(:keys AS text[]), CAST(:languages AS text[])) AS gone (kind, key, language)
    WHERE documents.kind = gone.kind AND documents.key = gone.key AND documents.language = gone.language
    """
)


@dataclass(frozen=True)
class Composed:
    """A document as it is to be kept."""

    kind: str
    key: str
    language: str
    content: dict[str, Any]


def keep(session: Session, composed: Iterable[Composed]) -> int:
    """Make these all documents there are: write those that differ, remove the rest; returns how many of both."""
    etags = {
        (row.kind, row.key, row.language): row.etag
        for row in session.execute(select(Document.kind, Document.key, Document.language, Document.etag))
    }
    left, written, news, changed = set(etags), 0, list[_Row](), list[_Row]()
    for each in composed:
        body, its_key = orjson.dumps(each.content), (each.kind, each.key, each.language)
        left.discard(its_key)
        if etags.get(its_key) != (etag := etag_of(body)):
            (changed if its_key in etags else news).append((*its_key, etag, body))
        if len(news) + len(changed) >= TOGETHER:
            written += _insert(session, news) + _change(session, changed)
            news, changed = [], []
    return written + _insert(session, news) + _change(session, changed) + _remove(session, list(left))


def _insert(session: Session, rows: Sequence[_Row]) -> int:
    connection: Any = session.connection().connection.driver_connection
    with connection.cursor() as cursor, cursor.copy("COPY documents (kind, key, language, etag, body) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    return len(rows)


def _change(session: Session, rows: Sequence[_Row]) -> int:
    if rows:
        session.execute(
            _CHANGE, dict(zip(("kinds", "keys", "languages", "etags", "bodies"), map(list, zip(*rows, strict=True)), strict=True))
        )
    return len(rows)


def _remove(session: Session, gone: Sequence[tuple[str, str, str]]) -> int:
    if gone:
        session.execute(_REMOVE, dict(zip(("kinds", "keys", "languages"), map(list, zip(*gone, strict=True)), strict=True)))
    return len(gone)


def etag_of(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:32]


def find_document(session: Session, *, kind: str, key: str, language: str) -> Document:
    """The document in the first of the language's fallbacks that it is kept in. Raises NotFound."""
    preferred = array(list(fallbacks(language)))
    query = select(Document).where(Document.kind == kind, Document.key == key, Document.language == func.any(preferred))
    found = session.scalar(query.order_by(func.array_position(preferred, Document.language)).limit(1))
    if found is None:
        raise NotFound("not-found")
    return found


def documents_of(session: Session, *, kind: str, keys: Sequence[str], language: str) -> dict[str, Document]:
    """The documents of these keys, each in the first of the language's fallbacks there is. Keys without one are left out."""
    preferred = array(list(fallbacks(language)))
    query = select(Document).where(Document.kind == kind, Document.key.in_(keys), Document.language == func.any(preferred))
    ordered = session.scalars(query.order_by(func.array_position(preferred, Document.language).desc()))
    return {document.key: document for document in ordered}


def cards(kind: str, slug: InstrumentedAttribute[str], language: str) -> Select[str, bytes]:
    """SELECT slug, card: for each row the card kept under its slug, in the first of the language's fallbacks there is."""
    preferred = array(list(fallbacks(language)))
    card = (
        select(Document.body)
        .where(Document.kind == kind, Document.key == slug, Document.language == func.any(preferred))
        .order_by(func.array_position(preferred, Document.language))
        .limit(1)
        .lateral("card")
    )
    return select(slug, card.c.body).join(card, true())


# -- what every read answers with ---------------------------------------------


def wanted_language(parameters: dict[str, Any]) -> str:
    """The parameter, else the best of Accept-Language, else English."""
    given: str | None = parameters.get("language")
    return given or request.accept_languages.best_match(OFFERED, DEFAULT)


def answer_kept(kind: str, key: str, parameters: dict[str, Any]) -> BaseResponse:
    """The document kept under a path. Raises NotFound."""
    with web.reading() as session:
        found = find_document(session, kind=kind, key=without_nul(key), language=wanted_language(parameters))
    return answer_document(found)


def answer_document(found: Document) -> BaseResponse:
    return _answer(found.body, found.etag, found.language)


def answer_body(body: bytes, language: str) -> BaseResponse:
    """What was put together for this request, in the language it was put together in."""
    return _answer(body, etag_of(body), language)


def answer_cards(found: Sequence[tuple[str, bytes]], limit: int, language: str) -> BaseResponse:
    """A page of cards, put together without reading them."""
    page = pages.page(found, limit=limit, key=lambda card: card[0])
    body = b'{"items":[%s],"next":%s}' % (b",".join(card for _, card in page["items"]), orjson.dumps(page["next"]))
    return answer_body(body, language)


def _answer(body: bytes, etag: str, language: str) -> BaseResponse:
    """Public, kept by caches for a minute, 304 to whoever has it."""
    response = Response(body, mimetype="application/json")
    response.headers["Content-Language"] = language
    response.vary.add("Accept-Language")
    return answers.with_etag(response, etag, cache_control=CACHE_CONTROL)
