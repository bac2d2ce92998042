"""The generated documents are current, and what they claim to be."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest
import yaml
from environs import Env
from openapi_spec_validator import OpenAPIV31SpecValidator

from docs.generate import DOCUMENTS, problems, settings, written
from services.enquiry.settings import Settings as EnquirySettings
from shared.problems import CATALOGUE
from shared.web.openapi import ProblemSchema

ROOT = Path(__file__).parents[2]
APIS = [name for name in DOCUMENTS if name.startswith("openapi/")]
METHODS = ("get", "put", "post", "delete", "patch")


def operations(name):
    document = json.loads(written(name))
    return [(path, method, one[method]) for path, one in document["paths"].items() for method in METHODS if method in one]


def headers_of(operation):
    return {one["name"] for one in operation.get("parameters", []) if one["in"] == "header"}


def test_generated_documents_say_what_the_code_says():
    found = subprocess.run([sys.executable, "-m", "docs.generate", "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")


# -- problems and settings ----------------------------------------------------


def test_the_catalogue_of_problems_holds_what_is_raised_and_nothing_else():
    assert list(CATALOGUE) == sorted(problems.statuses())


def test_what_a_problem_says_besides_is_documented():
    assert problems.members() <= ProblemSchema().fields.keys()


@pytest.mark.parametrize("value", [timedelta(hours=72), timedelta(minutes=15), timedelta(days=30), timedelta(days=4, hours=3, seconds=7)])
def test_a_duration_is_documented_as_it_can_be_set(value, monkeypatch):
    monkeypatch.setenv("SOME_TIME", settings.duration(value))
    assert Env().timedelta("SOME_TIME") == value


def test_a_secret_has_no_default():
    assert {
        row.split("|")[1].strip()
        for row in settings.text().splitlines()
        if ", secret |" in row and not row.endswith(("| required |", "| empty |"))
    } == set()
    assert "| `CASE_KEYS` |" in settings.text()
    assert EnquirySettings.__dataclass_fields__["case_keys"].metadata["secret"]


# -- events -------------------------------------------------------------------


def asyncapi():
    return yaml.safe_load(written("asyncapi.yaml"))


def test_the_asyncapi_document_is_one():
    schema = json.loads((Path(__file__).parent / "asyncapi" / "3.0.0.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.Draft7Validator(schema).validate(asyncapi())


def test_examples_of_events_fit_their_schemas():
    document = asyncapi()
    for name, message in document["components"]["messages"].items():
        for example in message.get("examples", []):
            for part, value in (("payload", example["payload"]), ("headers", example["headers"])):
                schema = {"$ref": message[part]["$ref"], "components": document["components"]}
                jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(value)
        assert message["examples"] if name != "tombstone.v1" else True


def test_every_reference_in_the_asyncapi_document_leads_somewhere():
    document = asyncapi()
    waiting, references = [document], set()
    while waiting:
        one = waiting.pop()
        waiting.extend(one.values() if isinstance(one, dict) else one if isinstance(one, list) else [])
        references |= {one["$ref"]} if isinstance(one, dict) and isinstance(one.get("$ref"), str) else set()
    for reference in references:
        found = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
    assert references


# -- HTTP ---------------------------------------------------------------------


@pytest.mark.parametrize("name", APIS)
def test_the_openapi_document_is_one(name):
    OpenAPIV31SpecValidator(json.loads(written(name))).validate()


@pytest.mark.parametrize("name", APIS)
def test_every_operation_says_what_it_is_for_and_how_it_refuses(name):
    document, found = json.loads(written(name)), operations(name)
    assert len({one["operationId"] for _, _, one in found}) == len(found)
    for path, method, one in found:
        assert one["summary"], (path, method)
        assert len(one["tags"]) == 1, (path, method)
        assert one["responses"]["default"] == {"$ref": "#/components/responses/DEFAULT_ERROR"}, (path, method)
    for answer in document["components"]["responses"].values():
        assert list(answer.get("content", {"application/problem+json": None})) == ["application/problem+json"]


def test_an_operation_says_which_token_key_and_version_it_asks_for():
    found = {one["operationId"]: one for _, _, one in operations("openapi/enquiry.json")}
    assert "Idempotency-Key" in headers_of(found["enquiries.create"])
    assert found["enquiries.create"]["security"] == [{}, {"bearer": []}]
    assert "security" not in found["verifications.verify"]
    assert found["enquiries.withdraw"]["security"] == [{"bearer": ["patient"]}, {"bearer": ["ops"]}]
    assert "If-Match" in headers_of(found["invitations.decline"])
    assert not headers_of(found["enquiries.show"])


def test_every_answer_that_is_made_once_says_so():
    """What creates asks for an Idempotency-Key. Signing in does not: what it answers is used once, and is not to be kept."""
    creating = {
        one["operationId"]: headers_of(one)
        for name in APIS
        for _, method, one in operations(name)
        if method == "post" and "201" in one["responses"]
    }
    without = {name for name, headers in creating.items() if "Idempotency-Key" not in headers}
    assert without == {"second_factors.create", "tokens.create"}


def test_the_document_says_who_needs_no_version():
    operation = json.loads(written("openapi/enquiry.json"))["paths"]["/v1/enquiries/{reference}/withdraw"]["post"]
    (version,) = [one for one in operation["parameters"] if one["name"] == "If-Match"]
    assert version["required"] is False
    assert "unless the token is of ops" in version["description"]


def test_no_problem_says_of_its_detail_that_the_detail_says_it():
    assert [slug for slug, (_, hint) in CATALOGUE.items() if "`detail`" in hint] == []
