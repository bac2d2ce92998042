"""Every letter in every language: complete, well made, and silent about what no mail may say."""

import email
import email.policy
import json
import re
import tomllib
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import jinja2
import jinja2.meta
import pytest
import yaml
from babel.numbers import list_currencies

from services.notification.mails import ACCOUNT, HOSPITAL, LETTERS, PATIENT
from services.notification.mails.compose import Part, compose
from services.notification.mails.messages import Sender, message_of
from services.notification.mails.texts import LANGUAGES, TEMPLATES
from services.notification.mails.values import Links, Reader
from services.notification.told import TOLD
from shared import crypto
from shared.events import Fact, enquiry, erasure, invitation
from shared.events.notification import Recipient
from shared.events.schemas import schema_of
from tests.notification.house import case, link
from tests.notification.quotes import letters_about_cases

REFERENCE = "K7QF-2M9X-4TBD"
CATALOG = Path(__file__).parents[2] / "services" / "catalog" / "data"
SENDER = Sender("Passage", "no-reply@passage.test")
LINKS = Links("https://passage.test", b"k" * 32)
PLACES = {"en": "Europe/London", "tr": "Europe/Istanbul", "ar": "Asia/Riyadh"}
NAMES = {"en": "Ann Lee", "tr": "Işıl Yağcı", "ar": "ليلى حداد"}
DUE = datetime(2026, 11, 24, 13, 0, tzinfo=UTC)
every_language = pytest.mark.parametrize("language", LANGUAGES)
every_letter = pytest.mark.parametrize("letter", LETTERS)

# Stems that would tell of somebody's health or money; looked for in what patients get, with Arabic marks taken off.
TELLING = """
    surg diagnos disease illness symptom treatment therap implant medic health procedure clinic price cost amount deposit payment
    ameliyat tedavi hastalık teşhis belirti implant sağlık ilaç klinik tıbbi cerrah fiyat ücret ödeme kapora
    جراح عملية عمليات مرض تشخيص أعراض علاج دواء أدوية صحة صحي طبي غرسة إجراء سعر أسعار تكلفة تكاليف مبلغ دفعة
"""


def facts() -> dict[str, Fact | dict]:
    """One fact for each letter, as it would come; plain params where a letter comes from no fact."""
    of = {"case": case(crypto.new_id()), "reference": REFERENCE}
    asked = of | {"invitation_id": crypto.new_id(), "hospital_id": crypto.new_id()}
    return {
        "verify_address": enquiry.EnquirySubmitted(**of, verify=link("verify")),
        "enquiry_opened": enquiry.EnquiryOpened(
            **of, wants=[enquiry.Want.QUOTE], hospital_ids=[crypto.new_id() for _ in range(3)], promised_at=DUE, case_link=link()
        ),
        "case_link": enquiry.LinkRequested(**of, case_link=link()),
        "enquiry_rejected": enquiry.EnquiryRejected(**of, reason=enquiry.RejectReason.OUT_OF_SCOPE, verified=True),
        "enquiry_withdrawn": enquiry.EnquiryWithdrawn(**of, verified=True),
        "enquiry_unfulfilled": enquiry.EnquiryUnfulfilled(**of, case_link=link()),
        "alternatives_offered": invitation.AlternativesOffered(**asked, case_link=link()),
        "hospital_silent": invitation.InvitationLapsed(**asked, case_link=link()),
        **letters_about_cases(of["case"]),
        "erasure_requested": erasure.ErasureRequested(**of, erasure_id=crypto.new_id(), link=link("erase")),
        "erasure_done": erasure.ErasureDone(**of, erasure_id=crypto.new_id(), contact_id=crypto.new_id()),
        "invitation_sent": invitation.InvitationSent(**asked, answer_due=DUE),
        "invitation_reminded": invitation.InvitationReminded(**asked, answer_due=DUE),
        "invitation_lapsed": invitation.InvitationLapsed(**asked, case_link=link()),
        "invitation_revoked": invitation.InvitationRevoked(**asked),
        "endpoint_test": {"endpoint_id": str(crypto.new_id())},
        "endpoint_proof": {"proof": {"id": str(crypto.new_id()), "purpose": "endpoint", "expires_at": DUE.isoformat()}},
        "account_invited": enquiry.AccountInvited(case=case(), link=link("account")),
        "sign_in": enquiry.SignInRequested(case=case(), link=link("sign_in", minutes=15)),
        "task": {"kind": "invitation_overdue", "task_id": str(crypto.new_id()), "reference": REFERENCE},
    }


def params_of(letter: str) -> dict:
    found = facts()[letter]
    return dict(found) if isinstance(found, dict) else schema_of(type(found)).dump(found)


def reader_of(letter: str, language: str) -> Reader:
    if letter in HOSPITAL:
        return Reader(language, PLACES[language], hospital="Liman & Koru Hospital")
    return Reader(language, PLACES[language], name=NAMES[language]) if letter in PATIENT | ACCOUNT else Reader(language)


def mail_of(letter: str, language: str, **changed):
    return compose([Part(letter, params_of(letter) | changed)], reader_of(letter, language), LINKS)


