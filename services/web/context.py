"""What a view needs besides its request: the settings, the other services, the keys of cookies."""

from dataclasses import dataclass

from flask import current_app

from shared.crypto import KeyRing

from .clients import Client
from .settings import Settings


@dataclass(frozen=True)
class Site:
    """One process of the site."""

    settings: Settings
    enquiry: Client
    catalog: Client
    notification: Client
    ring: KeyRing

    @classmethod
    def of(cls, settings: Settings) -> "Site":
        return cls(
            settings=settings,
            enquiry=Client(settings.enquiry_url, seconds=settings.call_seconds),
            catalog=Client(settings.catalog_url, seconds=min(settings.call_seconds, 2.0)),  # names only: a page does without
            notification=Client(settings.notification_url, seconds=settings.call_seconds),
            ring=KeyRing.parse(settings.cookie_keys),
        )


def site() -> Site:
    """The site of the app at hand."""
    found: Site = current_app.extensions["site"]
    return found
