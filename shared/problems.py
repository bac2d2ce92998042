"""What can go wrong, as one type with a status: raised in rules, rendered once (shared.web) as RFC 9457 problem details.

Holds no personal data: a detail names states, limits and fields, never their contents.
"""

from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

# Every slug, what it means, and what to do about it. It is the `type` of the answer, and docs/problems.md is made from it.
CATALOGUE = {
    "account-exists": ("The account exists", "An account with this address is already there. Use it, or deactivate it first."),
    "already-held": ("You hold a slot there", "One hold for each hospital: ask for `appointment` or cancel it first."),
    "appointment-exists": ("There is such an appointment", "`appointment` is of the same kind at the same hospital: change or cancel it."),
    "bad-request": ("The request cannot be read", "It is not the HTTP or JSON it should be. Mend what `errors` points to."),
    "catalog-not-loaded": ("The catalog has not arrived yet", "A new installation is reading the catalog for the first time. Try again after `Retry-After` seconds."),
    "change-too-late": ("It is too late for a change", "From `until` on the time stands, or is cancelled."),
    "consent-missing": ("A consent is missing", "Give one consent for each hospital named, with the version and hash of the text that was shown (GET /v1/enquiry-form)."),
    "consent-outdated": ("The consent text has changed", "Fetch the enquiry form again, show the new text, send its version and hash."),
    "content-type": ("The content type is not accepted", "Send `Content-Type: application/json`."),
    "delivery-not-resendable": ("This delivery cannot be sent again", "Only a delivery that has ended can be sent again; `state` says where it stands."),
    "hold-expired": ("The time of the hold is over", "Hold a slot again: it may still be free."),
    "hospital-not-asked": ("This hospital cannot be asked", "Choose hospitals that offer the procedure in the destination and are partners: GET /v1/proposals names some."),
    "idempotency-key-in-use": ("The first request is still being answered", "Another request with the same Idempotency-Key is being worked on. Try again after `Retry-After` seconds."),
    "idempotency-key-missing": ("Idempotency-Key is required", "Send an Idempotency-Key header: any unique string, the same one when you retry."),
    "idempotency-key-reused": ("The Idempotency-Key was used for something else", "Each new request needs its own key; a retry must be the same request."),
    "if-match-missing": ("If-Match is required", "Send the ETag of what you last read, as If-Match."),
    "if-match-stale": ("It has changed since you read it", "Read it again, then decide again."),
    "intake-incomplete": ("Answers are missing", "Answer the required questions of the enquiry form."),
    "internal": ("Something broke on our side", "It has been logged under `trace_id`. Nothing was changed; try again."),
    "invalid": ("Some fields are wrong", "`errors` names each with a JSON pointer and a reason. Nothing was changed."),
    "invalid-transition": ("Not possible in the present state", "`state` says where it stands, `possible` what can be done now."),
    "late-not-known": ("This would be late", "From `late_from` on a cancellation is late: show it, and send `late_is_known`."),
    "limit-reached": ("The limit is reached", "There are as many as there may be: `limit`. End or remove one first."),
    "link-invalid": ("The link is not valid", "It is wrong, has been used up, or its time is over. Ask for a new one."),
    "method-not-allowed": ("This method is not allowed here", "`Allow` names those that are."),
    "not-acceptable": ("Not available in that form", "Ask for application/json."),
    "not-allowed": ("Not allowed", "The token does not give access to this."),
    "not-found": ("There is nothing here", "It does not exist, or is not yours to see."),
    "not-ready": ("The service is not ready", "Try again after `Retry-After` seconds."),
    "offer-expired": ("The time was kept until now", "Ask the hospital for others, or take another one that is offered."),
    "outside-window": ("Not at this time", "It can be done from `since` on, and until `until`, where that is said."),
    "page-invalid": ("The page token is not valid", "Follow `next` as it was given, with the same filters."),
    "price-implausible": ("The total is far from confirmed prices", "Look at the amounts and the currency again; if they are right, say why in `price_reason`. Operations are told."),
    "procedure-not-listed": ("This procedure is not listed for this destination", "GET /v1/procedures names what is."),
    "quote-expired": ("The quote has expired", "Its validity ended at `valid_until`. Ask the hospital for a new one."),
    "second-person-needed": ("A second person must confirm", "Whoever asked for it cannot confirm it, too: let a colleague do so."),
    "sign-in-refused": ("The sign-in was refused", "The key, link or code is wrong or has been used up."),
    "sign-in-required": ("A valid token is required", "Get one: POST /v1/tokens."),
    "slot-taken": ("Somebody else has this slot", "`next` names the next free ones; GET /v1/hospitals/{slug}/slots shows all."),
    "slug-unknown": ("An unknown name", "`errors` says which."),
    "too-large": ("The request is too large", "Send less: at most `limit` bytes."),
    "too-many-requests": ("Too many requests", "Try again after `Retry-After` seconds."),
    "unavailable": ("A part is away", "The database or another part cannot be reached. Nothing was changed; try again after `Retry-After` seconds."),
}  # fmt: skip


class Problem(Exception):
    """A refusal with a stable slug. `detail` becomes members of the problem document (`errors`, `state`, …)."""

    status: ClassVar[int] = 500

    def __init__(self, slug: str, /, *, retry_after: int | None = None, **detail: Any) -> None:
        super().__init__(slug)
        self.title, self.hint = CATALOGUE[slug]
        self.slug, self.detail, self.retry_after = slug, detail, retry_after

    def document(self) -> dict[str, Any]:
        """RFC 9457 members. `type` is relative to the service, which serves it as a page."""
        return {"type": f"/problems/{self.slug}", "title": self.title, "status": self.status, "detail": self.hint, **self.detail}


class BadRequest(Problem):
    """400: it cannot be read at all."""

    status = 400


class Unauthorised(Problem):
    """401: no token, or one that is not valid."""

    status = 401


class Forbidden(Problem):
    """403: known, but not allowed."""

    status = 403


class NotFound(Problem):
    """404: does not exist, or its existence is not told."""

    status = 404


class Conflict(Problem):
    """409: not possible in the present state."""

    status = 409


class PreconditionFailed(Problem):
    """412: If-Match is stale."""

    status = 412


class Invalid(Problem):
    """422: readable, but wrong."""

    status = 422


class PreconditionRequired(Problem):
    """428: If-Match is absent."""

    status = 428


class TooManyRequests(Problem):
    """429: over a rate limit."""

    status = 429


class Unavailable(Problem):
    """503: a part is away; says when to try again."""

    status = 503


def field_error(pointer: str, reason: str) -> dict[str, str]:
    """One entry of `errors`: a JSON pointer into the request (RFC 6901, as a URI fragment) and the reason."""
    return {"pointer": f"#/{pointer}" if pointer else "#", "reason": reason}


class Fault(NamedTuple):
    """One of several reasons to refuse: the slug it would have alone, and its entry of `errors`."""

    slug: str
    error: dict[str, str]


def refuse(faults: Iterable[Fault]) -> None:
    """Raises Invalid with all of them, if any: under the slug they share, else as `invalid`."""
    found = list(faults)
    slugs = {fault.slug for fault in found}
    if found:
        raise Invalid(slugs.pop() if len(slugs) == 1 else "invalid", errors=[fault.error for fault in found])