def read_texts(language: str) -> dict:
    return tomllib.loads((TEMPLATES / f"{language}.toml").read_text(encoding="utf-8"))


def names_used(text) -> set[str]:
    """The Jinja names in a text, or in all texts of a list."""
    return jinja2.meta.find_undeclared_variables(jinja2.Environment(autoescape=True).parse(json.dumps(text)))


def shape_of(section: dict) -> dict:
    """Every key, also of tables inside it, with the names its text uses."""
    return {key: shape_of(text) if isinstance(text, dict) else names_used(text) for key, text in section.items()}


def words_seen(mail) -> str:
    """All a reader sees, subject and preview too, without links and references, in small letters and without marks over Arabic."""
    body = re.sub(r"<style.*?</style>|<[^>]+>", " ", mail.html, flags=re.DOTALL)
    whole = re.sub(r"https?://\S+", " ", f"{mail.subject}\n{mail.text}\n{body}").replace(REFERENCE, " ")
    return bare(whole)


def bare(text: str) -> str:
    return "".join(c for c in text.replace("İ", "i").casefold() if not "\u064b" <= c <= "\u0652")


@cache
def catalog_terms() -> frozenset[str]:
    """Names and synonyms of all procedures and specialties we know of, in every language."""
    found: set[str] = set()
    for path in CATALOG.glob("*.yaml"):
        held = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        for one in [*held.get("procedures", []), *held.get("specialties", [])]:
            found |= {bare(term) for part in ("name", "synonyms", "practitioner") for term in _terms(one.get(part))}
    return frozenset(found)


def _terms(value) -> list[str]:
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value or []
    return [term for part in parts for term in _terms(part)]


# -- the texts ----------------------------------------------------------------


@every_language
def test_every_letter_has_its_text(language):
    held = set(read_texts(language))
    assert held == set(LETTERS) | {"every", "digest"}


@every_language
@pytest.mark.parametrize("section", [*LETTERS, "digest", "every"])
def test_a_text_uses_the_same_names_in_every_language(section, language):
    assert shape_of(read_texts(language)[section]) == shape_of(read_texts("en")[section])


@every_language
@every_letter
def test_a_letter_has_words_for_its_button_exactly_where_it_has_one(letter, language):
    assert ("button" in read_texts(language)[letter]) == (LETTERS[letter].button is not None)


@every_language
def test_every_kind_of_task_is_named_and_explained(language):
    held = read_texts(language)["every"]
    told = {alert.letter for alerts in TOLD.values() for alert in alerts if alert.recipient == Recipient.OPERATIONS}
    told |= {"hospital_unreachable", "endpoint_failing", "endpoint_disabled", "delivery_uncertain", "delivery_failed"}
    assert set(held["tasks"]) == set(held["explanations"]) == told


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", {1: "One hospital has been asked", 2: "2 hospitals have been asked", 5: "5 hospitals have been asked"}),
        ("tr", {1: "bir hastaneye iletildi", 2: "2 hastaneye iletildi", 5: "5 hastaneye iletildi"}),
        ("ar", {1: "مستشفى واحد.", 2: "مستشفيين.", 3: "3 مستشفيات.", 10: "10 مستشفيات.", 11: "11 مستشفى.", 103: "103 مستشفيات."}),
    ],
)
def test_hospitals_are_counted_as_the_language_counts(language, said):
    for count, words in said.items():
        hospitals = [str(crypto.new_id()) for _ in range(count)]
        assert words in mail_of("enquiry_opened", language, hospital_ids=hospitals).text
    assert not re.search(r"\d", mail_of("enquiry_opened", language, hospital_ids=[], promised_at=None).text.split(REFERENCE)[0])


@pytest.mark.parametrize("reason", enquiry.RejectReason)
@every_language
def test_each_reason_of_a_rejection_has_its_own_words(language, reason):
    others = {mail_of("enquiry_rejected", language, reason=str(one)).text for one in enquiry.RejectReason if one is not reason}
    assert mail_of("enquiry_rejected", language, reason=str(reason)).text not in others


# -- the mails ----------------------------------------------------------------


@every_language
@every_letter
def test_a_letter_becomes_a_message_that_says_the_same_in_text_and_html(letter, language):
    params = params_of(letter)
    mail = compose([Part(letter, params)], reader_of(letter, language), LINKS)
    raw = message_of(mail, sender=SENDER, to="ann@patients.test", unique=crypto.new_id(), language=language, now=DUE)
    message = email.message_from_bytes(raw, policy=email.policy.default)
    text, html = (message.get_body((kind,)).get_content() for kind in ("plain", "html"))
    assert message["Subject"] == mail.subject
    assert not re.search(r"[\r\n]", mail.subject)
    assert 0 < len(mail.subject) < 120
    assert message["Content-Language"] == language
    for part in (text, html):
        assert (LINKS.button(letter, params) or "Passage") in part
        assert params.get("reference") in (None, REFERENCE)
        assert (REFERENCE in part) == ("reference" in params)
        assert not re.search(r"{{|{%|None", part)
    assert len(html.encode()) < 30_000


