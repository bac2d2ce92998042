"""What can go wrong, in kind words: every refusal of the other services and every fault of ours becomes a page. No stack trace, nothing technical."""

from flask import Flask, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from shared import log
from shared.problems import Problem

from .languages import mark

logger = log.get(__name__)

AWAY = (
    mark("We cannot reach a part of Passage right now"),
    mark("Nothing is lost. Please try again in a minute."),
)
NOT_HERE = (
    mark("There is nothing here"),
    mark("The address may be cut off or out of date. If you came by a link in a mail, open it there again."),
)
OURS = (mark("Something broke on our side"), mark("We have written it down and will look into it. Please try again in a minute."))
WORDS = {
    "too-many-requests": (mark("That was a little too often"), mark("Please wait a while, then try again.")),
    "not-allowed": (mark("This is not open to you"), mark("Your account has no access to this page.")),
    "not-found": NOT_HERE,
    "link-invalid": NOT_HERE,
    "invalid-transition": (mark("This enquiry has ended"), mark("Nothing more can be done with it. You can send a new one at any time.")),
    "sign-in-required": (mark("Please sign in"), mark("Your session is over. Sign in again to go on.")),
    "unavailable": AWAY,
    "not-ready": AWAY,
    "catalog-not-loaded": AWAY,
}
REFUSED = (mark("We cannot take this as it is"), mark("Please go back and try once more."))


def add_to(app: Flask) -> None:
    app.register_error_handler(Problem, _on_problem)
    app.register_error_handler(HTTPException, _on_http_exception)
    app.register_error_handler(Exception, _on_bug)


def _on_problem(problem: Problem) -> ResponseReturnValue:
    heading, text = WORDS.get(problem.slug, OURS if problem.status >= 500 else REFUSED)
    headers = {"Retry-After": str(problem.retry_after)} if problem.retry_after is not None else {}
    return render_template("trouble.html", heading=heading, text=text), problem.status, headers


def _on_http_exception(error: HTTPException) -> ResponseReturnValue:
    code = error.code or 500
    if code < 400:
        return error
    heading, text = NOT_HERE if code == 404 else REFUSED if code < 500 else OURS
    kept = {name: value for name, value in error.get_headers() if name in {"Allow", "Retry-After"}}
    return render_template("trouble.html", heading=heading, text=text), code, kept


def _on_bug(error: Exception) -> ResponseReturnValue:
    logger.error("request failed", exc_info=error, route=str(request.url_rule), method=request.method)
    heading, text = OURS
    return render_template("trouble.html", heading=heading, text=text), 500
