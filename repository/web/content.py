"""The content host's door: who may load uploaded bytes, and under which addresses pages of the application show them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from http.cookies import SimpleCookie

from aiohttp import web

from repository import people
from repository.errors import NotFound, NotSignedIn
from repository.settings import Settings
from repository.sign_in import sessions
from repository.web import hosts, keys, tickets
from repository.web.tickets import TICKET_SECONDS, Leave

DESTINATIONS: Mapping[str, frozenset[str]] = {
    "pages": frozenset({"image"}),
    "thumbnails": frozenset({"image"}),
    "poster": frozenset({"image"}),
    "original": frozenset({"document"}),
    "recording": frozenset({"audio", "video"}),
}
"""What a browser may want each kind of bytes for; never a frame, a script or a style sheet, and a document only to keep it."""

PROVED = frozenset({"scripts", "bundles"})
"""Kinds of pictures that are shown for a while only after somebody proved who they are: candidates' answers."""
PROVED_SECONDS = 2 * sessions.LONG_PROOF_SECONDS
"""The page that gives their addresses asks for a proof of the last half hour, and is worked on for another one.

Source: project policy.
"""


def address(request: web.Request, kind: str, subject_id: str, rest: str) -> str:
    """Return where a page of this sign-in may load a picture or a recording from, for the next minute or with a pass.

    Takes: ``kind``, ``documents``, ``scripts``, ``bundles`` or ``custody``; ``rest``, what follows the id, such as ``pages/1``.
    """
    signed_in = request[keys.SESSION]
    if signed_in is None:
        raise NotSignedIn
    leave = Leave(people.hash_token(signed_in.token), kind, subject_id)
    until = request.app[keys.SERVICES].clock() + timedelta(seconds=TICKET_SECONDS)
    ticket = tickets.write(request.app[keys.TICKET_KEY], "ticket", leave, until)
    return f"{hosts.content_origin(request)}/content/{kind}/{subject_id}/{rest}?ticket={ticket}"


async def admit(request: web.Request) -> None:
    """Find out for whom uploaded bytes are asked: by the pass of an earlier answer, or by a ticket, which earns a pass.

    The sign-in behind either is looked up each time, so that nothing is shown once it has ended. The cookie of the
    application is not read here.
    Raises: ``NotFound`` for whoever has neither, and for a browser that wants the bytes for something else.
    """
    _check_use(request)
    services = request.app[keys.SERVICES]
    settings, now = services.settings, services.clock()
    kind, subject_id = _asked(request)
    key = request.app[keys.TICKET_KEY]
    passed = tickets.read(key, "pass", request.cookies.get(cookie_name(settings), ""), now)
    asked = tickets.read(key, "ticket", request.query.get("ticket", ""), now)
    # A ticket is of now; the pass may be of a sign-in that has ended, of this person or of somebody else before.
    leave = next((one for one in (asked, passed) if one is not None and _is_for(one, kind, subject_id)), None)
    if leave is None:
        raise NotFound
    if leave is asked and (passed is None or passed != asked):
        until = now + timedelta(seconds=settings.session_limits.longest_seconds)
        request[keys.NEW_PASS] = tickets.write(key, "pass", leave, until)
    session_sha256 = leave.session_sha256
    found = await services.database.read(
        lambda session: people.find_session(session, session_sha256, now, settings.session_limits)
    )
    if found is None:
        raise NotFound
    if kind in PROVED and not sessions.is_proved(found.methods, found.proved_at, now, PROVED_SECONDS):
        raise NotFound
    request[keys.ACTOR] = found.actor
    request[keys.SIGN_IN] = session_sha256.hex()
    if found.stale:  # who watches a film uses the service
        await services.database.write(lambda session: people.touch_session(session, session_sha256, now))


def cookie_name(settings: Settings) -> str:
    """Return the name of the pass's cookie; its path is one document, so it cannot have the prefix of a whole host."""
    return "__Secure-nea-pass" if settings.secure_cookies else "nea_pass"


def set_cookie_line(request: web.Request) -> str:
    """Return the ``Set-Cookie`` line of a new pass: for one document, for this host, out of reach of scripts."""
    settings = request.app[keys.SERVICES].settings
    cookie = SimpleCookie({cookie_name(settings): request[keys.NEW_PASS]})
    pass_of = cookie[cookie_name(settings)]
    pass_of["path"] = "/content/" + "/".join(_asked(request))
    pass_of["httponly"] = True
    pass_of["secure"] = True
    pass_of["samesite"] = "None" if settings.on_loopback else "Strict"
    # On loopback the two host names are two sites: a strict cookie would never come back, and browsers keep one of another
    # site only for pages of the site that it was set under.
    return pass_of.OutputString() + ("; Partitioned" if settings.on_loopback else "")


def _asked(request: web.Request) -> tuple[str, str]:
    _, _, kind, subject_id, *_ = request.path.split("/")
    return kind, subject_id


def _is_for(leave: Leave, kind: str, subject_id: str) -> bool:
    return (leave.kind, leave.subject_id) == (kind, subject_id)


def _check_use(request: web.Request) -> None:
    wanted_for = request.headers.get("Sec-Fetch-Dest")
    if wanted_for is not None and wanted_for not in DESTINATIONS.get(request.path.split("/")[4], frozenset()):
        raise NotFound
    sites = {"same-site", "same-origin"}
    if request.app[keys.SERVICES].settings.on_loopback:
        sites.add("cross-site")
    if request.headers.get("Sec-Fetch-Site", "same-site") not in sites:
        raise NotFound
