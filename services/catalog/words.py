"""Words by which things are found, compared as people type them: with typing errors, missing accents and letters written for each other.

The database folds (`fold`, in the migrations), so that what is kept and what is asked are folded alike. Each word is kept once, however many
things carry it: a question is compared with the words, never with the things.
"""

from collections.abc import Mapping
from typing import Any

from rapidfuzz.distance import OSA
from sqlalchemy import Engine, Index, Text, event, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from .db import Base

MOST_WORDS = 8
"""The first few of a question."""
FOUND = 0.25
"""pg_trgm's word_similarity from which the index finds a word at all: two letters changed places."""
STEM = 4
"""A word of so many letters is found where it begins the word asked for: Turkish suffixes."""
CONTINUED, NEAR = 100, 200
"""How many words that continue the one asked for are looked at, the common ones first; and how many that share trigrams with it."""

# -- table --------------------------------------------------------------------


class Word(Base):
    """`occurrences`: how often it stands among the names of procedures and hospitals."""

    __tablename__ = "words"

    word: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    occurrences: Mapped[int]

    __table_args__ = (Index("words_word_idx", "word", postgresql_using="gin", postgresql_ops={"word": "gin_trgm_ops"}),)


# -- rules --------------------------------------------------------------------

_NEAR = text(
    """
    SELECT asked.word, near.word
    FROM unnest((string_to_array(fold(:asked), ' '))[1 : :most]) AS asked (word) LEFT JOIN LATERAL (
        (SELECT word FROM words WHERE word BETWEEN asked.word AND asked.word || chr(1114111) ORDER BY occurrences DESC, word LIMIT :continued)
        UNION (SELECT word FROM words WHERE word IN (SELECT left(asked.word, letters) FROM generate_series(:stem, length(asked.word) - 1) AS letters))
        UNION (
            SELECT word FROM words WHERE length(asked.word) >= :stem AND word %> asked.word
            ORDER BY similarity(word, asked.word) DESC, occurrences DESC, word LIMIT :near
        )
    ) AS near ON true
    """
).bindparams(most=MOST_WORDS, continued=CONTINUED, stem=STEM, near=NEAR)

_RECOUNT = text(
    """
    MERGE INTO words USING (
        SELECT word, count(*) AS occurrences FROM (SELECT unnest(words) AS word FROM procedures UNION ALL SELECT unnest(words) FROM hospitals) AS held GROUP BY word
    ) AS held ON words.word = held.word
    WHEN MATCHED AND words.occurrences <> held.occurrences THEN UPDATE SET occurrences = held.occurrences
    WHEN NOT MATCHED BY TARGET THEN INSERT (word, occurrences) VALUES (held.word, held.occurrences)
    WHEN NOT MATCHED BY SOURCE THEN DELETE
    """
)


def near_words(session: Session, asked: str) -> dict[str, dict[str, float]]:
    """For each word of a question, folded: the words there are that may be meant, each with how much it is alike. None of mere signs."""
    found: dict[str, dict[str, float]] = {}
    for word, other in session.execute(_NEAR, {"asked": asked}):
        meant = found.setdefault(word, {})
        if other is not None and (alike := likeness(word, other)):
            meant[other] = alike
    return found


def recount_words(session: Session) -> None:
    """After procedures or hospitals have changed, in the same transaction."""
    session.execute(_RECOUNT)


def score_of(words: Mapping[str, Mapping[str, float]], there: frozenset[str]) -> float:
    """0 to 1: how well the words asked for are found among those that are there; longer words weigh more."""
    found = sum(len(word) * max((alike for other, alike in meant.items() if other in there), default=0.0) for word, meant in words.items())
    return found / sum(map(len, words))


def likeness(word: str, other: str) -> float:
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


def find_from(engine: Engine) -> None:
    """Set what the index finds, on each connection of this engine, and that indexes are used.

    A word that many things carry looks to the planner as if a scan of the table would soon meet enough of them: not where they stand together.
    """

    @event.listens_for(engine, "connect")
    def set_threshold(connection: Any, _: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET pg_trgm.word_similarity_threshold = {FOUND}")
            cursor.execute("SET enable_seqscan = off")
        connection.commit()
