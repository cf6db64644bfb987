"""What a rehearsal reads of basedata, whatever brought it."""

# ruff: noqa: D102 - the names of the properties are those of the basedata records

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from moderation.entries import Series


class OptionFacts(Protocol):
    """What is read of an option of the basedata."""

    @property
    def code(self) -> str: ...
    @property
    def syllabus_code(self) -> str: ...
    @property
    def title(self) -> str: ...


class ComponentFacts(Protocol):
    """What is read of a component of the basedata; ``teacher_marks`` is ``Y`` or true where centres send a mark."""

    @property
    def code(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def teacher_marks(self) -> str | bool: ...
    @property
    def maximum_mark(self) -> int: ...


class LinkFacts(Protocol):
    """What is read of a link of the basedata."""

    @property
    def option_code(self) -> str: ...
    @property
    def component_code(self) -> str: ...


class PairFacts(Protocol):
    """What is read of a disallowed pair; a code that ends in ``*`` stands for all that begin so."""

    @property
    def option_code(self) -> str: ...
    @property
    def other_code(self) -> str: ...


class Basedata(Protocol):
    """What is read of the basedata of a series."""

    @property
    def series(self) -> Series: ...
    @property
    def options(self) -> Sequence[OptionFacts]: ...
    @property
    def components(self) -> Sequence[ComponentFacts]: ...
    @property
    def links(self) -> Sequence[LinkFacts]: ...
    @property
    def disallowed(self) -> Sequence[PairFacts]: ...
