"""Forms as browsers send them: read by a schema, the faults in words beside each field.

Unknown fields are passed over: browsers and their extensions add some.
"""

import unicodedata
from dataclasses import dataclass, field
from typing import Any

import marshmallow
from flask import request
from marshmallow import fields, validate

from .languages import mark

LONGEST = 2000  # characters of one field


class Form(marshmallow.Schema):
    """What a form holds."""

    class Meta:
        unknown = marshmallow.EXCLUDE


@dataclass(frozen=True)
class Filled:
    """A form as it came: `values` where it is right, else `errors` by field, and `typed` to show again."""

    values: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    typed: dict[str, str] = field(default_factory=dict)

    def wrong(self, name: str, reason: str) -> "Filled":
        """The same, refused by whoever knows better."""
        return Filled(errors={**self.errors, name: reason}, typed=self.typed)


EMAIL_FAULT = mark("Please write an e-mail address, such as name@example.org.")
CODE_FAULT = mark("Please write the six digits that your app shows.")


class EmailForm(Form):
    email = fields.Email(
        required=True,
        validate=validate.Length(max=254, error=EMAIL_FAULT),
        error_messages={"required": EMAIL_FAULT, "invalid": EMAIL_FAULT},
    )


class CodeForm(Form):
    code = fields.String(
        required=True,
        validate=validate.Regexp(r"^[0-9]{6}$", error=CODE_FAULT),
        error_messages={"required": CODE_FAULT, "invalid": CODE_FAULT},
    )

    @marshmallow.pre_load
    def without_spaces(self, data: dict[str, str], **_: Any) -> dict[str, str]:
        """Apps show `123 456`, and people type it so, in the digits of their own script."""
        digits = (str(unicodedata.decimal(one, one)) for one in data.get("code", ""))
        return {**data, "code": "".join("".join(digits).split())}


def filled(form: Form) -> Filled:
    """The form of the request at hand."""
    typed = {name: value.strip()[:LONGEST] for name, value in request.form.items() if "\x00" not in value and name in form.fields}
    try:
        return Filled(values=form.load(typed), typed=typed)
    except marshmallow.ValidationError as fault:
        return Filled(errors={str(name): str(reasons[0]) for name, reasons in fault.messages_dict.items()}, typed=typed)
