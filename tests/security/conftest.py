"""A town for each module of tests that attack a whole Passage: it may be harmed, and ends with them."""

import pytest

from tests.security import fuzz
from tests.security.town import logged
from tests.security.town import town as whole_town


@pytest.fixture(scope="module")
def town(parts, request):
    with logged(f"security-{request.path.stem}.log") as write, whole_town(parts, write, fuzz.WITHOUT_LIMITS) as made:
        yield made
