"""Links sent again: to whoever asks, with an answer that says nothing, and not without end."""

from tests.enquiry.partners import work_off


def test_links_to_the_newest_cases_of_an_address_are_sent_not_to_all(house):
    references = [house.opened() for _ in range(house.settings.cases_sent_again + 1)]
    house.post("/v1/links", {"email": "amina@example.org"}, key=None)
    work_off(house)
    sent = [data["reference"] for _, data in house.facts("enquiry.link_requested")]
    assert sorted(sent) == sorted(references[1:])


def test_links_are_sent_again_with_the_same_answer_for_known_and_unknown_addresses(house):
    house.opened()
    known = house.post("/v1/links", {"email": "AMINA@example.org"}, key=None)
    unknown = house.post("/v1/links", {"email": "nobody@example.org"}, key=None)
    assert (known.status_code, known.data) == (unknown.status_code, unknown.data) == (202, b"{}")
    work_off(house)
    assert [name for name, _ in house.facts()][-1] == "enquiry.link_requested"
    link = house.facts("enquiry.link_requested")[0][1]["case_link"]
    token = house.post("/v1/tokens", {"case_link": house.token_of(link)}, key=None)
    assert token.status_code == 201


def test_an_unverified_enquiry_gets_its_proof_link_again(house):
    house.create()
    house.post("/v1/links", {"email": "amina@example.org"}, key=None)
    work_off(house)
    (again,) = [data for _, data in house.facts("enquiry.verification_requested")]
    assert again["why"] == "resend"
    token = house.token_of(again["verify"])
    assert house.post("/v1/verifications", {"token": token}, key=None).json["state"] == "open"


def test_resending_is_limited_per_address_known_or_not(house):
    answers = [house.post("/v1/links", {"email": "nobody@example.org"}, key=None) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_retry_after_is_what_is_left_of_the_window(house):
    for _ in range(3):
        house.post("/v1/links", {"email": "nobody@example.org"}, key=None)
    waits = [int(house.post("/v1/links", {"email": "nobody@example.org"}, key=None).headers["Retry-After"]) for _ in range(2)]
    assert all(3500 < wait <= 3600 for wait in waits)
