"""The API's document (OpenAPI 3.1) and its pages, without a CDN; problems documented as what they are."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any, TypeVar

import flask_smorest
import marshmallow
from apispec import APISpec, BasePlugin
from flask import Flask, Response, redirect
from flask_swagger_ui import get_swaggerui_blueprint
from jinja2 import DictLoader
from markupsafe import escape
from marshmallow import fields
from werkzeug.routing import Rule

from shared.problems import CATALOGUE, NotFound

V = TypeVar("V", bound=Callable[..., Any])
PAGE = "index.template.html"
VIEWPORT = '<meta name="viewport" content="width=device-width, initial-scale=1">'


class FieldErrorSchema(marshmallow.Schema):
    """One wrong field."""

    pointer = fields.String(metadata={"description": "JSON pointer into the body (RFC 6901)", "examples": ["#/patient/birth_year"]})
    parameter = fields.String(metadata={"description": "name of a query parameter, where the fault is there"})
    header = fields.String(metadata={"description": "name of a header, where the fault is there"})
    reason = fields.String(required=True, metadata={"examples": ["Must be greater than or equal to 1900."]})


class FreeSlotSchema(marshmallow.Schema):
    """A slot that can be asked for instead."""

    resource = fields.UUID(required=True)
    start = fields.AwareDateTime(required=True)


class ProblemSchema(marshmallow.Schema):
    """RFC 9457 problem details."""

    type = fields.String(
        required=True, metadata={"description": "relative to this service, which serves it as a page", "examples": ["/problems/invalid"]}
    )
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    errors = fields.List(fields.Nested(FieldErrorSchema), metadata={"description": "every wrong field"})
    state = fields.String(metadata={"description": "with invalid-transition: where it stands"})
    possible = fields.List(fields.String(), metadata={"description": "with invalid-transition: what can be done now"})
    reason = fields.String(metadata={"description": "why the state does not allow it, or what is not ready"})
    limit = fields.Integer(metadata={"description": "with limit-reached, too-large, too-many-requests: the most there may be"})
    next = fields.List(fields.Nested(FreeSlotSchema), metadata={"description": "with slot-taken: the next free ones"})
    appointment = fields.UUID(metadata={"description": "with already-held, appointment-exists: the one that is in the way"})
    expires_at = fields.AwareDateTime(metadata={"description": "with already-held: until when it is kept"})
    since = fields.AwareDateTime(metadata={"description": "with outside-window: from when on it can be done"})
    until = fields.AwareDateTime(
        allow_none=True, metadata={"description": "with outside-window, change-too-late: until when it could be done"}
    )
    late_from = fields.AwareDateTime(metadata={"description": "with late-not-known: from when on a cancellation is late"})
    valid_until = fields.AwareDateTime(metadata={"description": "with quote-expired: when its validity ended"})
    trace_id = fields.String(metadata={"description": "with internal: what to tell us"})


IDEMPOTENCY_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": True,
    "description": "any unique string, the same one when you retry: the same request gets the first answer again",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    "example": "5e3c0a52-3f0e-4a43-9c3f-0d3c7b6f2a11",
}
IF_MATCH = {
    "in": "header",
    "name": "If-Match",
    "required": True,
    "description": "the ETag of what you last read",
    "schema": {"type": "string"},
    "example": '"3"',
}


_BY_FORMAT = {"uuid": "01890a5d-ac96-774b-bcce-b302099a8057", "date-time": "2027-01-12T09:00:00Z", "date": "2027-01-12"}
_BY_TYPE: Mapping[str, Any] = {"string": "string", "integer": 1, "boolean": True, "object": {}}


class Examples(BasePlugin):
    """Gives each JSON body and each 2xx JSON answer that has none an example, made of the examples of its fields."""

    def __init__(self, words: Mapping[str, Any]) -> None:
        self._words = words

    def init_spec(self, spec: APISpec) -> None:
        """Called by apispec once."""
        self._schemas = spec.components.schemas

    def operation_helper(self, path: str | None = None, operations: dict[str, Any] | None = None, **known: Any) -> None:  # noqa: ARG002
        """Called by apispec for each path, when its schemas are registered."""
        for operation in (operations or {}).values():
            add_examples(operation, self._schemas, self._words)


def add_examples(operation: dict[str, Any], schemas: Mapping[str, Any], words: Mapping[str, Any]) -> None:
    """To its body and its 2xx answers, where they are JSON and have none. See `example_of`."""
    answers = [answer for status, answer in operation["responses"].items() if str(status).startswith("2")]
    for body in (operation.get("requestBody", {}), *answers):
        content = body.get("content", {}).get("application/json", {})
        if "schema" in content and not content.keys() & {"example", "examples"}:
            content["example"] = example_of(content["schema"], schemas, words)


def example_of(schema: Mapping[str, Any], schemas: Mapping[str, Any], words: Mapping[str, Any], places: tuple[str, ...] = ()) -> Any:
    """A value that fits a JSON schema, made of its properties; of a list one item.

    `schemas`: where `$ref` leads, by name. `words`: examples by property of a schema (`Country.name`; None: it is left out), which go
    before the property's own, or of any (`name`), which stand in for it. `places`: the keys of `words` that lead here, closest first.
    What may be null and has neither is null; a string that has neither is "string".
    """
    if "examples" in schema:
        return words.get("".join(places[:1]), schema["examples"][0])
    if "properties" in schema:
        told = {key: (".".join((*places[:1], key)), key, *places) for key in schema["properties"]}
        shown = {key: one for key, one in schema["properties"].items() if words.get(told[key][0], key) is not None}
        return {key: example_of(one, schemas, words, told[key]) for key, one in shown.items()}
    schema = schema.get("anyOf", [schema])[0]
    if "items" in schema:
        return [example_of(schema["items"], schemas, words, places)]
    if "$ref" in schema:
        if places and isinstance(words.get(places[0]), dict):
            return words[places[0]]
        name = schema["$ref"].rpartition("/")[2]
        return example_of(schemas[name], schemas, words, (name, *places))
    return next((words[place] for place in places if place in words), _example_of_type(schema))


def _example_of_type(schema: Mapping[str, Any]) -> Any:
    if "enum" in schema or "default" in schema:
        return schema.get("default", next(iter(schema.get("enum", ())), None))
    kind = schema.get("type", "object")
    return _BY_FORMAT.get(schema.get("format", ""), _BY_TYPE[kind]) if isinstance(kind, str) else None


class Guards(BasePlugin):
    """Says of each operation what its decorators ask for: a token of some kind, a key, a version. Its id is its view: `enquiries.create`."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def operation_helper(self, path: str | None = None, operations: dict[str, Any] | None = None, **known: Any) -> None:  # noqa: ARG002
        """Called by apispec for each path."""
        rule: Rule = known["rule"]
        view = self._app.view_functions[rule.endpoint]
        for operation in (operations or {}).values():
            operation["operationId"] = rule.endpoint
            if kinds := getattr(view, "required_kinds", ()):
                operation["security"] = [{"bearer": [kind]} for kind in kinds]
            elif hasattr(view, "refused_kinds"):
                operation["security"] = [{}, {"bearer": []}]
            headers = [IDEMPOTENCY_KEY] * getattr(view, "is_idempotent", False) + _version_header(view)
            operation.setdefault("parameters", []).extend(headers)


