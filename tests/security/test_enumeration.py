"""Whoever asks about somebody else learns nothing from the answer, nor from the work it costs: the same statements, whether there is somebody or not."""

import pytest
from sqlalchemy import event

from tests.enquiry.conftest import house  # noqa: F401  # a fixture

KNOWN, UNKNOWN = "amina@example.org", "nobody@example.org"


@pytest.fixture
def asked(house):  # noqa: F811
    """What a request answers, and the statements it sends to the database."""
    engine, sent = house.app.extensions["passage"].engine, []
    note = lambda _connection, _cursor, statement, *_: sent.append(statement)  # noqa: E731
    event.listen(engine, "before_cursor_execute", note)

    def ask(method, path, body=None, token=None):
        sent.clear()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = house.client.open(path, method=method, json=body, headers=headers)
        told = {name: value for name, value in answer.headers.items() if name != "Date"}
        return (answer.status_code, answer.get_data(), told), list(sent)

    yield ask
    event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("path", ["/v1/links", "/v1/sign-ins"])
def test_a_known_address_costs_and_answers_as_an_unknown_one_does(house, asked, path):  # noqa: F811
    house.opened()
    house.post("/v1/accounts", {"kind": "ops", "email": KNOWN, "name": "Olga"}, token=house.issue("ops"))
    asked("POST", path, {"email": "first@example.org"})  # what is asked once in a process
    assert asked("POST", path, {"email": KNOWN}) == asked("POST", path, {"email": UNKNOWN})


def test_a_case_of_somebody_else_answers_as_one_that_does_not_exist(house, asked):  # noqa: F811
    other = house.opened()
    house.opened()
    token = house.patient_token()
    for method, path in (("GET", ""), ("GET", "/erasure")):
        exists, none = (asked(method, f"/v1/enquiries/{one}{path}", token=token)[0] for one in (other, "ZZZZ-ZZZZ-ZZZZ"))
        assert exists == none
        assert exists[0] == 404


def test_a_new_enquiry_of_a_known_address_is_answered_as_that_of_an_unknown_one(house):  # noqa: F811
    house.opened()
    answers = []
    for address in (KNOWN, UNKNOWN):
        body = house.body()
        body["requester"] |= {"email": address}
        made = house.post("/v1/enquiries", body)
        answers.append((made.status_code, sorted(made.json), made.json["state"], made.json["revision"]))
    assert answers[0] == answers[1]
