"""What every answer says to the browser: nothing from elsewhere, nothing inline, nothing kept, nothing told to other sites. And whose forms we take.

A token in an address is never sent on as a referrer; a search engine keeps no page that opens by one.
"""

from flask import Flask, Response, request

from shared.problems import Forbidden

from .cookies import on_this_machine

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
ALWAYS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
OPEN_TO_SEARCH = {"pages.start"}  # endpoints that search engines may keep


def add_hooks(app: Flask) -> None:
    app.before_request(_refuse_foreign_forms)
    app.after_request(_add)


def _refuse_foreign_forms() -> None:
    """A form of another site is refused by what the browser says of it (Fetch Metadata); where it says nothing, by the Origin it names.

    "null" is no site of ours: with the Referrer-Policy same-origin our own forms name their site (Fetch, 3.2).
    Beside that, our cookies are SameSite=Lax, and forms behind a mailed link carry the link's token, which another site does not know:
    so no form needs a token of its own. Raises Forbidden.
    """
    if request.method in {"GET", "HEAD", "OPTIONS"}:
        return
    ours = request.host_url.rstrip("/")
    told, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin", ours)
    foreign = told not in {"same-origin", "none"} if told else origin != ours
    if foreign:
        raise Forbidden("not-allowed")


def _add(response: Response) -> Response:
    response.headers.update(ALWAYS)
    if request.endpoint not in {*OPEN_TO_SEARCH, "static"}:
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
        response.vary.update(("Accept-Language", "Cookie"))
    if not on_this_machine():
        response.headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
    return response
