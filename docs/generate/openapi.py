"""docs/openapi/*.json: what each API says of itself, OpenAPI 3.1. The apps are made for it with settings that reach nobody."""

import base64
from collections.abc import Callable, Mapping

import orjson
from flask import Flask

from services.catalog import app as catalog_app
from services.catalog.settings import Settings as CatalogSettings
from services.enquiry import app as enquiry_app
from services.enquiry.settings import Settings as EnquirySettings
from services.notification import app as notification_app
from services.notification.settings import Settings as NotificationSettings
from shared import auth

_NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"
_KEY = base64.b64encode(bytes(32)).decode()
_RING = f"none:{_KEY}"


def _catalog() -> Flask:
    return catalog_app.create_app(CatalogSettings(database_url=_NOWHERE))


def _enquiry() -> Flask:
    settings = EnquirySettings(
        database_url=_NOWHERE,
        case_keys=_RING,
        contact_keys=_RING,
        lookup_key=_KEY,
        link_key=_KEY,
        signing_keys=auth.new_signing_keys(),
    )
    return enquiry_app.create_app(settings)


def _notification() -> Flask:
    settings = NotificationSettings(
        database_url=_NOWHERE,
        jwks_url="http://127.0.0.1:1/jwks",
        smtp_url="smtp://127.0.0.1:1",
        smtp_from="nobody@passage.example",
        ops_address="nobody@passage.example",
        site_url="http://127.0.0.1:1",
        link_key=_KEY,
        contact_keys=_RING,
        notification_keys=_RING,
        lookup_key=_KEY,
    )
    return notification_app.create_app(settings)


APPS: Mapping[str, Callable[[], Flask]] = {"catalog": _catalog, "enquiry": _enquiry, "notification": _notification}


def text(service: str) -> str:
    """The document that the app serves at /openapi.json."""
    (api,) = APPS[service]().extensions["flask-smorest"]["apis"].values()
    return orjson.dumps(api["ext_obj"].spec.to_dict(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
