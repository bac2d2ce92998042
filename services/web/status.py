"""The patient's case: where it stands, what comes next and by when, who was told what. Opened by the link in a mail.

Decides nothing: enquiry says what is possible.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from marshmallow import fields, validate

from shared.problems import Conflict, PreconditionFailed, Problem

from . import forms, mailed_links, sessions
from .addresses import require_token
from .case_words import happenings
from .context import site
from .forms import Form
from .languages import language

# -- schema -------------------------------------------------------------------


class WithdrawForm(Form):
    """The revision that was on the page when the button was pressed."""

    revision = fields.Integer(required=True, validate=validate.Range(0, 2**31))


@dataclass(frozen=True)
class Standing:
    """Where a case stands, for its first sentence: `state`, how many hospitals are asked, have looked, have said no; the promised time."""

    state: str
    asked: int
    looked: int
    refused: int
    promised: str | None
    late: bool


# -- rules --------------------------------------------------------------------


def standing_of(case: dict[str, Any], *, now: datetime) -> Standing:
    """`open` is told apart: `team` where no hospital was asked, `late` where the promised time is over."""
    sent, promised = case["invitations"], case["promised_at"]
    return Standing(
        state="team" if case["state"] == "open" and not sent else case["state"],
        asked=sum(one["state"] in {"sent", "viewed", "answered"} for one in sent),
        looked=sum(one["state"] in {"viewed", "answered"} for one in sent),
        refused=sum(one["state"] in {"declined", "lapsed"} for one in sent),
        promised=promised,
        late=promised is not None and datetime.fromisoformat(promised) < now and any(one["state"] in {"sent", "viewed"} for one in sent),
    )


def find_case(reference: str) -> dict[str, Any]:
    """The case as enquiry shows it to its patient. Raises Unauthorised, NotFound."""
    case: dict[str, Any] = sessions.ask(sessions.CASE, "GET", f"/v1/enquiries/{reference}")
    return case


def questions_of(case: dict[str, Any]) -> dict[str, Any]:
    """The catalog's form: what the procedure is called and what was asked. Empty where the catalog is away: a page does without."""
    query = {"procedure": case["procedure"], "country": case["destination"], "language": language()}
    try:
        form: dict[str, Any] = site().catalog.ask("GET", "/v1/enquiry-form", query=query)
    except Problem:
        return {"procedure": None, "intake": []}
    return form


def answers_of(case: dict[str, Any], form: dict[str, Any]) -> list[dict[str, Any]]:
    """What was answered, in the order of the form, each with its question if that is known: {slug, question, kind, value, label, unit}."""
    asked = {one["slug"]: one for one in form["intake"]}
    given = case["request"]["intake"]
    order = [slug for slug in asked if slug in given] + [slug for slug in given if slug not in asked]
    return [_answer(slug, given[slug], asked.get(slug, {})) for slug in order]


def _answer(slug: str, value: Any, question: dict[str, Any]) -> dict[str, Any]:
    labels = {one["slug"]: one["label"] for one in question.get("choices", [])}
    return {
        "slug": slug,
        "question": question.get("question"),
        "kind": question.get("kind", "yes_no" if isinstance(value, bool) else "text"),
        "value": value,
        "label": labels.get(str(value)),
        "unit": question.get("unit"),
    }


def hospital_names(case: dict[str, Any], form: dict[str, Any]) -> dict[str, str]:
    """Names by slug, of those that were asked and of those that could have been."""
    named = {one["slug"]: one["name"] for one in form.get("hospitals", []) if "slug" in one and "name" in one}
    return named | {one["hospital"]: one["hospital_name"] for one in case["invitations"] if one["hospital_name"]}


# -- routes -------------------------------------------------------------------

bp = Blueprint("status", __name__)
mailed_links.explain(bp, "case")


@bp.route("/l/case/<token>")
def knock(token: str) -> str:
    """The button."""
    return render_template("case_link.html", token=token)


@bp.route("/l/case/<token>", methods=["POST"])
def enter(token: str) -> ResponseReturnValue:
    """It was pressed: this browser may see the case from now on."""
    return redirect(url_for("status.show", reference=sessions.open_case(require_token(token))), 303)


@bp.route("/case/<reference:reference>")
def show(reference: str) -> str:
    """The case."""
    case = find_case(reference)
    form = questions_of(case)
    names = hospital_names(case, form)
    return render_template(
        "case.html",
        case=case,
        zone=case["requester"]["timezone"],
        procedure=form["procedure"],
        names=names,
        given=answers_of(case, form),
        standing=standing_of(case, now=datetime.now(UTC)),
        happenings=happenings(case["timeline"]),
    )


@bp.route("/case/<reference:reference>/withdraw")
def consider(reference: str) -> str:
    """The second step: what withdrawing means."""
    return render_template("withdraw.html", case=find_case(reference))


@bp.route("/case/<reference:reference>/withdraw", methods=["POST"])
def withdraw(reference: str) -> ResponseReturnValue:
    """End it. A case that has changed meanwhile is shown again instead."""
    filled = forms.filled(WithdrawForm())
    if not filled.errors:
        sessions.ask(sessions.CASE, "POST", f"/v1/enquiries/{reference}/withdraw", body={}, revision=filled.values["revision"])
    return redirect(url_for("status.show", reference=reference), 303)


@bp.route("/case/close", methods=["POST"])
def close() -> ResponseReturnValue:
    """Forget the case in this browser."""
    sessions.close(sessions.CASE)
    return redirect(url_for("pages.start"), 303)


@bp.errorhandler(PreconditionFailed)
@bp.errorhandler(Conflict)
def changed_meanwhile(problem: Problem) -> ResponseReturnValue:
    return render_template("changed.html"), problem.status
