"""The link that proves a hospital's mail address, as its owner meets it: the site in front of a real notification service."""

import pytest

from services.notification.app import create_app as create_notification
from services.notification.endpoints import register_endpoint
from services.web.app import create_app
from shared import crypto
from tests.notification.conftest import house, mail, secrets_of_settings  # noqa: F401  # fixtures
from tests.web.conftest import NOBODY, Visitor, served, site_settings


@pytest.fixture
def visitor(house):  # noqa: F811
    app = create_notification(house.settings)
    with served(app) as server:
        yield Visitor(create_app(site_settings(NOBODY, notification=f"http://127.0.0.1:{server.server_port}")))
    app.extensions["passage"].engine.dispose()


@pytest.fixture
def link(house):  # noqa: F811
    """Where the button of the mail leads."""
    with house.transaction() as session:
        made, _ = register_endpoint(session, house.settings, hospital_id=house.hospital(), kind="email", place="desk@first.example")
    token = crypto.link_token(house.settings.link_key_bytes, link_id=made.proof_id, purpose="endpoint", expires_at=made.proof_until)
    return f"/l/endpoint/{token}"


def is_proved(house):  # noqa: F811
    return house.scalar("SELECT proved_at IS NOT NULL FROM endpoints")


def test_looking_at_the_page_changes_nothing(house, visitor, link):  # noqa: F811
    page = visitor.get(link)
    assert page.status_code == 200
    assert f'action="{link}"' in page.text
    assert not is_proved(house)


def test_the_button_proves_the_address_and_the_page_names_the_hospital(house, visitor, link):  # noqa: F811
    pages = [visitor.post(link) for _ in range(2)]
    assert [page.status_code for page in pages] == [200, 200]
    assert f"<bdi>{house.scalar('SELECT name FROM hospitals')}</bdi>" in pages[0].text
    assert pages[0].text == pages[1].text
    assert is_proved(house)


@pytest.mark.parametrize("language", ["en", "tr", "ar"])
def test_the_page_speaks_its_readers_language(visitor, link, language):
    page = visitor.get(f"{link}?lang={language}")
    assert page.headers["Content-Language"] == language
    assert {"en": "Announce enquiries here", "tr": "Başvuruları bu adrese bildir", "ar": "الإعلان عن الطلبات هنا"}[language] in page.text


@pytest.mark.parametrize("token", ["x", "x.y", "a" * 5000, "é", "AAAAAAAAAAAAAAAAAAAAAA.AAAA"])
def test_a_link_that_is_none_gets_kind_words(visitor, token):
    page = visitor.post(f"/l/endpoint/{token}")
    assert page.status_code == 404
    assert "This link does not work any more" in page.text
    assert "can have a new one sent" in page.text


def test_where_notification_is_away_the_page_still_opens_and_the_button_says_so():
    lonely = Visitor(create_app(site_settings(NOBODY)))
    assert lonely.get("/l/endpoint/a.b").status_code == 200
    assert lonely.post("/l/endpoint/a.b").status_code == 503
