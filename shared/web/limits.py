"""Rate limits, exact across workers: the `limits` library on an UNLOGGED table, counted outside of the request's transaction.

Keys are hashed: the table holds no address.
"""

import hashlib
import math
import time
from collections.abc import Callable
from functools import wraps
from ipaddress import ip_address, ip_network
from typing import Any, ClassVar, ParamSpec

from flask import request
from flask.typing import ResponseReturnValue
from limits import parse
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter
from sqlalchemy import Column, DateTime, Engine, Integer, Table, Text, text

from shared import auth, db, web
from shared.problems import TooManyRequests

P = ParamSpec("P")

metadata = db.metadata()

table = Table(
    "rate_limits",
    metadata,
    Column("key", Text, primary_key=True),
    Column("hits", Integer, nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False, index=True),
    prefixes=["UNLOGGED"],
)


class PostgresStorage(Storage):
    """Counters in PostgreSQL: one upsert each."""

    STORAGE_SCHEME: ClassVar[list[str] | None] = ["passage"]  # type: ignore[misc]

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    @property
    def base_exceptions(self) -> type[Exception]:
        return Exception

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """The count within the present window, this hit included."""
        return int(self._scalar(_HIT, key=key, expiry=expiry, amount=amount))

    def get(self, key: str) -> int:
        return int(
            self._scalar("SELECT coalesce(max(hits), 0) FROM rate_limits WHERE key = :key AND expires_at > clock_timestamp()", key=key)
        )

    def get_expiry(self, key: str) -> float:
        """Seconds since the epoch at which the window ends."""
        return float(
            self._scalar(
                "SELECT coalesce(max(extract(epoch FROM expires_at)), extract(epoch FROM clock_timestamp())) FROM rate_limits WHERE key = :key",
                key=key,
            )
        )

    def check(self) -> bool:
        return bool(self._scalar("SELECT true"))

    def reset(self) -> int:
        return int(self._scalar("WITH gone AS (DELETE FROM rate_limits RETURNING 1) SELECT count(*) FROM gone"))

    def clear(self, key: str) -> None:
        self._scalar("WITH gone AS (DELETE FROM rate_limits WHERE key = :key RETURNING 1) SELECT count(*) FROM gone", key=key)

    def _scalar(self, statement: str, **values: Any) -> Any:
        with self._engine.connect() as connection:
            return connection.execute(text(statement), values).scalar_one()


_HIT = """
    INSERT INTO rate_limits AS held (key, hits, expires_at) VALUES (:key, :amount, clock_timestamp() + make_interval(secs => :expiry))
    ON CONFLICT (key) DO UPDATE SET
        hits = CASE WHEN held.expires_at <= clock_timestamp() THEN :amount ELSE held.hits + :amount END,
        expires_at = CASE WHEN held.expires_at <= clock_timestamp() THEN clock_timestamp() + make_interval(secs => :expiry) ELSE held.expires_at END
    RETURNING hits
"""


def limit(what: str, allowed: str, *, by: str) -> None:
    """Count one `what` of `by`; raises TooManyRequests beyond `allowed` (as in `10/hour`). Call it before the request's transaction is opened."""
    limiter: FixedWindowRateLimiter = web.door().extra.setdefault("limiter", FixedWindowRateLimiter(PostgresStorage(web.door().engine)))
    item, who = parse(allowed), hashlib.sha256(by.encode()).hexdigest()[:32]
    if not limiter.hit(item, what, who):
        ends = limiter.get_window_stats(item, what, who).reset_time
        raise TooManyRequests("too-many-requests", retry_after=max(1, math.ceil(ends - time.time())))


def caller() -> str:
    """Who is counted: the account of a partner, else the network; a link to a case is no way round its network's limit."""
    principal = auth.current_or_none()
    return f"{principal.kind}:{principal.id}" if principal and principal.kind != "patient" else f"address:{_network()}"


def _network() -> str:
    """The caller's address; of IPv6 the first 64 bits: whoever has one such address has 2^64 (RFC 6177)."""
    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:
        return str(request.remote_addr)
    return str(ip_network((address, 64), strict=False)) if address.version == 6 else str(address)


def limited(
    what: str, allowed: Callable[[], str], *, by: Callable[[], str] = caller, unless: Callable[[], bool] = lambda: False
) -> Callable[[Callable[P, ResponseReturnValue]], Callable[P, ResponseReturnValue]]:
    """Decorator of a view, outermost below `route`: each caller (or whoever `by` names) may do this `allowed()` times.

    Whom it would refuse passes where `unless()` holds.
    """

    def decorate(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
        @wraps(view)
        def counted(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
            try:
                limit(what, allowed(), by=by())
            except TooManyRequests:
                if not unless():
                    raise
            return view(*args, **kwargs)

        return counted

    return decorate
