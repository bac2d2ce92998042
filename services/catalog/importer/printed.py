"""Forms printed for people's eyes, read as forms of ours: each one met is told, so that plausibility can warn of it.

What does not fit a known form is left as it stands, for the schemas to refuse.
"""

import re
from collections.abc import Callable, Mapping

from . import codes
from .faults import pointer
from .records.origin import Origin, Printed
from .yaml_text import Value

ICON_ALONE = re.compile(r"(Star|Icon|checked)\s*")
ICON_BEFORE = re.compile(r"(?:Icon(?=[A-ZÇĞİÖŞÜ0-9])|checked (?=[A-Z]))")
MONEY = re.compile(r"([A-Z]{3}) ([0-9,]{1,15}) ?[–-] ?(?:\1 )?([0-9,]{1,15})")
SPAN = re.compile(r"(?:[^:0-9]{0,60}: ?)?(?:~ ?)?([0-9]{1,4}) ?[–-] ?([0-9]{1,4}) (days|weeks|months)\b ?(.*)")
RATING = re.compile(r"([0-9]{1,7})(\+?)(?: Ratings?)?")
DOCTORS = re.compile(r"([0-9]{1,6}) Doctors?")
GLUED = re.compile(r"(?<=[a-zçğıöşü)]\.)(?=[A-ZÇĞİÖŞÜ][a-zçğıöşü])")

Note = Callable[[str, str], None]
"""Called with a warning's code and what was printed."""
Record = dict[str, Value]


def read_printed(kind: str, record: Record, origin: Origin) -> tuple[Record, list[Printed]]:
    """The record in our forms, and what was printed otherwise."""
    told: list[Printed] = []
    ours = dict(record)
    for field, value in record.items():
        place = Origin(file=origin.file, path=origin.path + pointer(field))

        def note(code: str, printed: str, place: Origin = place) -> None:
            told.append(Printed(origin=place, code=code, printed=printed))

        reads = FORMS.get((kind, field))
        if reads:
            ours |= reads(field, value, ours, note)
        elif isinstance(value, list):
            ours[field] = _items(value, note)
    return ours, told


def _without_icon(text: str, note: Note) -> str:
    found = ICON_BEFORE.match(text)
    if found is None:
        return text
    note("text.icon_alt", text)
    return text[found.end() :]


def _items(items: list[Value], note: Note) -> list[Value]:
    """A list without icons, its glued sentences apart: one warning for the list."""
    found: list[Value] = []
    glued = False
    for item in items:
        if not isinstance(item, str):
            found.append(item)
        elif ICON_ALONE.fullmatch(item):
            note("text.icon_alt", item)
        else:
            parts = GLUED.split(_without_icon(item, note))
            glued = glued or len(parts) > 1
            found.extend(parts)
    if glued:
        note("list.run_together", str(items[0]))
    return found


def _amount(field: str, value: Value, _: Record, note: Note) -> Record:
    found = MONEY.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return {field: value}
    note("range.string", str(value))
    currency, *ends = found.groups()
    least, most = (int(end.replace(",", "") or 0) * 10 ** codes.minor_units(currency) for end in ends)
    return {field: {"min_minor": least, "max_minor": most, "currency": currency}}


def _span(field: str, value: Value, record: Record, note: Note) -> Record:
    """A range in the unit that the field's name ends with; words behind it are the note, unless there is one."""
    if not isinstance(value, str):
        return {field: value}
    found = SPAN.fullmatch(_without_icon(value, note))
    if found is None or not field.endswith(found[3]):
        return {field: value}
    note("range.string", value)
    span: Record = {field: {"min": int(found[1]), "max": int(found[2])}}
    return span | ({"recovery_note": found[4]} if found[4] and "recovery_note" not in record else {})


def _rating(field: str, value: Value, _: Record, note: Note) -> Record:
    """Lines of a card: stars are decoration, "12+ Rating" is a count and no average."""
    lines = _items(value, note) if isinstance(value, list) else [value]
    found = RATING.fullmatch(lines[0]) if len(lines) == 1 and isinstance(lines[0], str) else None
    if found is None:
        return {field: value}
    return {field: {"count": int(found[1]), "at_least": bool(found[2])}}


def _doctors(field: str, value: Value, _: Record, note: Note) -> Record:
    found = DOCTORS.fullmatch(_without_icon(value, note)) if isinstance(value, str) else None
    return {field: int(found[1]) if found else value}


def _city(field: str, value: Value, record: Record, note: Note) -> Record:
    """A city, without the country printed behind it if that is the record's own."""
    if not isinstance(value, str):
        return {field: value}
    name, _, country = _without_icon(value, note).partition(", ")
    own = country in codes.country_names(str(record.get("country")))
    return {field: name if own else f"{name}, {country}" if country else name}


FORMS: Mapping[tuple[str, str], Callable[[str, Value, Record, Note], Record]] = {
    ("procedures", "stay_days"): _span,
    ("procedures", "recovery_weeks"): _span,
    ("destination_facts", "stay_days"): _span,
    ("destination_facts", "recovery_weeks"): _span,
    ("prices", "amount"): _amount,
    ("hospitals", "rating"): _rating,
    ("hospitals", "doctor_count"): _doctors,
    ("hospitals", "city"): _city,
}
