"""The scanning station: what a hand-held scanner types, and the cards by which it is told what to do next.

A scanner types what it reads as a keyboard does, and a keyboard of another country turns some characters into others.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from scripts.labels import MAX_CODE_CHARACTERS, sealed
from scripts.states import EventKind

PREFIX = "ST1"
AS_TYPED = 200
"""So many characters of what was typed are looked at; no code of ours is longer than 80."""
_MISTYPED = str.maketrans({"~": "|", "¦": "|"})
"""What a scanner set to an American keyboard types on a British one instead of the upright line. The check of each code
says whether that was right.
"""


class Command(StrEnum):
    """What a card tells the station.

    Source: project policy.
    """

    RECEIVED = "RECEIVED"
    OPENED = "OPENED"
    COLLECTED = "COLLECTED"
    IN_TRANSIT = "IN-TRANSIT"
    FORWARDED = "FORWARDED"
    DAMAGED = "DAMAGED"
    OPENED_IN_TRANSIT = "OPENED-IN-TRANSIT"
    UNDO = "UNDO"
    RESET = "RESET"

    @property
    def payload(self) -> str:
        """Return what the code on the card carries: ``ST1|command|crc``."""
        return sealed(f"{PREFIX}|{self.value}")


STEPS: Mapping[Command, EventKind] = MappingProxyType(
    {
        Command.RECEIVED: EventKind.RECEIVED,
        Command.OPENED: EventKind.OPENED,
        Command.COLLECTED: EventKind.COLLECTED,
        Command.IN_TRANSIT: EventKind.IN_TRANSIT,
        Command.FORWARDED: EventKind.FORWARDED,
    }
)
"""What every scan means from such a card on."""
NOTICES: Mapping[Command, EventKind] = MappingProxyType(
    {
        Command.DAMAGED: EventKind.DAMAGED,
        Command.OPENED_IN_TRANSIT: EventKind.OPENED_IN_TRANSIT,
    }
)
"""What the next scan alone means after such a card: one packet is damaged, and not those that come after it."""


def as_scanned(untrusted_text: str) -> str:
    """Return what a scanner typed as it stands in a code: capitals, no blanks, the upright line as it should be."""
    return "".join(untrusted_text[:AS_TYPED].upper().split()).translate(_MISTYPED)


def read_command(untrusted_text: str) -> Command | None:
    """Return the command of a card; None for whatever is no sound card of ours."""
    text = as_scanned(untrusted_text)
    if len(text) > MAX_CODE_CHARACTERS:
        return None
    return next((command for command in Command if command.payload == text), None)
