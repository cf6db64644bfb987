"""A centre whose sample has been requested, and its teacher, who uploads by tus."""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from moderation.records.samples import sample_of
from moderation.tables import ModerationCase
from repository.access import Role
from repository.tables import AuditEvent, DocumentRow, ObjectPart, UploadRow

from ... import worlds
from .conftest import Client, Service

CENTRE = worlds.STAGED_CENTRE
TUS = {"Tus-Resumable": "1.0.0"}
STREAM = {**TUS, "Content-Type": "application/offset+octet-stream"}
P = 8_386_520


@dataclass
class Stage:
    """A centre whose sample has been requested, and its teacher."""

    service: Service
    teacher: Client
    case_id: str
    items: list[str] = field(default_factory=list)

    def metadata(self, **pairs: str) -> str:
        return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())

    async def post(self, size: int | str = 10, body: bytes | None = None, **headers: str | None) -> ClientResponse:
        """Ask for an upload, sure of nothing; a header given as None is left out."""
        sent: dict[str, str | None] = {
            **TUS,
            "Upload-Length": str(size),
            "Upload-Metadata": self.metadata(item=self.items[0], slot="work", filename="1001_work.pdf"),
            **({} if body is None else {"Content-Type": "application/offset+octet-stream"}),
            **headers,
        }
        return await self.teacher.post(
            "/uploads", headers={name: value for name, value in sent.items() if value is not None}, data=body
        )

    async def ask(
        self, method: str, made: dict[str, str], body: bytes | None = None, **headers: str | None
    ) -> ClientResponse:
        """Ask something of an upload, with its token unless another is given."""
        sent = {**TUS, "Upload-Token": made["Upload-Token"], **headers}
        kept = {name: value for name, value in sent.items() if value is not None}
        data = io.BytesIO(body) if isinstance(body, bytes) and len(body) > P else body
        return await self.teacher.request(method, made["Location"], headers=kept, data=data)

    async def create(self, size: int, body: bytes | None = None, item: int = 0, **headers: str) -> dict[str, str]:
        name = headers.pop("filename", "1001_work.pdf")
        more = {"sha256": headers.pop("sha256")} if "sha256" in headers else {}
        sent = {
            **(STREAM if body is not None else TUS),
            "Upload-Length": str(size),
            "Upload-Metadata": self.metadata(item=self.items[item], slot="work", filename=name, **more),
            **headers,
        }
        answer = await self.teacher.post("/uploads", headers=sent, data=body)
        assert answer.status == 201, await answer.text()
        return dict(answer.headers)

    async def patch(self, made: dict[str, str], offset: int, body: bytes, **headers: str) -> tuple[int, str]:
        answer = await self.teacher.patch(
            made["Location"],
            headers={**STREAM, "Upload-Token": made["Upload-Token"], "Upload-Offset": str(offset), **headers},
            data=io.BytesIO(body),
        )
        return answer.status, answer.headers.get("Upload-Offset", "")

    async def offset(self, made: dict[str, str]) -> int:
        answer = await self.teacher.head(made["Location"], headers={**TUS, "Upload-Token": made["Upload-Token"]})
        assert answer.status == 200
        return int(answer.headers["Upload-Offset"])

    async def document(self, made: dict[str, str]) -> dict[str, object]:
        await self.service.settle()
        answer = await self.teacher.get(made["Document-Location"])
        assert answer.status == 200, await answer.text()
        return dict(await answer.json())

    async def kept(self) -> tuple[Any, ...]:
        """Return everything that an upload changes: rows, parts, documents, events, and the files of the store."""

        def rows(session):
            uploads = [
                (row.oid, row.state, row.offset_bytes, row.total_bytes, row.tail_key, row.expires_at)
                for row in session.scalars(select(UploadRow).order_by(UploadRow.oid))
            ]
            parts = sorted(session.scalars(select(ObjectPart.key)))
            documents = sorted((row.id, row.state) for row in session.scalars(select(DocumentRow)))
            events = sorted(session.scalars(select(AuditEvent.action).where(AuditEvent.object_kind == "upload")))
            return uploads, parts, documents, events

        return (*await self.service.services.database.read(rows), sorted(map(str, objects_of(self.service.folder))))


async def make_stage(service: Service) -> Stage:
    """Write the staged world for a service that began without."""
    await service.write(worlds.stage)
    return await on_stage(service)


async def on_stage(service: Service) -> Stage:
    """A teacher where the staged world, or what `make_stage` made, is."""

    def read(session: Session) -> tuple[str, list[str]]:
        case_id = session.scalars(select(ModerationCase.id).where(ModerationCase.centre_number == CENTRE)).one()
        return case_id, [item.item_id for item in sample_of(session, case_id).items]

    case_id, items = await service.services.database.read(read)
    return Stage(service, await service.client(Role.TEACHER, CENTRE), case_id, items)


def objects_of(folder: Path) -> list[Path]:
    """Return the files of the store that hold bytes of uploads; the log's own checkpoints come whenever it likes."""
    store = folder / "objects"
    return [
        path
        for path in store.rglob("*")
        if path.is_file() and not {"metadata", "audit"} & set(path.relative_to(store).parts)
    ]


async def refused(answer: ClientResponse, status: int, code: str) -> dict[str, object]:
    """Hold a refusal against what every refusal of this protocol must be; returns the problem."""
    assert answer.status == status, await answer.text()
    assert answer.headers["Tus-Resumable"] == "1.0.0"
    assert "Upload-Offset" not in answer.headers
    assert answer.content_type == "application/problem+json"
    if answer.method == "HEAD":
        return {}
    problem = await answer.json()
    assert problem["status"] == status
    assert problem["type"] == f"/problems/{code}"
    assert len(problem["detail"]) > 10
    return dict(problem)


def sha(algorithm: str, data: bytes) -> str:
    """Return the Upload-Checksum of a body."""
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, data).digest()).decode()}"
