"""What the commands about a consumer need to know of it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from sqlalchemy.orm import Session

from shared.config import Settings
from shared.inbox import Hearing


@dataclass(frozen=True)
class Desk:
    """A service's consumer, its settings and transactions, who types, and where that is kept: (session, actor=, act=, subject=, because=)."""

    hearing: Callable[[], Hearing]
    settings: Callable[[], Settings]
    transaction: Callable[[], AbstractContextManager[Session]]
    actor: Callable[[], str]
    audit: Callable[..., None]
