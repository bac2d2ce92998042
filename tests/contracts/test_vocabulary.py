"""Prices and quotes are compared line by line: both services know the same words for what may be included."""

from pathlib import Path

import yaml

from services.enquiry.quotes.terms import Item

VOCABULARY = Path(__file__).parents[2] / "services" / "catalog" / "data" / "vocabularies.yaml"


def test_a_quote_may_include_what_the_catalog_has_a_word_for_and_nothing_else():
    words = yaml.safe_load(VOCABULARY.read_text(encoding="utf-8"))["inclusions"]
    assert {one["slug"] for one in words} == set(Item)
