"""From a fact to a mail in the patient's hands."""

from services.notification.told import TOLD
from shared.events import REGISTRY, Fact, enquiry
from shared.events.notification import DeliverySettled, Ending, OutcomeRecorded
from tests.notification.house import case, link
from tests.waiting import until


def submitted(patient_id, **named):
    return enquiry.EnquirySubmitted(case=case(patient_id, **named), reference="K7QF-2M9X-4TBD", verify=link("verify"))


def test_a_submitted_enquiry_becomes_a_mail_with_the_link_that_proves_the_address(house):
    patient = house.patient()
    fact = submitted(patient)
    event_id = house.hear(fact)
    with house.delivering():
        mail = until(lambda: house.mail.to("ann@patients.test"), what="a mail")[0]
    text = mail.get_body(("plain",)).get_content()
    assert "https://passage.test/l/verify/" in text
    assert "https://passage.test/l/verify/" in mail.get_body(("html",)).get_content()
    assert "K7QF-2M9X-4TBD" in text
    assert house.states() == ["accepted"]
    outcome, settled = house.said()
    assert (outcome.event_id, outcome.planned) == (event_id, 1)
    assert isinstance(settled, DeliverySettled)
    assert (settled.event_id, settled.ending, settled.template) == (event_id, Ending.ACCEPTED, "verify_address")
    assert settled.case.id == outcome.case.id == fact.case.id


def test_a_mail_to_an_address_that_nobody_has_proved_says_nothing_of_what_a_stranger_wrote(house):
    house.hear(submitted(house.patient(name="customer, you have won")))
    with house.delivering():
        mail = until(lambda: house.mail.to("ann@patients.test"), what="a mail")[0]
    for part in ("plain", "html"):
        assert "you have won" not in mail.get_body((part,)).get_content()
    assert "Hello," in mail.get_body(("plain",)).get_content()


def test_an_enquiry_whose_address_has_had_enough_mails_is_accounted_for_without_one(house):
    house.hear(enquiry.EnquirySubmitted(case=case(house.patient()), reference="K7QF-2M9X-4TBD", verify=None))
    assert house.deliveries() == []
    assert [event.planned for event in house.said(OutcomeRecorded)] == [0]


def test_every_fact_of_enquiry_has_its_line_in_the_table():
    facts = {cls for cls in REGISTRY.values() if issubclass(cls, Fact) and cls.topic is enquiry.EVENTS}
    assert facts == set(TOLD)


def test_a_fact_that_comes_before_its_contact_waits_for_it(house):
    patient = house.patient("early@patients.test")
    other = type(patient)(int=patient.int + 1)
    house.hear(submitted(other))
    with house.delivering():
        until(lambda: house.states() == ["waiting_contact"], what="the delivery to wait")
        assert not house.mail.received
        house.patient("late@patients.test", patient_id=other)
        until(lambda: house.mail.to("late@patients.test"), what="a mail")
        until(lambda: house.states() == ["accepted"])
    assert [event.planned for event in house.said(OutcomeRecorded)] == [1]
    assert house.scalar("SELECT count(*) FROM attempts") == 1
