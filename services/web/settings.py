"""Settings of the site. It has no database: what it knows of people lies sealed in their own browsers."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from shared import config
from shared.config import at_least, http_url_fault, setting
from shared.crypto import key_ring_fault

SERVICES = ("enquiry", "notification", "catalog")


def address_fault(text: str) -> str | None:
    """A check: the address of a service, without a path."""
    parts = urlsplit(text)
    return None if parts.scheme in {"http", "https"} and parts.netloc and not parts.path.strip("/") else "must be as http://host:port"


def pages_fault(pages: list[str]) -> str | None:
    """A check: SERVICE=ADDRESS each."""
    for page in pages:
        service, _, address = page.partition("=")
        if service not in SERVICES or http_url_fault(address):
            return f"each must be as SERVICE=https://host/docs, with a service of {', '.join(SERVICES)}"
    return None


@dataclass(frozen=True, kw_only=True)
class Settings(config.HttpSettings):
    """Where the others answer, and the keys that seal cookies."""

    enquiry_url: str = setting(
        "address of the enquiry service, as http://host:port; its TRUSTED_PROXIES counts the site as one", check=address_fault
    )
    catalog_url: str = setting("address of the catalog service, as http://host:port", check=address_fault)
    notification_url: str = setting(
        "address of the notification service, as http://host:port; its TRUSTED_PROXIES counts the site as one", check=address_fault
    )
    cookie_keys: str = setting("keys that seal cookies, `id:base64,…`, the current one first", check=key_ring_fault, secret=True)
    call_seconds: float = setting("longest wait for an answer of another service, in seconds", default=5.0, check=at_least(0.1))
    api_pages: list[str] = setting(
        "the APIs' own pages, shown to operations, as enquiry=https://…/docs,catalog=https://…/docs", default=[], check=pages_fault
    )
