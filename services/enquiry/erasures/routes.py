"""Routes of erasures: ask for one, confirm it, look how far it is."""

from typing import Any
from uuid import UUID

from marshmallow import fields, validate

from services.enquiry import context, erasures
from services.enquiry.cases import find_enquiry
from services.enquiry.wording import one_line
from shared import auth, web
from shared.problems import Invalid, field_error
from shared.web.limits import limit, limited

from . import Erasure
from .kept import KEPT

MOST_SHOWN = 100
_BECAUSE = validate.And(validate.Length(3, 500), one_line)

# -- schema -------------------------------------------------------------------


class ErasureRequestSchema(web.Schema):
    because = fields.String(validate=_BECAUSE, metadata={"description": "required of operations; for the audit, no personal data"})


class ErasureTokenSchema(web.Schema):
    token = fields.String(required=True, validate=validate.Length(1, 200), metadata={"description": "of the link in the mail"})


class ErasureColleagueSchema(web.Schema):
    because = fields.String(required=True, validate=_BECAUSE, metadata={"description": "how the identity was proved; no personal data"})


class KeptSchema(web.Schema):
    what = fields.String()
    ground = fields.String()
    until = fields.String()


class ErasureSchema(web.Schema):
    id = fields.UUID()
    state = fields.String(metadata={"description": "requested, verified, running or done", "examples": ["requested"]})
    revision = fields.Integer()
    requested_at = fields.AwareDateTime()
    started_at = fields.AwareDateTime(allow_none=True, metadata={"description": "from here on nobody here can read anything of the person"})
    done_at = fields.AwareDateTime(allow_none=True, metadata={"description": "no copy is left in any log; the receipt goes by mail"})
    contact_erased_at = fields.AwareDateTime(allow_none=True, metadata={"description": "the receipt's address is gone, too"})
    waits_for = fields.List(fields.String(), metadata={"description": "services that have not said yet that they have forgotten"})
    kept = fields.List(fields.Nested(KeptSchema()), metadata={"description": "what must stay, and its ground"})


class ErasuresSchema(web.Schema):
    items = fields.List(fields.Nested(ErasureSchema()))


def _document(session: Any, erasure: Erasure) -> dict[str, Any]:
    names = ("id", "state", "revision", "requested_at", "started_at", "done_at", "contact_erased_at")
    shown = {name: getattr(erasure, name) for name in names}
    return {**shown, "waits_for": erasures.missing_answers(session, erasure, context.settings()), "kept": KEPT}


# -- routes -------------------------------------------------------------------

bp = web.Blueprint("erasures", __name__, url_prefix="/v1", description="A person is forgotten")


@bp.route("/enquiries/<reference>/erasure", methods=["POST"])
@auth.requires("patient", "ops")
@bp.arguments(ErasureRequestSchema())
@bp.response(200, ErasureSchema())
def create(body: dict[str, Any], reference: str) -> dict[str, Any]:
    """Ask that everything personal about a case's patient be erased. A link that confirms it is mailed (again, where it was asked for before); nothing happens before that."""
    by_ops = auth.current().kind == "ops"
    if by_ops != ("because" in body):  # what a patient would write here is health data, and this column is not sealed
        raise Invalid("invalid", errors=[field_error("because", "operations give a reason, patients must not")])
    with web.transaction() as session:
        enquiry = context.may_see(find_enquiry(session, reference))
        limit("erasures", context.settings().links_per_address, by=str(enquiry.id))
        acting = context.actor(because=body.get("because"), for_patient=True)
        made = erasures.request_erasure(session, context.settings(), reference=reference, actor=acting, now=context.now())
        return _document(session, made)


@bp.route("/enquiries/<reference>/erasure", methods=["GET"])
@auth.requires("patient", "ops")
@bp.response(200, ErasureSchema())
def show(reference: str) -> dict[str, Any]:
    """How far it is. The patient's own session ends when the erasure starts: from then on the receipt tells."""
    with web.reading() as session:
        enquiry = context.may_see(find_enquiry(session, reference))
        return _document(session, erasures.erasure_of(session, enquiry.patient_id))


@bp.route("/erasures/confirmations", methods=["POST"])
@limited("tokens", lambda: context.settings().tokens_per_address)
@bp.arguments(ErasureTokenSchema())
@bp.response(200, ErasureSchema())
def confirm(body: dict[str, Any]) -> dict[str, Any]:
    """The button behind the mailed link: ends the enquiry and erases its patient. There is no way back. Pressing it twice is once."""
    with web.transaction() as session:
        confirmed = erasures.confirm_by_link(session, context.vault(), token=body["token"], actor=context.actor(), now=context.now())
        return _document(session, confirmed)


@bp.route("/erasures", methods=["GET"])
@auth.requires("ops")
@bp.response(200, ErasuresSchema())
def index() -> dict[str, Any]:
    """Those under way, the oldest first, at most 100."""
    with web.reading() as session:
        return {"items": [_document(session, one) for one in erasures.open_erasures(session, limit=MOST_SHOWN)]}


@bp.route("/erasures/<uuid:erasure_id>/confirm", methods=["POST"])
@auth.requires("ops")
@bp.arguments(ErasureColleagueSchema())
@bp.response(200, ErasureSchema())
def confirm_for_patient(body: dict[str, Any], erasure_id: UUID) -> dict[str, Any]:
    """Where the patient cannot use the link: a second person of operations confirms what a first one asked for."""
    with web.transaction() as session:
        acting = context.actor(because=body["because"], for_patient=True)
        return _document(session, erasures.confirm_by_colleague(session, erasure_id=erasure_id, actor=acting, now=context.now()))
