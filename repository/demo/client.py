"""A thin client of the service's HTTP API, and of tus for uploads."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from aiohttp import ClientSession, FormData
from yarl import URL

from repository.demo.files import WorkFile

TUS_VERSION = "1.0.0"
TUS_BODY = "application/offset+octet-stream"
RESUME_ATTEMPTS = 20
RESUME_PAUSE_SECONDS = 0.1
BROKEN_WAIT_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        """Return whether the request was done."""
        return self.status < 400

    def json(self) -> Any:
        """Return the body as JSON; an empty body is None."""
        return json.loads(self.body) if self.body else None

    @property
    def code(self) -> str:
        """Return the code of a problem, such as ``not-found``, or an empty text."""
        with contextlib.suppress(ValueError):
            return str((self.json() or {}).get("type", "")).removeprefix("/problems/")
        return ""

    @property
    def detail(self) -> str:
        """Return the sentence of a problem, or an empty text."""
        with contextlib.suppress(ValueError):
            return str((self.json() or {}).get("detail", ""))
        return ""


class Unexpected(Exception):
    """The service refused something that the journey needs."""

    def __init__(self, method: str, path: str, answer: Answer) -> None:
        super().__init__(f"{method} {path} was answered with {answer.status}: {answer.detail or answer.body[:200]!r}")
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Uploaded:
    """An upload that arrived whole: its document, how many requests it took, and from where it was resumed."""

    document_id: str
    requests: int
    resumed_at_bytes: int | None


class Client:
    """One signed-in person. Paths begin with a slash; a refusal raises ``Unexpected`` unless it is asked for."""

    def __init__(self, session: ClientSession, address: str, headers: Mapping[str, str]) -> None:
        self._session = session
        self._origin = address
        self._headers = {"Accept": "application/json", **headers}

    @property
    def is_browser(self) -> bool:
        """Return whether the person signed in as people do, so that uploaded bytes come from the content host."""
        return "Authorization" not in self._headers

    def hold(self, csrf_token: str) -> None:
        """Send the synchroniser token of the session with everything from now on, as our pages do."""
        self._headers["X-CSRF-Token"] = csrf_token

    async def page(self, path: str) -> str:
        """Return the HTML of a page."""
        answer = await self.ask("GET", path, headers={"Accept": "text/html"})
        if answer.status != 200:
            raise Unexpected("GET", path, answer)
        return answer.body.decode()

    async def send(self, path: str, form: Mapping[str, str]) -> Answer:
        """Send a form that leads on, and return the answer."""
        kind = "application/x-www-form-urlencoded"
        headers = {"Content-Type": kind, "Accept": "text/html"}
        answer = await self.ask("POST", path, data=urlencode(form).encode("ascii"), headers=headers)
        if not answer.ok:
            raise Unexpected("POST", path, answer)
        return answer

    async def ask(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        data: bytes | FormData | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request and return whatever comes back; ``path`` may be a whole address, as of the content host."""
        address = URL(path if path.startswith("http://") else f"{self._origin}{path}", encoded=True)
        async with self._session.request(
            method, address, json=body, data=data, headers={**self._headers, **(headers or {})}, allow_redirects=False
        ) as answer:
            return Answer(answer.status, dict(answer.headers), await answer.read())

    async def _need(self, method: str, path: str, **what: Any) -> Any:
        answer = await self.ask(method, path, **what)
        if not answer.ok:
            raise Unexpected(method, path, answer)
        return answer.json()

    async def get(self, path: str) -> Any:
        """Return the JSON of a GET."""
        return await self._need("GET", path)

    async def get_bytes(self, path: str) -> bytes:
        """Return the body of a GET, such as a PDF."""
        answer = await self.ask("GET", path)
        if not answer.ok:
            raise Unexpected("GET", path, answer)
        return answer.body

    async def post(self, path: str, body: Any = None) -> Any:
        """Return the JSON that a POST of JSON gives."""
        return await self._need("POST", path, body={} if body is None else body)

    async def put(self, path: str, body: Any) -> Any:
        """Return the JSON that a PUT of JSON gives."""
        return await self._need("PUT", path, body=body)

    async def send_csv(self, path: str, data: bytes) -> Any:
        """Return the JSON that a POST of a CSV body gives."""
        return await self._need("POST", path, data=data, headers={"Content-Type": "text/csv"})

    async def send_files(self, path: str, files: Sequence[tuple[str, bytes]]) -> Any:
        """Return the JSON that a POST of files gives."""
        form = FormData(quote_fields=False)
        for name, data in files:
            form.add_field("files", data, filename=name, content_type="application/octet-stream")
        return await self._need("POST", path, data=form)

    # tus

    async def start_upload(self, item_id: str, file: WorkFile) -> Answer:
        """Ask to upload a file for a sampled candidate; the answer may be a refusal."""
        return await self.ask(
            "POST",
            "/uploads",
            headers={
                "Tus-Resumable": TUS_VERSION,
                "Upload-Length": str(len(file.content)),
                "Upload-Metadata": _metadata(
                    item=item_id, filename=file.filename, filetype=file.media_type, sha256=file.sha256
                ),
            },
        )

    async def upload(self, item_id: str, file: WorkFile, *, pieces: int = 1, broken: bool = False) -> Uploaded:
        """Upload a file in pieces.

        Takes: ``broken``, to cut the line in the middle of the first piece, ask with HEAD how far it got, and go on.
        Raises: ``Unexpected`` for any refusal.
        """
        begun = await self.start_upload(item_id, file)
        if begun.status != 201:
            raise Unexpected("POST", "/uploads", begun)
        place = begun.headers["Location"]
        secret = {"Tus-Resumable": TUS_VERSION, "Upload-Token": begun.headers["Upload-Token"]}
        size, offset, requests = len(file.content), 0, 1
        step = -(-size // pieces)
        resumed_at = None
        if broken:
            await self._break_off(place, secret, file.content[:step])
            offset = resumed_at = await self._where(place, secret)
            requests += 2
        while offset < size:
            answer = await self.ask(
                "PATCH",
                place,
                data=file.content[offset : offset + step],
                headers={**secret, "Upload-Offset": str(offset), "Content-Type": TUS_BODY},
            )
            requests += 1
            if answer.status != 204:
                raise Unexpected("PATCH", place, answer)
            offset = int(answer.headers["Upload-Offset"])
        return Uploaded(place.rpartition("/")[2], requests, resumed_at)

    async def _where(self, place: str, secret: Mapping[str, str]) -> int:
        """Return the committed offset, once it no longer moves: the server may still be storing what came."""
        before = -1
        for _ in range(RESUME_ATTEMPTS):
            answer = await self.ask("HEAD", place, headers=secret)
            if answer.ok:
                offset = int(answer.headers["Upload-Offset"])
                if offset == before:
                    return offset
                before = offset
            await asyncio.sleep(RESUME_PAUSE_SECONDS)
        raise Unexpected("HEAD", place, answer)

    async def _break_off(self, place: str, secret: Mapping[str, str], piece: bytes) -> None:
        """Announce a piece, send half of it, and hang up."""
        server = URL(self._origin)
        headers = {
            **self._headers,
            **secret,
            "Host": f"{server.host}:{server.port}",
            "Upload-Offset": "0",
            "Content-Type": TUS_BODY,
            "Content-Length": str(len(piece)),
        }
        head = (
            f"PATCH {place} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
        )
        _, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(head.encode("ascii") + piece[: len(piece) // 2])
        await writer.drain()
        await asyncio.sleep(BROKEN_WAIT_SECONDS)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def sign_in(session: ClientSession, address: str, token: str) -> Client:
    """Exchange a development sign-in token for a signed-in client."""
    async with session.post(f"{address}/api/sessions", json={"token": token}) as answer:
        body = await answer.read()
        if answer.status != 201:
            raise Unexpected("POST", "/api/sessions", Answer(answer.status, dict(answer.headers), body))
        return Client(session, address, {"Authorization": f"Bearer {json.loads(body)['token']}"})


def _metadata(**pairs: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode('ascii')}" for key, value in pairs.items())
