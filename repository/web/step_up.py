"""What can do great harm asks for a fresh proof that it is still the same person, and leads to it and back."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web

from repository.access import STEP_UP, Action
from repository.errors import StepUpNeeded
from repository.sign_in import sessions
from repository.web import keys, pages

PAGE = "/confirm-it-is-you"


def require_proof(request: web.Request, action: Action) -> None:
    """Hold the session's last proof against what the action asks for; raises ``StepUpNeeded``.

    Who asks without a session (a token of a school's system) has no proof to show, and is refused.
    """
    if action not in STEP_UP:
        return
    signed_in = request[keys.SESSION]
    now = request.app[keys.SERVICES].clock()
    seconds = sessions.LONG_PROOF_SECONDS if action is Action.SCRIPT_IMAGE else sessions.PROOF_SECONDS
    if signed_in is None or not sessions.is_proved(signed_in.methods, signed_in.proved_at, now, seconds):
        raise StepUpNeeded


async def lead(request: web.Request) -> web.Response:
    """Answer a person's request that needs a proof: on to the page that takes one, and back.

    What was sent with a form is not kept, and the page says so: it has to be sent again.
    """
    if request.method in {"GET", "HEAD"}:
        return web.Response(status=303, headers={"Location": f"{PAGE}?next={quote(request.path_qs)}"})
    back = await _page_before(request)
    return await pages.render(request, "sign_in/step_up.html", status=403, confirm_href=f"{PAGE}?next={quote(back)}")


async def _page_before(request: web.Request) -> str:
    """Return the nearest page above the address that a form was sent to: the form's own page, as our addresses go."""
    path = request.path
    while path.count("/") > 1 or path not in {"", "/"}:
        found = await request.app.router.resolve(request.clone(method="GET", rel_url=path))
        if found.http_exception is None:
            return path
        path = path.rpartition("/")[0]
    return "/"