def _version_header(view: Callable[..., Any]) -> list[dict[str, Any]]:
    if "if_match" not in inspect.unwrap(view).__code__.co_names:
        return []
    spared: tuple[str, ...] = getattr(view, "spared_kinds", ())
    if not spared:
        return [IF_MATCH]
    return [
        IF_MATCH
        | {"required": False, "description": f"{IF_MATCH['description']}; required (428), unless the token is of {', '.join(spared)}"}
    ]


def version_unless(*kinds: str) -> Callable[[V], V]:
    """Decorator of a view that asks for If-Match, but not from callers of these kinds: the document says so."""

    def decorate(view: V) -> V:
        view.spared_kinds = kinds  # type: ignore[attr-defined]  # read by the plugin above
        return view

    return decorate


def leading_to(status: int, *plain: str, revised: Sequence[str] = (), version: str = "", **parameters: str) -> dict[str, Any]:
    """For `bp.doc`: links (OpenAPI 3.1, 4.8.20) from the answer of this status to operations by their ids.

    Parameters are JSON pointers (RFC 6901) into the answer; so is `version`, which goes into the If-Match of those that are `revised`.
    """
    brought = {name: f"$response.body#{pointer}" for name, pointer in parameters.items()}
    tagged = brought | {"header.If-Match": f'"{{$response.body#{version}}}"'}
    taking = dict.fromkeys(plain, brought) | dict.fromkeys(revised, tagged)
    return {"responses": {status: {"links": {one: {"operationId": one, "parameters": {**bring}} for one, bring in taking.items()}}}}


class Api(flask_smorest.Api):  # type: ignore[misc]
    """flask-smorest, but errors are documented as problem+json and rendered by shared.web.answers alone."""

    ERROR_SCHEMA = ProblemSchema

    @classmethod
    def for_app(cls, app: Flask, *, title: str, description: str, webhooks: Mapping[str, Any], words: Mapping[str, Any]) -> "Api":
        """`words`: see `example_of`. Webhooks have their examples in their schemas."""
        for webhook in webhooks.values():
            add_examples(webhook["post"], {}, {})
        app.config.update(
            API_TITLE=title,
            API_VERSION="v1",
            OPENAPI_VERSION="3.1.0",
            OPENAPI_URL_PREFIX="/",
            OPENAPI_JSON_PATH="openapi.json",
            API_SPEC_OPTIONS={"info": {"description": description}, "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}}} | ({"webhooks": webhooks} if webhooks else {}),
        )  # fmt: skip
        return cls(app, spec_kwargs={"extra_plugins": [Guards(app), Examples(words)]})

    def _register_error_handlers(self) -> None:
        """Ours are registered by answers.add_error_handlers."""

    def _register_responses(self) -> None:
        super()._register_responses()
        for response in (self.spec.components.responses_lazy or {}).values():
            content = response.get("content") if isinstance(response, dict) else None
            if content and "application/json" in content:
                content["application/problem+json"] = content.pop("application/json")


def add_pages(app: Flask, title: str) -> None:
    """/docs shows the document, / leads there; /problems/<slug> says what a problem means."""
    page = get_swaggerui_blueprint("/docs", "/openapi.json", config={"app_name": title, "validatorUrl": None})
    page.jinja_loader = DictLoader({PAGE: _page_for_phones()})
    app.register_blueprint(page, url_prefix="/docs")
    app.add_url_rule("/", "door", lambda: redirect("/docs/"))
    app.add_url_rule("/problems/<slug>", "problem_page", _problem_page)


def _page_for_phones() -> str:
    """The package's own template, which does not name the width of the device."""
    return files("flask_swagger_ui").joinpath("templates", PAGE).read_text(encoding="utf-8").replace("<head>", f"<head>{VIEWPORT}", 1)


def _problem_page(slug: str) -> Response:
    if slug not in CATALOGUE:
        raise NotFound("not-found")
    title, hint = (escape(text) for text in CATALOGUE[slug])
    body = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><h1>{title}</h1><p><code>{escape(slug)}</code></p><p>{hint}</p></html>'
    return Response(body, mimetype="text/html", headers={"Cache-Control": "public, max-age=86400"})
