"""The door: what it lets in, what it refuses and how, on a small app of its own."""

import base64
import secrets
import threading

import orjson
import pytest
from marshmallow import fields, validate
from sqlalchemy import text

from services.catalog import db as catalog_db
from shared import auth, crypto, db, inbox, outbox, web
from shared.config import Settings
from shared.events import Case
from shared.events.enquiry import EnquiryUnattended
from shared.problems import Conflict
from shared.web import idempotency, limits
from shared.web.idempotency import idempotent


class NoteSchema(web.Schema):
    words = fields.String(required=True, validate=validate.Length(1, 50))
    tags = fields.List(fields.String(validate=validate.Length(max=10)), load_default=list)
    count = fields.Integer(strict=True, load_default=0, validate=validate.Range(0, 100))


class PageQuery(web.Query):
    limit = fields.Integer(load_default=20, validate=validate.Range(1, 100))


def _answered_elsewhere(engine):
    """As by a process that looked at the key just before this one."""
    with engine.connect() as connection, connection.begin():
        connection.execute(text("INSERT INTO idempotency_keys VALUES ('anonymous', 'k', '', 201, '{}', '', NULL)"))


def blueprint(gate):
    bp = web.Blueprint("notes", __name__, url_prefix="/v1/notes")

    @bp.route("", methods=["POST"])
    @idempotent
    @bp.arguments(NoteSchema())
    @bp.response(201, NoteSchema())
    def create(body):
        """Write it down."""
        with web.transaction() as session:
            session.execute(text("INSERT INTO notes VALUES (:words)"), {"words": body["words"]})
            gate.wait(5)
            if body["words"] == "raced":
                _answered_elsewhere(web.door().engine)
            if body["words"] == "refuse":
                raise Conflict("invalid-transition", state="x", possible=[])
            if body["words"] == "break":
                raise RuntimeError("secret words")
            return body

    @bp.route("", methods=["GET"])
    @bp.arguments(PageQuery(), location="query")
    @bp.response(200, NoteSchema(many=True))
    def index(query):
        """Read them."""
        with web.reading() as session:
            return [{"words": row} for row in session.scalars(text("SELECT words FROM notes LIMIT :limit"), query)]

    @bp.route("/slow", methods=["GET"])
    @bp.response(204)
    def slow():
        """Wait for the database."""
        with web.transaction() as session:
            session.execute(text("SELECT pg_sleep(9)"))

    @bp.route("/limited", methods=["GET"])
    @limits.limited("notes", lambda: "3/minute")
    @bp.response(204)
    def limited():
        """Three times."""

    @bp.route("/mine", methods=["GET"])
    @auth.requires("hospital")
    @bp.response(204)
    def mine():
        """For hospitals."""

    return bp


@pytest.fixture
def gate():
    event = threading.Event()
    event.set()
    return event


@pytest.fixture
def app(settings_for, database, gate):
    settings = settings_for(Settings, database("shared"), max_body_bytes=20_000)
    engine = db.engine(settings.database_url, name="test-web", pool=4)
    with db.transaction(engine) as session:
        session.execute(text("CREATE TABLE notes (words text NOT NULL)"))
    issuer = auth.Issuer.from_text(settings, auth.new_signing_keys())
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    door = web.Door(
        settings, engine, auth.Verifier(settings, keys=issuer.keys), answers_key=crypto.KeyRing.parse(f"k:{key}"), extra={"issuer": issuer}
    )
    yield web.create_app("Notes", door, [blueprint(gate)], description="For tests.")
    engine.dispose()


@pytest.fixture
def client(app):
    return app.test_client()


def post(client, raw, *, key="k", content_type="application/json", **headers):
    return client.post("/v1/notes", data=raw, headers={"Idempotency-Key": key, "Content-Type": content_type, **headers})


def notes(client):
    return [row["words"] for row in client.get("/v1/notes").json]


DEEP = b'{"words":"a","tags":' + b"[" * 5000 + b"]" * 5000 + b"}"
WIDE = orjson.dumps({"words": "a", "tags": list(range(10_001))})


