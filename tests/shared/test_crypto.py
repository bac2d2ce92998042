"""Look-up hashes: what is one address, and what only looks like it."""

import pytest

from shared import crypto

KEY = b"\x01" * 32


@pytest.mark.parametrize("same", ["Amina@Example.org", " amina@example.org", "amina@EXAMPLE.ORG"])
def test_an_address_is_found_however_its_letters_are_cased(same):
    assert crypto.lookup_hash(KEY, same) == crypto.lookup_hash(KEY, "amina@example.org")


def test_an_accent_is_one_letter_however_it_was_typed():
    assert crypto.lookup_hash(KEY, "jose\u0301@example.org") == crypto.lookup_hash(KEY, "jos\u00e9@example.org")


@pytest.mark.parametrize(
    ("one", "other"), [("\uff41mina@example.org", "amina@example.org"), ("stra\u00dfe@example.org", "strasse@example.org")]
)
def test_addresses_that_only_look_alike_are_two(one, other):
    assert crypto.lookup_hash(KEY, one) != crypto.lookup_hash(KEY, other)
