"""The server-rendered pages: one module per noun. This module turns templates into answers."""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache, partial
from pathlib import Path

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from repository import people
from repository.sign_in import ceremonies
from repository.web import authentication, built, keys, menu
from repository.web.languages import ENGLISH, LANGUAGES, Language, choose, translations
from repository.web.languages.wording import LONDON, Wording

__all__ = ["LONDON", "day_words", "instant_words", "redirect", "render", "render_text", "size_words", "templates"]

_IN_ENGLISH = Wording(ENGLISH)


def templates(language: Language = ENGLISH, built_dir: Path = built.DEFAULT_DIR) -> Environment:
    """Return the template environment of one language: everything escaped, anything undefined an error.

    A template says its own texts by ``_('…')``; words that come from Python, a dictionary's or an error's, by ``|say``,
    which leaves what it does not know, and what is markup already, as it is.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent.parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    words, wording = translations(language), Wording(language)
    environment.install_gettext_translations(words, newstyle=True)  # type: ignore[attr-defined]  # the extension adds it
    environment.globals |= {"language": language, "languages": tuple(LANGUAGES.values())}

    def say(text: object) -> object:
        return words.gettext(text) if isinstance(text, str) and text and not isinstance(text, Markup) else text

    @lru_cache(maxsize=1024)
    def spoken_in(template: str) -> str:
        """Return the tag of the language of most of a template's own texts: English while they wait for a translator."""
        if language is ENGLISH or environment.loader is None:
            return language.tag
        source, _, _ = environment.loader.get_source(environment, template)
        found = environment.extract_translations(source)  # type: ignore[attr-defined]  # the extension adds it
        texts = {text[0] if isinstance(text, tuple) else text for _, _, text in found} - {None}
        translated = sum(words.gettext(text) != text for text in texts)
        return language.tag if 2 * translated >= len(texts) else ENGLISH.tag

    environment.globals |= {"spoken_in": spoken_in, "built": partial(built.needed, built_dir)}
    environment.filters |= {
        "say": say,
        "instant": wording.instant,
        "moment": wording.moment,
        "day": wording.day,
        "short_day": wording.short_day,
        "size": wording.size,
        "words": lambda text: str(text).replace("_", " ").lower(),
    }
    return environment


def instant_words(instant: datetime | None) -> str:
    """Return an instant in English: ``Wednesday 20 May 2026, 11:59pm``, UK time."""
    return _IN_ENGLISH.instant(instant)


def day_words(day: date | None) -> str:
    """Return a day in English: ``20 May 2026``."""
    return _IN_ENGLISH.day(day)


def size_words(size_bytes: int | None) -> str:
    """Return a size in English: ``1.2 MB``."""
    return _IN_ENGLISH.size(size_bytes)


def language_of(request: web.Request) -> Language:
    """Return the language in which to answer a request."""
    signed_in = request[keys.SESSION]
    cookie = request.cookies.get(authentication.language_cookie_name(request.app[keys.SERVICES].settings))
    return choose(signed_in.language if signed_in else None, cookie, request.headers.get("Accept-Language", ""))


def render_text(request: web.Request, template: str, **context: object) -> str:
    """Return a page's HTML, with what every page is given."""
    actor = request[keys.ACTOR]
    signed_in = request[keys.SESSION]
    services = request.app[keys.SERVICES]
    navigation = menu.entries(actor, request.path) if actor is not None else []
    party = ceremonies.offered(services.settings.base_url)
    page: dict[str, object] = {
        "actor": actor,
        "navigation": navigation,
        "csp_nonce": request[keys.NONCE],
        "csrf_token": authentication.masked(signed_in.csrf_token) if signed_in else "",
        "rehearsal": services.settings.rehearsal,
        "passkeys_at": party.origin if party is not None else "",
        "notice": None,
        "now": services.clock(),
        "path": request.path,
        "template": template,
        # What an identity provider sent along with somebody is not to be said on.
        "here": request.path if request.method != "GET" or actor is None else request.path_qs,
    }
    environment = request.app[keys.TEMPLATES][language_of(request).code]
    return environment.get_template(template).render(page | context)


async def render(request: web.Request, template: str, *, status: int = 200, **context: object) -> web.Response:
    """Return a page; a notice kept for the next page is shown on it, once."""
    signed_in = request[keys.SESSION]
    if signed_in is not None and signed_in.notice is not None:
        context.setdefault("notice", signed_in.notice)
        services = request.app[keys.SERVICES]
        await services.database.write(lambda session: people.set_notice(session, signed_in.token, None))
    response = web.Response(text=render_text(request, template, **context), content_type="text/html", status=status)
    compress(request, response)
    return response


def compress(request: web.Request, response: web.Response) -> None:
    """Send a text compressed to who takes it so: on a slow line a page is there in a third of the time."""
    response.headers["Vary"] = "Accept-Encoding"
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        response.enable_compression(web.ContentCoding.gzip)


async def redirect(
    request: web.Request,
    location: str,
    *,
    title: str = "",
    text: str = "",
    kind: str = "success",
    link: tuple[str, str] | None = None,
) -> web.Response:
    """Send the browser on after a change (303), with a notice for the page it lands on.

    Takes: ``link``, words and address of one link in the notice.
    """
    signed_in = request[keys.SESSION]
    if text and signed_in is not None:
        notice = {"kind": kind, "title": title or "Success", "text": text, "link": link}
        services = request.app[keys.SERVICES]
        await services.database.write(lambda session: people.set_notice(session, signed_in.token, notice))
    return web.Response(status=303, headers={"Location": location})
