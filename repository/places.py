"""Where a file goes: the evidence slot it names, and whether that slot takes it. Pure; asked before a byte is taken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from moderation.slots import Slot, SlotScope
from repository.documents import MEDIA_TYPES
from repository.errors import FileTooLarge, SlotTypeRefused, SlotUnknown

TYPE_WORDS: Mapping[str, str] = {
    extension: media_type for media_type, extensions in MEDIA_TYPES.items() for extension in extensions
}
"""What may stand for a media type in the file of slots: every extension that the service takes."""
EVERYTHING = "PDF, Word, Excel, PowerPoint, OpenDocument, pictures, plain text, sound or film"
"""What ``MEDIA_TYPES`` comes to, for a slot that names no types: its endings would fill a page."""
MEBIBYTE = 1024 * 1024


def extensions_of(slot: Slot) -> tuple[str, ...]:
    """Return the endings of file names that a slot takes."""
    wanted = slot.media_types or tuple(MEDIA_TYPES)
    return tuple(extension for media_type in wanted for extension in MEDIA_TYPES.get(media_type, ()))


def limit_of(slot: Slot, service_limit_bytes: int) -> int:
    """Return how large a file of a slot may be at most."""
    return service_limit_bytes if slot.max_bytes is None else min(slot.max_bytes, service_limit_bytes)


def words_of(slot: Slot, service_limit_bytes: int) -> str:
    """Return what a slot takes, as a teacher reads it: ``pdf or docx, up to 20 MiB``."""
    extensions = extensions_of(slot)
    listed = ", ".join(extensions[:-1]) + f" or {extensions[-1]}" if len(extensions) > 1 else extensions[0]
    if not slot.media_types:
        listed = EVERYTHING
    return f"{listed}, up to {limit_of(slot, service_limit_bytes) // MEBIBYTE} MiB"


def find_slot(slots: Iterable[Slot], name: str, scope: SlotScope) -> Slot:
    """Return the slot of this name; raises ``SlotUnknown`` naming those there are."""
    known = [slot for slot in slots if slot.scope is scope]
    for slot in known:
        if slot.slot == name:
            return slot
    whom = "a candidate" if scope is SlotScope.CANDIDATE else "the whole group"
    if not known:
        raise SlotUnknown(f"Files about {whom} are not asked for in this component.", key="slot", allowed=[])
    listed = ", ".join(f"{slot.slot} ({slot.title})" for slot in known)
    raise SlotUnknown(
        f"There is no place called {name} for files about {whom}. Use one of: {listed}.",
        key="slot",
        allowed=[slot.slot for slot in known],
    )


def check_name(slot: Slot, filename: str, declared_media_type: str | None, service_limit_bytes: int) -> None:
    """Refuse a file whose name, or else whose declared type, shows that the slot does not take it.

    What the file really is, is found out when it has arrived; this only spares the sender the way.
    Raises: ``SlotTypeRefused`` saying what is taken.
    """
    if not slot.media_types:
        return
    stem, dot, extension = filename.rpartition(".")
    if stem and dot:
        fits = extension.lower() in extensions_of(slot)
    else:
        fits = (declared_media_type or "").partition(";")[0].strip().lower() in slot.media_types
    if not fits:
        raise SlotTypeRefused(
            f"“{slot.title}” takes {words_of(slot, service_limit_bytes)}. Save the file as one of these and send it again.",
            key="slot",
            slot=slot.slot,
            allowed=list(slot.media_types),
        )


def check_size(slot: Slot, size_bytes: int, service_limit_bytes: int) -> None:
    """Refuse a file that is too large for the slot; raises ``FileTooLarge`` saying the limit."""
    limit = limit_of(slot, service_limit_bytes)
    if size_bytes <= limit:
        return
    if slot.max_bytes is None:
        words = f"The file is larger than the {limit // MEBIBYTE} MiB accepted here."
    else:
        words = f"The file is larger than the {limit // MEBIBYTE} MiB that “{slot.title}” takes."
    raise FileTooLarge(words, limit_bytes=limit)


def wrong_type(slot: Slot, media_type: str | None, service_limit_bytes: int) -> tuple[str, str] | None:
    """Return reason and remedy when a file turns out to be of a type that its slot does not take, or None."""
    if media_type is None or slot.takes_type(media_type):
        return None
    found = ", ".join(MEDIA_TYPES.get(media_type, (media_type,)))
    return (
        f"The file is of another type ({found}) than “{slot.title}” takes.",
        f"Send {words_of(slot, service_limit_bytes)}, or choose the right place for this file.",
    )
