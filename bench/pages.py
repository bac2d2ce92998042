"""`page_get`, `page_304`: a warm procedure page by 16 connections, beside the same server's empty Flask view."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import urlopen

from bench import load, place, searches, servers
from bench.contests import Contest, Size
from devstack.parts import Parts

PATH = f"/v1/procedures/{place.PROCEDURE}/{place.COUNTRY}"


@contextmanager
def contests(parts: Parts, size: Size) -> Iterator[list[Contest]]:
    url = place.stocked_catalog(parts)
    if size.past:
        searches.fill(url, size.past.things)
    environment = {"DATABASE_URL": url, "KAFKA_BOOTSTRAP_SERVERS": parts.kafka}
    with (
        servers.serving(["services.catalog", "serve"], environment) as catalog,
        servers.serving(servers.other("bench.empty:app"), {}) as empty,
    ):
        with urlopen(f"http://127.0.0.1:{catalog}{PATH}") as page:
            tag = page.headers["ETag"]
        seconds = size.seconds(3)
        amount = f"{seconds:g} s"
        limits = {"empty view": lambda: load.rate(empty, load.same(load.get("/")), seconds=seconds)}
        yield [
            Contest(
                "page_get",
                "answers/s",
                amount,
                lambda: load.rate(catalog, load.same(load.get(PATH)), seconds=seconds),
                limits,
                {"empty view": 1.2},
            ),
            Contest(
                "page_304",
                "answers/s",
                amount,
                lambda: load.rate(catalog, load.same(load.get(PATH, If_None_Match=tag)), status=304, seconds=seconds),
                limits,
                {"empty view": 1.5},
            ),
        ]
