"""Rate limits count visitors: the site passes on who asks, and enquiry believes it as it believes a proxy."""

from dataclasses import replace
from datetime import UTC, datetime

from services.enquiry.settings import Settings as EnquirySettings
from services.web.app import create_app
from tests.enquiry.conftest import House, secret_settings
from tests.web.conftest import Street, Visitor, served, site_settings


def test_one_visitors_attempts_do_not_count_against_another(settings_for, database):
    limited = {**secret_settings(), "tokens_per_address": "2/hour", "trusted_proxies": 1}
    house = House(settings_for(EnquirySettings, database("enquiry"), **limited), lambda: datetime.now(UTC))
    with served(house.app) as server:
        street = Street(house, f"http://127.0.0.1:{server.server_port}")
        first, second = ({"environ_base": {"REMOTE_ADDR": address}} for address in ("192.0.2.1", "192.0.2.2"))
        visitor = street.visitor()
        assert [visitor.post("/l/case/x", **first).status_code for _ in range(3)] == [404, 404, 429]
        assert visitor.post("/l/case/x", **second).status_code == 404
    house.close()


def test_behind_a_gateway_the_visitor_counts_and_not_the_gateway(settings_for, database):
    limited = {**secret_settings(), "tokens_per_address": "2/hour", "trusted_proxies": 1}
    house = House(settings_for(EnquirySettings, database("enquiry"), **limited), lambda: datetime.now(UTC))
    with served(house.app) as server:
        settings = replace(site_settings(f"http://127.0.0.1:{server.server_port}"), trusted_proxies=1)
        visitor = Visitor(create_app(settings))
        first, second = ({"headers": {"X-Forwarded-For": f"198.51.100.9, {address}"}} for address in ("192.0.2.1", "192.0.2.2"))
        assert [visitor.post("/l/case/x", **first).status_code for _ in range(3)] == [404, 404, 429]
        assert visitor.post("/l/case/x", **second).status_code == 404
    house.close()
