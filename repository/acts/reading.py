"""Reading the bytes of a document for whoever was permitted to see it; damage that shows itself is recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator

from repository import objects
from repository.acts.viewing import Shown
from repository.audit import Context
from repository.services import Services
from storage.errors import KeyRefused, ObjectNotFound, ObjectTampered
from storage.vault import StoredObject


async def pieces(
    services: Services,
    context: Context,
    document_id: str,
    stored: StoredObject,
    start: int = 0,
    stop: int | None = None,
) -> AsyncIterator[bytes]:
    """Give the plaintext of [start, stop) as ``objects.read`` does, and record an object that is not what was written.

    Raises: as ``objects.read``, after the case and its code stand in the audit log.
    """
    try:
        async for piece in objects.read(services.vault, stored, start, stop):
            yield piece
    except (ObjectTampered, KeyRefused, ObjectNotFound) as error:
        damage = error
        await services.database.write(lambda s: objects.note_damage(s, context, "document", document_id, damage))
        raise


async def shown(services: Services, context: Context, document_id: str, what: Shown) -> AsyncIterator[bytes]:
    """Give the bytes that are shown in place of a document, object by object; raises and records as ``pieces``."""
    for oid, start, stop in what.stretches:
        stored = await services.database.read(lambda s, oid=oid: objects.stored_object(s, oid))  # type: ignore[misc]
        async for piece in pieces(services, context, document_id, stored, start, stop):
            yield piece
