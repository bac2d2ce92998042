"""Bearer tokens of any issuer whose JWKS we are given, and how often it is asked for."""

import json
import socket

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from pytest_httpserver import HTTPServer

from shared import auth
from shared.config import Settings
from shared.problems import Unauthorised, Unavailable

SETTINGS = Settings(database_url="postgresql://nowhere/none")


def rsa():
    return RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})


def ec():
    return ECKey.generate_key("P-256", {"kid": "ec"})


def okp():
    return OKPKey.generate_key("Ed25519", {"kid": "okp", "alg": "Ed25519"})


def token(key, algorithm, **changes):
    claims = {"iss": "passage", "aud": "passage", "sub": "a", "sid": "s", "scope": "ops", "exp": 4_000_000_000, **changes}
    return jwt.encode({"alg": algorithm, "kid": key.kid}, claims, key, algorithms=[algorithm])


def documents(*keys, others=()):
    return {"keys": [*(key.as_dict(private=False) for key in keys), *others]}


@pytest.fixture
def issuer(httpserver):
    """Serves a JWKS; `asked()` counts how often."""

    class Issuer:
        url = httpserver.url_for("/jwks")

        def serves(self, document):
            httpserver.clear_all_handlers()
            httpserver.expect_request("/jwks").respond_with_json(document)

        def is_broken(self):
            httpserver.clear_all_handlers()
            httpserver.expect_request("/jwks").respond_with_data("[]", status=200)

        def asked(self):
            return len(httpserver.log)

    return Issuer()


class Clock:
    """Seconds that pass when they are told to."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize(("make", "algorithm"), [(rsa, "RS256"), (rsa, "PS256"), (ec, "ES256"), (okp, "Ed25519")])
def test_tokens_of_any_issuer_are_proved_by_its_own_keys(issuer, make, algorithm):
    key = make()
    issuer.serves(documents(key))
    verifier = auth.Verifier(SETTINGS, jwks_url=issuer.url)
    assert verifier.authenticate(token(key, algorithm)).scope == "ops"
    with pytest.raises(Unauthorised):
        verifier.authenticate(token(make(), algorithm))


def test_a_key_verifies_only_the_algorithm_that_it_states(issuer):
    key = RSAKey.generate_key(2048, {"kid": "rsa", "alg": "PS256"})
    unstated = {name: value for name, value in key.as_dict(private=True).items() if name != "alg"}
    issuer.serves(documents(key))
    with pytest.raises(Unauthorised):
        auth.Verifier(SETTINGS, jwks_url=issuer.url).authenticate(token(RSAKey.import_key({"kid": "rsa"} | unstated), "RS256"))


def test_a_shared_secret_in_a_jwks_verifies_nothing(issuer):
    secret, key = OctKey.generate_key(256, {"kid": "oct"}), okp()
    issuer.serves(documents(key, others=[secret.as_dict(private=True)]))
    with pytest.raises(Unauthorised):
        auth.Verifier(SETTINGS, jwks_url=issuer.url).authenticate(token(secret, "HS256"))


def test_keys_for_encryption_and_of_unknown_types_do_not_spoil_the_others(issuer):
    key = okp()
    encrypting = RSAKey.generate_key(2048, {"kid": "e", "use": "enc"}).as_dict(private=False)
    issuer.serves(
        documents(key, others=[{"kty": "AKP", "kid": "new", "alg": "ML-DSA-44"}, {"kty": "EC", "kid": "odd", "crv": "P-0"}, encrypting])
    )
    assert auth.Verifier(SETTINGS, jwks_url=issuer.url).authenticate(token(key, "Ed25519")).kind == "ops"


def test_an_issuer_that_is_away_is_asked_less_and_less_often(issuer):
    issuer.is_broken()
    clock = Clock()
    verifier = auth.Verifier(SETTINGS, jwks_url=issuer.url, seconds=clock)
    waits = []
    for _ in range(600):
        before = issuer.asked()
        with pytest.raises(Unavailable) as refused:
            verifier.authenticate("a.b.c")
        if issuer.asked() > before:
            waits.append(refused.value.retry_after)
        clock.now += 1
    assert waits[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert len(waits) < 20


def test_an_issuer_that_comes_back_is_heard_when_the_wait_is_over(issuer):
    key = okp()
    issuer.is_broken()
    clock = Clock()
    verifier = auth.Verifier(SETTINGS, jwks_url=issuer.url, seconds=clock)
    with pytest.raises(Unavailable):
        verifier.authenticate(token(key, "Ed25519"))
    issuer.serves(documents(key))
    with pytest.raises(Unavailable):
        verifier.authenticate(token(key, "Ed25519"))
    clock.now += 1
    assert verifier.authenticate(token(key, "Ed25519")).kind == "ops"


def test_an_unknown_key_makes_us_ask_once_a_minute_also_while_the_issuer_is_broken(issuer):
    old, new = okp(), OKPKey.generate_key("Ed25519", {"kid": "new"})
    issuer.serves(documents(old))
    clock = Clock()
    verifier = auth.Verifier(SETTINGS, jwks_url=issuer.url, seconds=clock)
    verifier.authenticate(token(old, "Ed25519"))
    issuer.is_broken()
    for _ in range(130):
        with pytest.raises(Unauthorised):
            verifier.authenticate(token(new, "Ed25519"))
        clock.now += 1
    assert issuer.asked() == 1 + 2
    issuer.serves(documents(old, new))
    clock.now += 60
    assert verifier.authenticate(token(new, "Ed25519")).kind == "ops"
    assert verifier.authenticate(token(old, "Ed25519")).kind == "ops"


def test_an_issuer_that_starts_as_we_do_gets_more_time_for_its_first_answer_than_for_others(issuer):
    old, new = okp(), OKPKey.generate_key("Ed25519", {"kid": "new"})
    issuer.is_broken()
    clock = Clock()
    verifier = auth.Verifier(SETTINGS, jwks_url=issuer.url, seconds=clock, patience=60, answer_seconds=0)  # no answer is that quick
    with pytest.raises(Unavailable):
        verifier.authenticate(token(old, "Ed25519"))
    issuer.serves(documents(old))
    clock.now += 1
    assert verifier.authenticate(token(old, "Ed25519")).kind == "ops"  # what was broken was not slow
    issuer.serves(documents(old, new))
    clock.now += 60
    with pytest.raises(Unauthorised):
        verifier.authenticate(token(new, "Ed25519"))


def test_an_issuer_that_is_slow_is_waited_for_so_long_only_once(issuer):
    key = okp()
    clock = Clock()
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes calls, and says nothing
        port = silent.getsockname()[1]
        verifier = auth.Verifier(SETTINGS, jwks_url=f"http://127.0.0.1:{port}/jwks", seconds=clock, patience=0.1, answer_seconds=0)
        with pytest.raises(Unavailable):
            verifier.authenticate(token(key, "Ed25519"))
    with HTTPServer(port=port) as back:
        back.expect_request("/jwks").respond_with_json(documents(key))
        clock.now += 1
        with pytest.raises(Unavailable):
            verifier.authenticate(token(key, "Ed25519"))


def test_what_we_publish_can_be_read_by_a_verifier(issuer):
    ours = auth.Issuer.from_text(SETTINGS, auth.new_signing_keys())
    issuer.serves(json.loads(json.dumps(ours.public())))
    made = ours.issue(scope="client", subject="a", sid="s")
    assert auth.Verifier(SETTINGS, jwks_url=issuer.url).authenticate(made).kind == "client"
