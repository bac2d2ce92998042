"""What every answer tells the browser, what it never loads, and whose forms are taken."""

import re
from html.parser import HTMLParser

import pytest

PAGES = [
    "/",
    "/links",
    "/sign-in",
    "/l/verify/x",
    "/l/case/x",
    "/l/account/x",
    "/l/sign_in/x",
    "/l/endpoint/x",
    "/nothing",
    "/case/K7QF-2M9X-4TBD",
]
LOADED = {"src", "srcset", "poster", "data", "formaction", "action", "background"}


class Loads(HTMLParser):
    """Addresses a page loads or sends to, and what stands inline."""

    def __init__(self):
        super().__init__()
        self.addresses, self.inline = [], []

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name in LOADED or (tag == "link" and name == "href"):
                self.addresses.append(value)
            if name == "style" or name.startswith("on"):
                self.inline.append(f"{tag} {name}")
        if tag in {"style", "script", "iframe", "object"}:
            self.inline.append(tag)


def read(page):
    loads = Loads()
    loads.feed(page.text)
    return loads


@pytest.mark.parametrize("path", PAGES)
def test_every_page_says_what_the_browser_may_do(lonely, path):
    headers = lonely.test_client().get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"
    assert {"Accept-Language", "Cookie"} <= set(headers["Vary"].replace(" ", "").split(","))


@pytest.mark.parametrize("path", PAGES)
def test_no_page_loads_anything_from_elsewhere_and_nothing_stands_inline(lonely, path):
    loads = read(lonely.test_client().get(path))
    assert [one for one in loads.addresses if not re.match(r"/(?!/)", one)] == []
    assert loads.inline == []


def test_pages_behind_a_sign_in_keep_to_the_same_rules(street):
    visitor, reference = street.in_case("first")
    desk = street.at_desk()
    invitation = f"/desk/invitations/{street.house.invitation('first')['id']}"
    account = f"/l/account/{street.invited(email='ada@first.example')}"
    pages = [
        visitor.get(f"/case/{reference}"),
        visitor.get(f"/case/{reference}/withdraw"),
        desk.get("/desk"),
        desk.get(invitation),
        desk.post(f"{invitation}/case"),
        desk.post(account),
    ]
    for page in pages:
        assert page.status_code == 200
        loads = read(page)
        assert [one for one in loads.addresses if not re.match(r"/(?!/)", one)] == []
        assert loads.inline == []


@pytest.mark.parametrize("path", [one for one in PAGES if one != "/"])
def test_search_engines_keep_no_page_but_the_first(lonely, path):
    client = lonely.test_client()
    assert "noindex" in client.get(path).headers["X-Robots-Tag"]
    assert "X-Robots-Tag" not in client.get("/").headers


def test_assets_are_kept_for_a_year_under_an_address_that_changes_with_them(lonely):
    client = lonely.test_client()
    address = re.search(r'href="(/static/site\.css\?v=\w+)"', client.get("/").text)[1]
    with client.get(address) as answer:
        assert answer.status_code == 200
        assert "max-age=31536000" in answer.headers["Cache-Control"]


def test_the_style_loads_only_what_is_here(lonely):
    client = lonely.test_client()
    with client.get("/static/site.css") as answer:
        style = answer.text
    addresses = re.findall(r"url\(([^)]+)\)", style)
    assert len(addresses) == 6
    for address in addresses:
        with client.get(f"/static/{address}") as font:
            assert font.status_code == 200
    assert len(style.encode()) < 15_000


def test_a_cookie_is_bound_to_the_host_and_to_https(street):
    _, token = street.opened("first")
    answer = street.visitor().post(f"/l/case/{token}", base_url="https://passage.example")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-case=")
    for wanted in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert wanted in cookie
    assert "Domain" not in cookie
    assert "max-age" in answer.headers["Strict-Transport-Security"]


def test_plain_http_to_another_host_gets_no_cookie_without_secure(street):
    _, token = street.opened("first")
    cookie = street.visitor().post(f"/l/case/{token}", base_url="http://passage.example").headers["Set-Cookie"]
    assert cookie.startswith("__Host-case=")
    assert "Secure" in cookie


def test_a_cookie_tells_nothing_of_what_it_holds(street):
    reference, token = street.opened("first")
    cookie = street.visitor().post(f"/l/case/{token}").headers["Set-Cookie"]
    assert token not in cookie
    assert reference not in cookie
    assert "eyJ" not in cookie  # how a JWT begins


@pytest.mark.parametrize(
    "told",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}],
    ids=str,
)
def test_a_form_of_another_site_is_refused(street, told):
    _, token = street.submitted("first")
    assert street.visitor().post(f"/l/verify/{token}", headers=told).status_code == 403
    assert street.house.facts("enquiry.opened") == []


@pytest.mark.parametrize("told", [{"Sec-Fetch-Site": "same-origin", "Origin": "null"}, {"Origin": "http://localhost"}, {}], ids=str)
def test_our_own_forms_are_taken(street, told):
    _, token = street.submitted("first")
    assert street.visitor().post(f"/l/verify/{token}", headers=told).status_code == 200


def test_no_token_and_no_name_stands_in_a_log(street, caplog):
    reference, token = street.opened("first")
    visitor = street.visitor()
    visitor.get(f"/l/case/{token}")
    visitor.post(f"/l/case/{token}")
    visitor.get(f"/case/{reference}")
    visitor.get("/l/verify/not-a-token")
    said = "\n".join(str(record.msg) for record in caplog.records if record.name.startswith(("services.web", "shared.web", "urllib3")))
    assert "/l/case/<token>" in said
    for secret in (token, "not-a-token", reference, "amina", "Bello", "sleeps"):
        assert secret not in said


def test_the_mark_is_where_browsers_look_for_it(lonely):
    with lonely.test_client().get("/favicon.ico") as answer:
        assert (answer.status_code, answer.mimetype) == (200, "image/svg+xml")


@pytest.mark.parametrize("path", ["/sign-in//", "/l//verify/x"])
def test_slashes_too_many_name_nothing_and_the_host_that_was_sent_is_not_repeated(lonely, path):
    answer = lonely.test_client().get("/", environ_overrides={"PATH_INFO": path, "HTTP_HOST": "evil.example"})
    assert (answer.status_code, answer.headers.get("Location")) == (404, None)
