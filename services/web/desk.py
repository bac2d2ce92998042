"""The hospital's desk: what it was asked, with the clock of each, the case under its pseudonym, and saying no.

Looking at a case is an act that its patient sees, so it stands behind a button.
"""

from typing import Any
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import fields, validate

from shared.problems import Conflict, Forbidden, PreconditionFailed, Problem, Unauthorised

from . import forms, sessions, sign_ins, status
from .addresses import here
from .forms import Filled, Form
from .languages import mark

# -- schema -------------------------------------------------------------------

REASONS = {
    "not_offered": mark("We do not offer this procedure"),
    "no_capacity": mark("We have no capacity at present"),
    "clinically_unsuitable": mark("It does not seem right for this patient"),
    "insufficient_information": mark("We would need to know more"),
    "duplicate": mark("We have this enquiry already"),
    "spam": mark("It is not a genuine enquiry"),
}
NO_REASON = mark("Please choose a reason.")


class DeclineForm(Form):
    reason = fields.String(
        required=True, validate=validate.OneOf(list(REASONS), error=NO_REASON), error_messages={"required": NO_REASON, "invalid": NO_REASON}
    )
    revision = fields.Integer(required=True, validate=validate.Range(0, 2**31))


# -- rules --------------------------------------------------------------------


def invitations_page(after: str | None) -> dict[str, Any]:
    """{items, next}: what the hospital was asked, the most urgent first. Raises Unauthorised."""
    query = {"after": after} if after else {}
    page: dict[str, Any] = sessions.ask(sessions.DESK, "GET", "/v1/invitations", query=query)
    return page


def find_invitation(invitation_id: UUID) -> dict[str, Any]:
    """Where one stands; nothing of the case. Raises NotFound, Unauthorised."""
    found: dict[str, Any] = sessions.ask(sessions.DESK, "GET", f"/v1/invitations/{invitation_id}")
    return found


def look(invitation_id: UUID) -> dict[str, Any]:
    """The case under its pseudonym; its patient sees that it was opened. Raises Conflict where it may be seen no more."""
    case: dict[str, Any] = sessions.ask(sessions.DESK, "POST", f"/v1/invitations/{invitation_id}/view")
    return case


def decline(invitation_id: UUID, filled: Filled) -> None:
    """Raises Conflict, PreconditionFailed."""
    values = filled.values
    body, revision = {"reason": values["reason"]}, values["revision"]
    sessions.ask(sessions.DESK, "POST", f"/v1/invitations/{invitation_id}/decline", body=body, revision=revision)


# -- routes -------------------------------------------------------------------

bp = Blueprint("desk", __name__, url_prefix="/desk")


@bp.route("")
def index() -> str:
    """The work list."""
    page = invitations_page(request.args.get("after"))
    return render_template("desk.html", items=page["items"], after=page["next"])


@bp.route("/invitations/<uuid:invitation_id>")
def show(invitation_id: UUID) -> str:
    """One invitation, and the button that opens its case."""
    return render_template("invitation.html", one=find_invitation(invitation_id), reasons=REASONS, filled=Filled())


@bp.route("/invitations/<uuid:invitation_id>/case", methods=["POST"])
def view(invitation_id: UUID) -> str:
    """The case."""
    return _case_page(invitation_id, Filled())


@bp.route("/invitations/<uuid:invitation_id>/decline", methods=["POST"])
def refuse(invitation_id: UUID) -> ResponseReturnValue:
    """Say no."""
    filled = forms.filled(DeclineForm())
    if filled.errors:
        return _case_page(invitation_id, filled), 422
    decline(invitation_id, filled)
    return redirect(url_for("desk.show", invitation_id=invitation_id), 303)


def _case_page(invitation_id: UUID, filled: Filled) -> str:
    case = look(invitation_id)
    form = status.questions_of(case)
    given = status.answers_of({"request": {"intake": case["intake"]}}, form)
    return render_template("invitation_case.html", one=case, procedure=form["procedure"], given=given, reasons=REASONS, filled=filled)


@bp.errorhandler(Unauthorised)
def sign_in_first(_problem: Unauthorised) -> ResponseReturnValue:
    sign_ins.remember(here())
    return redirect(url_for("sign_ins.show"), 303)


@bp.errorhandler(Forbidden)
def not_a_hospital(problem: Forbidden) -> ResponseReturnValue:
    return render_template("trouble.html", **_NOT_A_HOSPITAL), problem.status


@bp.errorhandler(PreconditionFailed)
@bp.errorhandler(Conflict)
def changed_meanwhile(problem: Problem) -> ResponseReturnValue:
    return render_template("changed.html"), problem.status


_NOT_A_HOSPITAL = {
    "may_sign_out": True,
    "heading": mark("This desk is for hospitals"),
    "text": mark("You are signed in, but not for a hospital. Sign out and come in with the address your hospital knows you by."),
}
