"""Folding: words compared as people type them. The database folds (`fold`, in the migrations), so that index and question are folded alike."""

from typing import Any

from sqlalchemy import ColumnElement, Engine, and_, event, func, or_
from sqlalchemy.orm import InstrumentedAttribute

ALIKE = 0.5
"""pg_trgm's word_similarity from which a word is taken for another: one or two letters wrong."""
FOUND = 0.25
"""From which the index finds it at all: two letters changed places."""
MOST_WORDS = 8


def words_of(given: str) -> list[str]:
    """The words of a question, the first few of them."""
    return given.split()[:MOST_WORDS]


def resembles(folded: InstrumentedAttribute[str], word: str) -> ColumnElement[bool]:
    """Whether one of the words in the column is like this one. The operator finds by the index, the function decides; mere signs match all."""
    asked = func.fold(word)
    return or_(asked == "", and_(folded.op("%>")(asked), func.word_similarity(asked, folded) >= ALIKE))


def resembles_at_all(folded: InstrumentedAttribute[str], word: str) -> ColumnElement[bool]:
    """As the index sees it: for candidates. `word` is folded already."""
    return folded.op("%>")(word)


def find_from(engine: Engine) -> None:
    """Set what the index finds, on each connection of this engine, and that the index is used.

    pg_trgm declares its comparisons as cheap as any, so the planner would rather compare every row (5,600 rows: 137 ms instead of 32).
    """

    @event.listens_for(engine, "connect")
    def set_threshold(connection: Any, _: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET pg_trgm.word_similarity_threshold = {FOUND}")
            cursor.execute("SET enable_seqscan = off")
        connection.commit()
