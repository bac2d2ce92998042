"""Kafka's jars: only what is locked ever reaches Java."""

import hashlib
import re

import pytest
from jgo.maven import MavenContext

from devstack import jars
from devstack.launch import CannotStart

CONTENT = b"what a registry serves"
LOCKED = jars.Jar("org.example:thing:1.0", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
PATH = "/maven/org/example/thing/1.0/thing-1.0.jar"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    LOCKED.path.parent.mkdir(parents=True)


@pytest.fixture(scope="session")
def httpserver_listen_address():
    return "127.0.0.1", 0


@pytest.fixture
def maven(httpserver, tmp_path):
    """A Maven repository of our own, spoken to by the real client."""
    return MavenContext(repo_cache=tmp_path / "fetched", local_repos=[], remote_repos={"ours": httpserver.url_for("/maven")})


def test_a_jar_as_locked_is_kept(httpserver, maven):
    httpserver.expect_request(PATH).respond_with_data(CONTENT)
    jars.fetch(LOCKED, maven)
    assert LOCKED.is_here()


def test_a_jar_with_another_content_is_refused_and_not_kept(httpserver, maven):
    httpserver.expect_request(PATH).respond_with_data(b"something else")
    with pytest.raises(CannotStart, match=r"org.example:thing:1.0: SHA-256 is .* but kafka-jars.lock has .* Nothing was kept"):
        jars.fetch(LOCKED, maven)
    assert not LOCKED.path.exists()


def test_a_jar_that_is_not_served_is_named(httpserver, maven):
    httpserver.expect_request(PATH).respond_with_data("no", status=404)
    with pytest.raises(CannotStart, match=r"org.example:thing:1.0 could not be fetched"):
        jars.fetch(LOCKED, maven)


def test_a_jar_that_was_damaged_in_the_cache_counts_as_missing():
    LOCKED.path.write_bytes(CONTENT)
    assert LOCKED.is_here()
    LOCKED.path.write_bytes(CONTENT[:-1])
    assert not LOCKED.is_here()


def test_the_lock_names_coordinates_and_hashes_and_no_address():
    text = jars.LOCK.read_text()
    assert "//" not in text
    assert {"org.apache.kafka:kafka_2.13:4.3.0", "org.apache.logging.log4j:log4j-core:2.25.4"} <= {jar.coordinate for jar in jars.locked()}
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) for jar in jars.locked())


def test_a_cache_folder_that_cannot_be_made_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(CannotStart, match=r"the cache folder .*file/passage cannot be made .* set XDG_CACHE_HOME"):
        jars.locked()[0].is_here()
