"""`page_get`, `page_304`: a warm procedure page by 16 connections, beside the same server's empty Flask view."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import urlopen

from bench import load, place, servers
from bench.contests import Contest
from devstack.parts import Parts

PATH = f"/v1/procedures/{place.PROCEDURE}/{place.COUNTRY}"


@contextmanager
def contests(parts: Parts) -> Iterator[list[Contest]]:
    environment = {"DATABASE_URL": place.stocked_catalog(parts), "KAFKA_BOOTSTRAP_SERVERS": parts.kafka}
    with (
        servers.serving(["services.catalog", "serve"], environment) as catalog,
        servers.serving(servers.other("bench.empty:app"), {}) as empty,
    ):
        with urlopen(f"http://127.0.0.1:{catalog}{PATH}") as page:
            tag = page.headers["ETag"]
        limits = {"empty view": lambda: load.rate(empty, load.same(load.get("/")))}
        yield [
            Contest("page_get", "answers/s", lambda: load.rate(catalog, load.same(load.get(PATH))), limits, {"empty view": 1.2}),
            Contest(
                "page_304",
                "answers/s",
                lambda: load.rate(catalog, load.same(load.get(PATH, If_None_Match=tag)), status=304),
                limits,
                {"empty view": 1.5},
            ),
        ]
