"""The page of each API comes from the service itself: whoever reads it tells nobody else."""

import json
import re
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest

from docs.generate import written
from docs.generate.openapi import APPS

HERE = "http://localhost"


class Addresses(HTMLParser):
    """What a page loads or leads to."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in {"src", "href", "action", "srcset", "data"} and value]


@pytest.fixture(scope="module", params=sorted(APPS))
def service(request):
    return request.param


@pytest.fixture(scope="module")
def client(service):
    return APPS[service]().test_client()


def test_the_page_and_all_it_loads_come_from_the_service(client):
    page = client.get("/docs/", buffered=True)
    assert page.status_code == 200
    assert '<meta name="viewport" content="width=device-width' in page.text, "a phone shows it in its own width"
    loaded = Addresses(page.text).found
    assert any(address.endswith(".js") for address in loaded)
    for address in loaded:
        place = urlsplit(urljoin(f"{HERE}/docs/", address))
        assert f"{place.scheme}://{place.netloc}" == HERE, address
        answer = client.get(place.path, buffered=True)
        assert answer.status_code == 200, address
        if place.path.endswith(".css"):
            assert re.findall(r"url\(\s*['\"]?(?!data:)[a-z]*:?//|@import", answer.text) == []


def test_what_the_page_runs_by_itself_names_no_other_host(client):
    """The bundle quotes addresses in its messages; what the page asks for is said in the page."""
    page = client.get("/docs/", buffered=True).text
    assert re.findall(r"(?<![\w.])(?:https?:)?//[\w-]+\.\w+", re.sub(r"<!--.*?-->", "", page, flags=re.DOTALL)) == []
    assert '"validatorUrl": null' in page
    assert '"/openapi.json"' in page


def test_the_document_behind_the_page_is_the_one_that_is_written_down(client, service):
    assert client.get("/openapi.json").get_json() == json.loads(written(f"openapi/{service}.json"))
