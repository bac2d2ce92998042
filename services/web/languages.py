"""Which language a page speaks, and its texts: English in the code, Turkish and Arabic in catalogues (GNU gettext), compiled at start.

What people have typed is never translated; it keeps its own direction.
"""

import io
from functools import cache
from pathlib import Path

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, Response, g, request

TRANSLATIONS = Path(__file__).parent / "translations"
NAMES = {"en": "English", "tr": "Türkçe", "ar": "العربية"}
RIGHT_TO_LEFT = {"ar"}
COOKIE = "lang"
MAILED = "mailed"  # in the links of mails
YEAR_SECONDS = 365 * 24 * 3600


def mark(text: str) -> str:
    """Names a text for the catalogues; it is translated where it is shown."""
    return text


@cache
def texts(language: str) -> NullTranslations:
    """The compiled catalogue of a language."""
    path = TRANSLATIONS / language / "LC_MESSAGES" / "messages.po"
    if not path.exists():
        return NullTranslations()
    with path.open("rb") as source:
        catalogue = read_po(source, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


def language() -> str:
    """Of the request at hand: asked for by `?lang=`, chosen before (cookie), that of the mail whose link it is, or liked best by the browser; else English."""
    if "language" not in g:
        asked = (request.args.get("lang", ""), request.cookies.get(COOKIE, ""), request.args.get(MAILED, ""))
        chosen = next((one for one in asked if one in NAMES), None)
        g.language = chosen or request.accept_languages.best_match(list(NAMES)) or "en"
    found: str = g.language
    return found


def locale() -> Locale:
    return Locale.parse(language())


def gettext(text: str) -> str:
    return str(texts(language()).ugettext(text))


def ngettext(one: str, many: str, count: int) -> str:
    return str(texts(language()).ungettext(one, many, count))


def direction() -> str:
    return "rtl" if language() in RIGHT_TO_LEFT else "ltr"


def add_to(app: Flask) -> None:
    """Templates speak the request's language; the choice is kept for a year in a cookie that says nothing else."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    app.jinja_env.globals.update(language=language, direction=direction, language_names=NAMES)
    app.after_request(_keep)
    for one in NAMES:
        texts(one)


def _keep(response: Response) -> Response:
    if request.endpoint != "static":
        response.headers["Content-Language"] = language()
    if NAMES.keys() & {request.args.get("lang"), request.args.get(MAILED)}:
        response.set_cookie(COOKIE, language(), max_age=YEAR_SECONDS, path="/", httponly=True, samesite="Lax", secure=request.is_secure)
    return response
