"""Links to cases, sent again."""

from tests.enquiry.test_partners import work_off


def test_links_to_the_newest_cases_of_an_address_are_sent_not_to_all(house):
    references = [house.opened() for _ in range(house.settings.cases_sent_again + 1)]
    house.post("/v1/links", {"email": "amina@example.org"}, key=None)
    work_off(house)
    sent = [data["reference"] for _, data in house.facts("enquiry.link_requested")]
    assert sorted(sent) == sorted(references[1:])
