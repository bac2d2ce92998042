"""Every word of the site is in the catalogues, in every language, and every value keeps its own direction."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from jinja2.lexer import get_lexer

from services.web import catalogues, languages
from services.web.shown import moment, spoken, until

TEMPLATES = sorted((Path(languages.__file__).parent / "templates").glob("*.html"))
READ_ALOUD = {"aria-label", "title", "alt", "placeholder", "content"}
SAME_EVERYWHERE = {"Passage"}  # our name
PLACEHOLDER = re.compile(r"%\((\w+)\)s")


class Words(HTMLParser):
    """Words of a page that a person would see or hear."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_data(self, data):
        self.found += re.findall(r"[^\W\d_]{2,}", data)

    def handle_starttag(self, tag, attrs):
        if tag != "meta":
            self.found += [word for name, value in attrs if name in READ_ALOUD for word in re.findall(r"[^\W\d_]{2,}", value or "")]


def outside_of_catalogues(app, source):
    """The text of a template without its expressions and without what stands in trans blocks."""
    words, translated, block = Words(), False, []
    for _, kind, value in get_lexer(app.jinja_env).tokeniter(source, None):
        if kind == "data" and not translated:
            words.feed(value)
        elif kind == "block_begin":
            block = []
        elif kind == "name":
            block.append(value)
        elif kind == "block_end" and block:
            translated = block[0] in {"trans", "pluralize"} or (translated and block[0] != "endtrans")
    return set(words.found) - SAME_EVERYWHERE


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_no_template_has_bare_text(lonely, template):
    assert outside_of_catalogues(lonely, template.read_text(encoding="utf-8")) == set()


def test_bare_text_would_be_found(lonely):
    assert outside_of_catalogues(lonely, '<p aria-label="Close">{% trans %}fine{% endtrans %} Bare {{ "x" }}</p>') == {"Close", "Bare"}


@pytest.mark.parametrize("language", ["tr", "ar"])
def test_no_language_misses_a_text_or_keeps_one_that_nobody_says(language):
    catalogue, said = catalogues.catalogue_of(language), catalogues.said()
    assert {one.id for one in catalogue if one.id} == {one.id for one in said if one.id}
    assert list(catalogues.untranslated(catalogue)) == []


@pytest.mark.parametrize("language", ["tr", "ar"])
def test_no_translation_loses_or_invents_a_value(language):
    wrong = []
    for one in catalogues.catalogue_of(language):
        if not one.id:
            continue
        wanted = set(PLACEHOLDER.findall(one.id if isinstance(one.id, str) else one.id[1]))
        forms = [one.string] if isinstance(one.string, str) else one.string
        wrong += [form for form in forms if not set(PLACEHOLDER.findall(form)) <= wanted]
        wrong += [form for form in forms[-1:] if set(PLACEHOLDER.findall(form)) != wanted]
    assert wrong == []


@pytest.mark.parametrize(
    ("asked", "cookie", "browser", "spoken_here"),
    [
        ("", "", "", "en"),
        ("", "", "tr-TR,tr;q=0.9,en;q=0.5", "tr"),
        ("", "ar", "tr", "ar"),
        ("tr", "ar", "en", "tr"),
        ("xx", "yy", "fr", "en"),
    ],
)
def test_the_language_is_asked_for_or_chosen_before_or_the_browsers(lonely, asked, cookie, browser, spoken_here):
    client = lonely.test_client()
    if cookie:
        client.set_cookie("lang", cookie)
    page = client.get("/" + (f"?lang={asked}" if asked else ""), headers={"Accept-Language": browser})
    assert f'<html lang="{spoken_here}"' in page.text
    assert page.headers["Content-Language"] == spoken_here


def test_whoever_comes_by_a_mailed_link_stays_in_the_mails_language_unless_they_chose_one(lonely):
    client, browser = lonely.test_client(), {"Accept-Language": "ar"}
    assert '<html lang="tr"' in client.get("/l/verify/x?mailed=tr", headers=browser).text
    assert '<html lang="tr"' in client.get("/l/verify/x", headers=browser).text, "the form behind its button"
    client.get("/?lang=en", headers=browser)
    assert '<html lang="en"' in client.get("/l/verify/x?mailed=tr", headers=browser).text


def test_arabic_is_written_from_right_to_left(lonely):
    assert '<html lang="ar" dir="rtl">' in lonely.test_client().get("/?lang=ar").text


def test_a_moment_stands_in_the_readers_zone_and_in_utc_each_set_apart(lonely):
    with lonely.test_request_context("/?lang=tr"):
        shown = moment("2026-11-24T22:30:00+00:00", "Europe/Istanbul")
    assert shown == (
        '<time datetime="2026-11-24T22:30:00+00:00"><bdi>25 Kasım 2026 Çarşamba, 01:30 (İstanbul saati), 24 Kasım, 22:30 UTC</bdi></time>'
    )


@pytest.mark.parametrize(
    ("end", "zone", "shown"),
    [
        ("2026-12-01T12:00:00Z", "Europe/Istanbul", "1 Ara 2026, 10:00 – 15:00 (İstanbul saati)"),
        ("2026-12-01T12:00:00Z", "nowhere", "1 Ara 2026, 07:00 – 12:00 UTC"),
        ("2026-12-01T22:00:00Z", "Europe/Istanbul", "1 Ara 2026, 10:00 – 2 Ara 2026, 01:00 (İstanbul saati)"),
    ],
)
def test_a_span_says_its_day_once_where_it_is_the_same_in_the_readers_zone(lonely, end, zone, shown):
    with lonely.test_request_context("/?lang=tr"):
        assert until("2026-12-01T07:00:00Z", end, zone, named=True).striptags() == shown


def test_a_text_in_another_language_keeps_its_language_and_direction(lonely):
    with lonely.test_request_context("/?lang=en"):
        assert spoken({"text": "كم وزن <المريض>؟", "lang": "ar"}) == '<span lang="ar" dir="rtl">كم وزن &lt;المريض&gt;؟</span>'
        assert spoken({"text": "Weight & height?", "lang": "en"}) == "Weight &amp; height?"
