"""What a view needs besides its session: the clock, the keys, the settings, who acts. The last room that knows of a request."""

from datetime import datetime
from uuid import UUID

from shared import auth, web
from shared.clock import Clock
from shared.problems import Forbidden, NotFound

from .cases import Enquiry
from .lifecycles import Actor, Who
from .settings import Settings
from .vault import Vault


def now() -> datetime:
    """Business time, UTC."""
    return clock()()


def clock() -> Clock:
    """For rules that read the time only when they hold their locks."""
    found: Clock = web.door().extra["clock"]
    return found


def vault() -> Vault:
    found: Vault = web.door().extra["vault"]
    return found


def settings() -> Settings:
    found = web.door().settings
    assert isinstance(found, Settings)  # noqa: S101
    return found


def actor(*, for_patient: bool = False, because: str | None = None) -> Actor:
    """The caller as an actor; a patient where nobody has signed in. `for_patient`: whoever else it is does it on the patient's behalf."""
    principal = auth.current_or_none()
    if principal is None:
        return Actor(Who.PATIENT, channel="web")
    who = Who(principal.kind)
    return Actor(who, id=principal.id, because=because, on_behalf_of=Who.PATIENT if for_patient and who is not Who.PATIENT else None)


def may_see(enquiry: Enquiry) -> Enquiry:
    """The enquiry, if the caller is its patient, its client or operations. Raises NotFound: the existence of another's is not told."""
    principal = auth.current()
    mine = {
        "patient": principal.subject == enquiry.id,
        "client": enquiry.client_id is not None and principal.id == str(enquiry.client_id),
        "ops": True,
    }
    if not mine.get(principal.kind, False):
        raise NotFound("not-found")
    return enquiry


def client_id() -> UUID | None:
    """The account of the web client that speaks for the patient, None where none does. Raises Forbidden for a token that names no account of ours."""
    principal = auth.current_or_none()
    if principal is None or principal.kind != "client":
        return None
    try:
        return UUID(principal.id)
    except ValueError as fault:
        raise Forbidden("not-allowed") from fault


def enquiries_allowed() -> str:
    """How many enquiries the caller may make: a trusted client speaks for many people."""
    principal = auth.current_or_none()
    trusted = principal is not None and principal.kind == "client"
    return settings().enquiries_per_client if trusted else settings().enquiries_per_address