@pytest.mark.parametrize(
    ("raw", "status", "slug"),
    [
        (b"", 422, "invalid"),
        (b"{", 400, "bad-request"),
        (b"[]", 422, "invalid"),
        (b"null", 422, "invalid"),
        (b'"words"', 422, "invalid"),
        (b'{"words": "\xff"}', 400, "bad-request"),
        (b'{"words": "\\ud800"}', 400, "bad-request"),
        (b'{"words": "a\\u0000b"}', 400, "bad-request"),
        (b'{"wor\\u0000ds": "a"}', 400, "bad-request"),
        (b'{"words": "a", "tags": ["\\u0000"]}', 400, "bad-request"),
        (DEEP, 400, "bad-request"),
        (WIDE, 413, "too-large"),
        (b'{"words": "' + b"a" * 51 + b'"}', 422, "invalid"),
        (b'{"words": 7}', 422, "invalid"),
        (b'{"words": "a", "count": "7"}', 422, "invalid"),
        (b'{"words": "a", "count": 1e999}', 400, "bad-request"),
        (b'{"words": "a", "count": 99999999999999999999999}', 422, "invalid"),
        (b'{"words": "a", "count": NaN}', 400, "bad-request"),
        (b'{"words": "a", "extra": 1}', 422, "invalid"),
        (b'{"words": null}', 422, "invalid"),
    ],
)
def test_a_body_that_is_wrong_is_a_problem_and_changes_nothing(client, raw, status, slug):
    response = post(client, raw)
    assert (response.status_code, response.json["type"]) == (status, f"/problems/{slug}"), response.json
    assert response.content_type == "application/problem+json"
    assert notes(client) == []


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml"]
)
def test_other_content_types_are_refused(client, content_type):
    response = post(client, b'{"words": "a"}', content_type=content_type)
    assert (response.status_code, response.json["type"]) == (415, "/problems/content-type")


def test_pointers_name_every_wrong_field(client):
    response = post(client, b'{"tags": [1, "ok", "far too long for a tag"], "count": 101, "a/b": 1}')
    assert {error["pointer"] for error in response.json["errors"]} == {"#/words", "#/tags/0", "#/tags/2", "#/count", "#/a~1b"}


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=99999999999999999999", "unknown=1", "limit=1%00", "limit=%ff"])
def test_parameters_are_read_as_strictly_as_bodies(client, query):
    response = client.get(f"/v1/notes?{query}")
    assert response.status_code in {400, 422}, response.text
    assert response.json["errors"][0]["parameter"] in {"limit", "unknown"}


def test_a_fault_of_ours_tells_a_trace_id_and_nothing_else(client, caplog):
    response = post(client, b'{"words": "break"}')
    assert (response.status_code, response.json["type"]) == (500, "/problems/internal")
    logged = caplog.text
    assert "secret words" not in response.text + logged
    assert response.json["trace_id"] in logged
    assert "RuntimeError" in logged
    assert notes(client) == []


def test_a_database_that_takes_too_long_is_said_to_be_away(client):
    response = client.get("/v1/notes/slow")
    assert (response.status_code, response.json["type"]) == (503, "/problems/unavailable")
    assert response.headers["Retry-After"] == "2"


def test_the_same_key_gets_the_first_answer_again(client):
    first = post(client, b'{"words": "once"}')
    again = post(client, b'{ "words" : "once" }')
    assert (again.status_code, again.json) == (201, first.json)
    assert notes(client) == ["once"]


def test_a_key_is_known_for_its_own_caller_only(app, client):
    issuer = app.extensions["passage"].extra["issuer"]
    post(client, b'{"words": "once"}')
    token = issuer.issue(scope="client", subject="somebody", sid="s")
    post(client, b'{"words": "once"}', Authorization=f"Bearer {token}")
    assert notes(client) == ["once", "once"]


def test_a_refusal_is_not_kept_the_key_can_be_used_again(client):
    assert post(client, b'{"words": "refuse"}').status_code == 409
    assert post(client, b'{"words": "right"}').status_code == 201


