"""What the gateway's own configuration promises about slow and greedy clients; that it keeps them is tried by `make compose-test`."""

import re

import pytest

from devstack import folders

GATEWAY = folders.CHECKOUT / "deploy" / "gateway"


@pytest.fixture(scope="module")
def said():
    """Every directive of the gateway's files, without comments."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(GATEWAY.glob("*.conf")))
    return re.sub(r"#.*", "", text)


def test_a_slow_client_waits_at_the_gateway_and_not_long(said):
    for name, most in {"client_header_timeout": 10, "client_body_timeout": 10, "send_timeout": 15}.items():
        assert int(re.search(rf"\b{name} (\d+)s;", said).group(1)) <= most
    assert "reset_timedout_connection on;" in said
    assert "proxy_request_buffering" not in said  # on, where nothing is said: a service is asked when the request is whole
    assert "proxy_buffering" not in said  # on: a client that reads slowly holds no service


def test_a_body_is_no_larger_than_a_service_takes(said):
    assert "client_max_body_size 256k;" in said


def test_an_address_has_a_rate_and_a_number_of_connections(said):
    assert "limit_req zone=requests" in said
    assert "limit_conn connections" in said


def test_whom_a_stranger_claims_to_be_forwarded_for_is_not_believed(said):
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in said
    assert "$proxy_add_x_forwarded_for" not in said


def test_no_path_and_no_address_is_logged(said):
    formats = re.search(r"log_format (.*?);", said, re.DOTALL).group(1)
    assert not {"$request ", "$request_uri", "$uri", "$args", "$remote_addr", "$http_referer"} & set(re.findall(r"\$\w+ ?", formats))
