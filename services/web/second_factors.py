"""The link in an invitation to an account: an authenticator app is set up and shows its first code.

The secret is shown once and kept nowhere here: until the code is right it travels sealed in the form, bound to the link.
"""

import base64
import binascii
from typing import Any

import orjson
import segno
from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from marshmallow import fields, validate

from shared.crypto import SealBroken
from shared.problems import Forbidden, NotFound

from . import forms, mailed_links, sessions
from .addresses import require_token
from .context import site
from .forms import CODE_FAULT, CodeForm, Filled
from .languages import mark

# -- schema -------------------------------------------------------------------

WRONG_CODE = mark("This code is not right, or its 30 seconds are over. Write the one that your app shows now.")


class ConfirmForm(CodeForm):
    """The code, and the secret as it was shown."""

    sealed = fields.String(load_default="", validate=validate.Length(max=1000, error=CODE_FAULT))


# -- rules --------------------------------------------------------------------


def begin(token: str) -> dict[str, str]:
    """A new secret for the account of a link, {secret, uri}; an earlier one that was not confirmed is void. Raises NotFound(link-invalid)."""
    body = {"link": require_token(token)}
    made: dict[str, str] = site().enquiry.ask("POST", "/v1/second-factors", body=body, caller=sessions.caller())
    return made


def confirm(token: str, filled: Filled) -> Filled:
    """The app's code puts the second factor in force; a wrong one is an error beside the field. Raises NotFound(link-invalid)."""
    if filled.errors:
        return filled
    try:
        body = {"link": require_token(token), "code": filled.values["code"]}
        site().enquiry.ask("POST", "/v1/second-factors/confirm", body=body, caller=sessions.caller())
    except Forbidden:
        return filled.wrong("code", WRONG_CODE)
    return filled


def shown(made: dict[str, str], token: str) -> dict[str, Any]:
    """What the page shows of a secret: in groups of four, as a link, as a picture; and sealed."""
    sealed = site().ring.seal(orjson.dumps(made), bound_to=f"second-factor:{token}")
    picture = segno.make(made["uri"], error="m", micro=False).svg_inline(omitsize=True, svgclass="qr", lineclass="", border=2)
    secret = made["secret"]
    return {
        "groups": [secret[at : at + 4] for at in range(0, len(secret), 4)],
        "uri": made["uri"],
        "picture": Markup(picture),  # noqa: S704  # made by segno from squares; holds no text
        "sealed": base64.urlsafe_b64encode(sealed).decode(),
    }


def unsealed(text: str, token: str) -> dict[str, str]:
    """Back from the form. Raises NotFound(link-invalid) where it is not what we gave out for this link."""
    try:
        made: dict[str, str] = orjson.loads(site().ring.open(base64.urlsafe_b64decode(text), bound_to=f"second-factor:{token}"))
    except (SealBroken, binascii.Error, ValueError) as fault:
        raise NotFound("link-invalid") from fault
    return made


# -- routes -------------------------------------------------------------------

bp = Blueprint("second_factors", __name__, url_prefix="/l/account")
mailed_links.explain(bp, "account")


@bp.route("/<token>")
def show(token: str) -> str:
    """What is needed, and the button."""
    return render_template("account.html", token=token)


@bp.route("/<token>", methods=["POST"])
def create(token: str) -> str:
    """The secret, and a field for the first code."""
    return render_template("account_secret.html", token=token, filled=Filled(), **shown(begin(token), token))


@bp.route("/<token>/confirm", methods=["POST"])
def confirm_it(token: str) -> ResponseReturnValue:
    """The first code."""
    filled = confirm(token, forms.filled(ConfirmForm()))
    if filled.errors:
        made = unsealed(filled.typed.get("sealed", ""), token)
        return render_template("account_secret.html", token=token, filled=filled, **shown(made, token)), 422
    return render_template("account_done.html", filled=Filled())