def test_while_the_first_is_being_answered_the_second_is_told_to_wait(app, client, gate):
    gate.clear()
    answers = []
    first = threading.Thread(target=lambda: answers.append(post(app.test_client(), b'{"words": "once"}').status_code))
    first.start()
    try:
        second = None
        while second is None or second.status_code != 409:
            with db.transaction(app.extensions["passage"].engine) as session:
                begun = session.scalar(
                    text(
                        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                    )
                )
            if begun:
                second = post(client, b'{"words": "once"}')
                break
        assert (second.status_code, second.json["type"], second.headers["Retry-After"]) == (409, "/problems/idempotency-key-in-use", "1")
    finally:
        gate.set()
        first.join()
    assert answers == [201]
    assert notes(client) == ["once"]


def test_of_two_that_looked_at_a_key_at_once_one_is_told_to_come_again(client):
    second = post(client, b'{"words": "raced"}')
    assert (second.status_code, second.json["type"], second.headers["Retry-After"]) == (409, "/problems/idempotency-key-in-use", "1")
    assert notes(client) == []


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "naïve"])
def test_a_key_that_is_none_is_refused(client, key):
    response = post(client, b'{"words": "a"}', key=key.encode("utf-8").decode("latin-1"))
    assert response.status_code == 400


def test_stored_answers_are_encrypted(app, client):
    post(client, b'{"words": "canary"}')
    with db.transaction(app.extensions["passage"].engine) as session:
        row = session.execute(idempotency.table.select()).one()
    assert b"canary" not in bytes(row.sealed_body)


def test_a_limit_is_counted_exactly(client):
    assert [client.get("/v1/notes/limited").status_code for _ in range(4)] == [204, 204, 204, 429]


def test_tokens_are_checked(app, client):
    issuer = app.extensions["passage"].extra["issuer"]
    good, late = (
        issuer.issue(scope="hospital:01a207a7-0898-72f9-ae45-da50979d6562", subject="a", sid="s", seconds=one) for one in (300, -60)
    )
    other = auth.Issuer.from_text(issuer.settings, auth.new_signing_keys()).issue(scope="hospital:x", subject="a", sid="s")
    tokens = (good, late, other, "nonsense", issuer.issue(scope="client", subject="a", sid="s"))
    codes = [client.get("/v1/notes/mine", headers={"Authorization": f"Bearer {token}"}).status_code for token in tokens]
    assert codes == [204, 401, 401, 401, 403]
    assert client.get("/v1/notes/mine").headers["WWW-Authenticate"] == "Bearer"
    assert client.get("/v1/notes", headers={"Authorization": "Bearer "}).status_code == 401  # where strangers may come, too
    app.extensions["passage"].verifier = None  # as in a service where everything is public: what is sent says nothing
    assert client.get("/v1/notes", headers={"Authorization": "Bearer nonsense"}).status_code == 200


def test_health_tells_whether_it_lives_and_whether_it_can_work(app, client):
    assert client.get("/health/live").status_code == 200
    assert client.get("/health/ready").json == {"status": "ready"}
    app.extensions["passage"].migrations = catalog_db.MIGRATIONS
    assert client.get("/health/ready").json["reason"] == "the database has not been migrated"


def test_metrics_count_by_route_and_name_no_address(client):
    client.get("/v1/notes?limit=7")
    client.get("/v1/K7QF-2M9X-4TBD")
    figures = client.get("/metrics").text
    assert 'http_requests_total{method="GET",route="/v1/notes",status="200"}' in figures
    assert "K7QF" not in figures


def test_what_waits_is_counted_when_it_is_asked_for(app, client):
    app.extensions["passage"].measures = (outbox.measure, inbox.measure)
    with db.transaction(app.extensions["passage"].engine) as session:
        outbox.record(session, EnquiryUnattended(case=Case(id=crypto.new_id(), version=1), reference="A"))
        session.execute(text("UPDATE outbox_awaiting SET recorded_at = clock_timestamp() - interval '2 minutes'"))
        session.execute(text("INSERT INTO parked_keys (consumer, topic, key, reason) VALUES ('a', 'b', 'c', 'd')"))
    figures = client.get("/metrics").text
    assert {"outbox_pending 1.0", "unaccounted_facts 1.0", "parked_keys 1.0"} <= set(figures.splitlines())