@every_language
@every_letter
def test_the_html_says_its_language_and_runs_in_its_direction(letter, language):
    html = mail_of(letter, language).html
    direction, other = ("rtl", "ltr") if language == "ar" else ("ltr", "rtl")
    assert re.match(rf'<!doctype html><html lang="{language}" dir="{direction}"', html)
    assert 'lang="und"' not in html
    assert f"direction:{direction}" in html
    assert f"direction:{other}" not in html


def test_values_are_set_apart_from_right_to_left_text():
    mail = mail_of("invitation_sent", "ar")
    assert f"\u2068{REFERENCE}\u2069" in mail.subject
    assert f"\u2068{REFERENCE}\u2069" in mail.text
    assert f"<bdi>{REFERENCE}</bdi>" in mail.html
    assert "<bdi>Liman &amp; Koru Hospital</bdi>" in mail.html


@pytest.mark.parametrize(
    ("language", "here", "elsewhere"),
    [
        ("en", "Tuesday, 24 November 2026, 13:00 (London time), 13:00\u00a0UTC", "Friday, 27 November 2026, 21:30\u00a0UTC"),
        ("tr", "24 Kasım 2026 Salı, 16:00 (İstanbul saati), 13:00\u00a0UTC", "27 Kasım 2026 Cuma, 21:30\u00a0UTC"),
        ("ar", "الثلاثاء، 24 نوفمبر 2026، 16:00 (بتوقيت الرياض)، 13:00\u00a0UTC", "الجمعة، 27 نوفمبر 2026، 21:30\u00a0UTC"),
    ],
)
def test_times_are_written_as_the_language_writes_them(language, here, elsewhere):
    assert here in mail_of("invitation_sent", language).text
    signed_in = {"link": params_of("sign_in")["link"] | {"expires_at": "2026-11-27T21:30:00+00:00"}}
    assert elsewhere in compose([Part("sign_in", signed_in)], Reader(language), LINKS).text


def test_a_time_on_another_day_names_that_day_in_utc_too():
    params = params_of("invitation_sent") | {"answer_due": (DUE + timedelta(hours=9)).isoformat()}
    mail = compose([Part("invitation_sent", params)], Reader("en", "Asia/Riyadh"), LINKS)
    assert "Wednesday, 25 November 2026, 01:00 (Riyadh time), 24 November, 22:00\u00a0UTC" in mail.text


@every_language
def test_several_letters_become_one_with_the_words_of_each(language):
    folded = ("hospital_silent", "quote_issued", "quote_issued", "enquiry_unfulfilled")
    mail = compose([Part(letter, params_of(letter)) for letter in folded], reader_of(folded[0], language), LINKS)
    texts = read_texts(language)
    for letter in folded:
        assert texts[letter]["heading"] in mail.text
        assert f">{texts[letter]['heading']}</h2>" in mail.html
    assert mail.text.count(REFERENCE) == 1
    assert mail.text.count("/l/case/") == 1
    assert len([line for line in mail.text.splitlines() if "202" in line]) == 1, "what two quotes both say is said once"


@every_language
def test_what_somebody_typed_stays_text(language):
    reader = Reader(language, name="<b>Ann</b>\r\nBcc: x@y.test {{ 7 * 7 }}", hospital="<i>Liman</i>\r\nBcc: x@y.test")
    html = compose([Part("case_link", params_of("case_link"))], reader, LINKS).html
    assert "&lt;b&gt;Ann&lt;/b&gt;" in html
    assert "<b>Ann" not in html
    assert "<i>Liman" not in compose([Part("endpoint_test", {})], reader, LINKS).html
    assert "\n" not in compose([Part("task", params_of("task") | {"reference": "A\r\nBcc: x@y.test"})], reader, LINKS).subject


# -- what no mail may say -----------------------------------------------------


@every_language
@every_letter
def test_no_letter_names_a_procedure_or_an_amount(letter, language):
    assert len(catalog_terms()) > 60
    mail = mail_of(letter, language)
    seen = words_seen(mail)
    assert {term for term in catalog_terms() if re.search(rf"(?<!\w){re.escape(term)}(?!\w)", seen)} == set()
    codes = "|".join(list_currencies())
    assert re.findall(rf"\d\s?(?:{codes})\b|\b(?:{codes})\s?\d|[$€£¥₺₹﷼]", re.sub(r"https?://\S+", " ", mail.text)) == []


@every_language
@pytest.mark.parametrize("letter", [*PATIENT, *ACCOUNT])
def test_no_letter_to_a_person_speaks_of_health_or_money(letter, language):
    seen = words_seen(mail_of(letter, language))
    assert [stem for stem in TELLING.split() if re.search(rf"(?<!\w)(?:ال|بال|لل|وال)?{bare(stem)}", seen)] == []


@every_language
@pytest.mark.parametrize("letter", PATIENT)
def test_only_patients_are_told_that_this_is_not_for_emergencies(letter, language):
    caution = read_texts(language)["every"]["emergency"]
    assert caution in mail_of(letter, language).text
    assert caution in mail_of(letter, language).html
    assert caution not in mail_of("sign_in", language).text
