"""What people may write where one line is meant: names, references, addresses. Knows no table."""

import unicodedata
from zoneinfo import available_timezones

from email_validator import EmailNotValidError, validate_email
from marshmallow import ValidationError

ZONES = frozenset(available_timezones()) - {"localtime", "Factory", "posixrules"}  # of this machine, of nowhere


def one_line(text: str) -> None:
    """Names and references end up in headers and on screens: no line breaks, no control characters."""
    if any(
        ord(letter) < 32 or 0x7F <= ord(letter) < 0xA0 or letter in "\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
        for letter in text
    ):
        raise ValidationError("must not contain control characters")
    if not any(unicodedata.category(letter)[0] in "LNPS" for letter in text):
        raise ValidationError("must not be empty")


def person_name(text: str) -> None:
    """One line that is no place for links: a name is greeted by in mails to addresses whose owner may be somebody else."""
    one_line(text)
    if any(sign in text.casefold() for sign in ("://", "www.", "@")):
        raise ValidationError("must be a name, without addresses")


def zone_name(text: str) -> None:
    """An IANA time zone of a place."""
    if text not in ZONES:
        raise ValidationError("must be an IANA time zone")


def mail_address(text: str) -> None:
    """One that a mail can be sent to; whether it exists, its owner proves."""
    try:
        validate_email(text, check_deliverability=False)
    except EmailNotValidError as fault:
        raise ValidationError("is not an address that mail can be sent to") from fault
