"""The examples in the OpenAPI documents are what would be taken and what may be answered."""

import json

import jsonschema
import pytest

from docs.generate import openapi
from services.catalog.examples import WORDS as CATALOG_WORDS
from services.enquiry.examples import WORDS as ENQUIRY_WORDS
from services.notification.examples import WORDS as NOTIFICATION_WORDS

WORDS = {"catalog": CATALOG_WORDS, "enquiry": ENQUIRY_WORDS, "notification": NOTIFICATION_WORDS}
OPERATIONS = {
    name: [one for path in json.loads(openapi.text(name))["paths"].values() for one in path.values() if isinstance(one, dict)]
    for name in WORDS
}


def requests(service):
    return {one["operationId"]: one["requestBody"]["content"]["application/json"] for one in OPERATIONS[service] if "requestBody" in one}


def answers(service):
    return {
        (one["operationId"], status): answer["content"]["application/json"]
        for one in OPERATIONS[service]
        for status, answer in one["responses"].items()
        if status.startswith("2") and "application/json" in answer.get("content", {})
    }


def strings(value):
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {value} if isinstance(value, str) else {text for part in parts for text in strings(part)}


@pytest.mark.parametrize("service", WORDS)
def test_each_example_fits_the_schema_it_stands_beside(service):
    components = json.loads(openapi.text(service))["components"]
    for operation, content in (requests(service) | answers(service)).items():
        schema = content["schema"] | {"components": components}
        faults = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).iter_errors(content["example"])
        assert [(operation, fault.json_path, fault.message) for fault in faults] == []


@pytest.mark.parametrize("service", ["enquiry", "notification"])
def test_each_example_of_a_request_is_taken(service):
    (api,) = openapi.APPS[service]().extensions["flask-smorest"]["apis"].values()
    schemas = {name: key[0]() for key, name in api["ext_obj"].ma_plugin.converter.refs.items()}
    for operation, content in requests(service).items():
        faults = schemas[content["schema"]["$ref"].rpartition("/")[2]].validate(content["example"])
        assert (operation, faults) == (operation, {})


@pytest.mark.parametrize("service", WORDS)
def test_no_example_is_left_to_the_name_of_its_type(service):
    shown = {operation: content["example"] for operation, content in (requests(service) | answers(service)).items()}
    assert [operation for operation, example in shown.items() if "string" in strings(example)] == []


@pytest.mark.parametrize("service", WORDS)
def test_each_word_is_for_a_property_there_is(service):
    schemas = json.loads(openapi.text(service))["components"]["schemas"]
    known = {key for name, schema in schemas.items() for one in schema["properties"] for key in (one, f"{name}.{one}")}
    assert set(WORDS[service]) - known == set()
