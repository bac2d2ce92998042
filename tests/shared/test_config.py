"""Settings: every fault at once, by name, and never the value of a secret."""

import subprocess
import sys

import pytest

from services.enquiry.settings import Settings as EnquirySettings
from services.notification.settings import Settings as NotificationSettings
from shared.config import BadConfiguration, Settings


@pytest.fixture
def environment(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:hidden@127.0.0.1:5432/enquiry")
    return monkeypatch


def faults():
    with pytest.raises(BadConfiguration) as caught:
        Settings.from_env()
    return caught.value.faults


def test_every_fault_is_told_at_once_by_the_name_of_its_setting(environment):
    environment.setenv("DATABASE_URL", "mysql://user:hidden@host/name")
    environment.setenv("HTTP_PROCESSES", "none")
    environment.setenv("LOG_LEVEL", "loud")
    told = faults()
    assert [any(name in fault for fault in told) for name in ("DATABASE_URL", "HTTP_PROCESSES", "LOG_LEVEL")] == [True] * 3
    assert "hidden" not in " ".join(told)


@pytest.mark.parametrize("url", ["", "postgresql://", "postgresql://host", "postgresql://host:port/name", "host/name"])
def test_an_address_that_is_no_databases_is_refused(environment, url):
    environment.setenv("DATABASE_URL", url)
    assert "DATABASE_URL" in faults()[0]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTP_BIND", "nonsense"),
        ("HTTP_BIND", "127.0.0.1:"),
        ("HTTP_BIND", "127.0.0.1:70000"),
        ("HTTP_BIND", ":8000"),
        ("HTTP_BIND", "host:80/path"),
        ("METRICS_BIND", "zz"),
        ("KAFKA_BOOTSTRAP_SERVERS", ",,"),
        ("KAFKA_BOOTSTRAP_SERVERS", "broker:9092,"),
        ("KAFKA_BOOTSTRAP_SERVERS", "broker"),
    ],
)
def test_a_place_that_nobody_can_reach_is_refused(environment, name, value):
    environment.setenv(name, value)
    assert [fault.split()[0] for fault in faults()] == [name]


@pytest.mark.parametrize("value", ["[::1]:8000", "0.0.0.0:80", "host.example:65535"])
def test_a_place_that_can_be_reached_is_taken(environment, value):
    environment.setenv("METRICS_BIND", value)
    assert Settings.from_env().metrics_bind == value


@pytest.mark.parametrize("protocol", ["SASL_SSL", "SASL_PLAINTEXT"])
def test_a_protocol_with_sasl_needs_a_user_and_a_password(environment, protocol):
    environment.setenv("KAFKA_SECURITY_PROTOCOL", protocol)
    environment.setenv("HTTP_BIND", "nonsense")
    assert [fault.split()[0] for fault in faults()] == ["HTTP_BIND", "KAFKA_USERNAME", "KAFKA_PASSWORD"]
    environment.setenv("HTTP_BIND", "127.0.0.1:1")
    environment.setenv("KAFKA_USERNAME", "passage")
    environment.setenv("KAFKA_PASSWORD", "hidden")
    assert Settings.from_env().kafka_security_protocol == protocol


def test_who_believes_tokens_of_others_must_know_whose(environment):
    with pytest.raises(BadConfiguration) as caught:
        NotificationSettings.from_env()
    assert any("JWKS_URL" in fault for fault in caught.value.faults)
    environment.setenv("JWKS_URL", "ftp://issuer")
    with pytest.raises(BadConfiguration) as caught:
        NotificationSettings.from_env()
    assert "JWKS_URL must look like https://host/path" in caught.value.faults


@pytest.mark.parametrize(
    ("name", "value", "named"),
    [
        ("INVITATION_ANSWER", "3", "INVITATION_ALTERNATIVES must not be less than INVITATION_ANSWER"),
        ("INVITATION_LAPSE", "1", "INVITATION_LAPSE must not be less than INVITATION_ALTERNATIVES"),
        ("VERIFICATION_REMINDER", "25h", "VERIFICATION_LAST_REMINDER must not be less than VERIFICATION_REMINDER"),
        ("INVITATION_REMINDER", "1.5", "INVITATION_REMINDER must be between 0 and 1"),
    ],
)
def test_times_that_follow_each_other_are_refused_in_another_order(environment, name, value, named):
    environment.setenv(name, value)
    with pytest.raises(BadConfiguration) as caught:
        EnquirySettings.from_env()
    assert [fault for fault in caught.value.faults if "must" in fault] == [named]


def test_a_setting_can_be_given_as_a_file(environment, tmp_path):
    held = tmp_path / "password"
    held.write_text("from a file\n")  # as an editor leaves it
    environment.setenv("KAFKA_PASSWORD_FILE", str(held))
    assert Settings.from_env().kafka_password == "from a file"


def test_secrets_are_not_shown(environment):
    assert "hidden" not in repr(Settings.from_env())


def test_a_service_with_bad_settings_tells_all_of_them_and_exits_with_2(environment):
    names = {"CASE_KEYS": "k:short", "LOOKUP_KEY": "?", "SIGNING_KEYS": "{}", "TOKENS_PER_ADDRESS": "often"}
    for name, value in names.items():
        environment.setenv(name, value)
    done = subprocess.run([sys.executable, "-m", "services.enquiry", "serve"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2, done.stderr
    assert all(name in done.stderr for name in (*names, "CONTACT_KEYS", "LINK_KEY"))
    assert "Traceback" not in done.stderr
