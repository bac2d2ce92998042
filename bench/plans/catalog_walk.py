"""The catalog's hot paths: what anybody may ask, over a catalog of some thousands of things."""

from collections.abc import Iterator

from bench import place, searches
from bench.plans.seen import Path, seeing
from devstack.parts import Parts
from services.catalog import app as catalog
from services.catalog.settings import Settings

THINGS = 5_000
_ASKED = {
    "page of a procedure": f"/v1/procedures/{place.PROCEDURE}/{place.COUNTRY}",
    "list of hospitals": "/v1/hospitals?country=TR&limit=20",
    "list of procedures by words": "/v1/procedures?q=knee+replacment",
    "search": "/v1/search?q=robotic+kidny+surgery",
    "comparison": "/v1/comparisons?hospitals=mavi-fener-hospital,yedikopru-hospital",
}


def walk(parts: Parts) -> Iterator[Path]:
    url = place.stocked_catalog(parts)
    searches.fill(url, THINGS)
    app = catalog.create_app(Settings(database_url=url))
    engine = app.extensions["passage"].engine
    with app.test_client() as client:
        for name, address in _ASKED.items():
            path = Path(f"catalog: {name}")
            with seeing(engine, path):
                answer = client.get(address)
            assert answer.status_code == 200, (name, answer.json)  # noqa: S101
            yield path
    engine.dispose()
