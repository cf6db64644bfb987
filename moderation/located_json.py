"""JSON that remembers on which line each of its values stands, so that a fault can be found in the file."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from typing import Any

_SPACE = re.compile(r"[ \t\n\r]*")
DEPTH_LIMIT = 20


class JsonFault(Exception):
    """A text is not JSON, or holds a name twice: what is wrong, and where."""

    def __init__(self, message: str, line: int, path: str = "") -> None:
        self.message, self.line, self.path = message, line, path
        super().__init__(f"line {line}: {message}")


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.lines: dict[str, int] = {}
        self._starts = [0] + [match.end() for match in re.finditer("\n", text)]
        self._decoder = json.JSONDecoder()

    def line_at(self, offset: int) -> int:
        return bisect_right(self._starts, offset)

    def skip(self, offset: int) -> int:
        found = _SPACE.match(self.text, offset)
        return offset if found is None else found.end()

    def value(self, offset: int, path: str, depth: int) -> tuple[Any, int]:
        self.lines[path] = self.line_at(offset)
        if depth > DEPTH_LIMIT:
            raise JsonFault("The values are nested too deeply.", self.line_at(offset), path)
        if self.text.startswith("{", offset):
            return self._object(offset + 1, path, depth)
        if self.text.startswith("[", offset):
            return self._array(offset + 1, path, depth)
        return self._decoder.raw_decode(self.text, offset)

    def _object(self, offset: int, path: str, depth: int) -> tuple[dict[str, Any], int]:
        found: dict[str, Any] = {}
        offset = self.skip(offset)
        while not self.text.startswith("}", offset):
            name, after = self._decoder.raw_decode(self.text, offset)
            place = f"{path}.{name}" if path else name
            if name in found:
                raise JsonFault(f"The name {name!r} appears twice.", self.line_at(offset), place)
            offset = self.skip(self.skip(after) + 1)
            found[name], offset = self.value(offset, place, depth + 1)
            offset = self.skip(offset)
            if self.text.startswith(",", offset):
                offset = self.skip(offset + 1)
        return found, offset + 1

    def _array(self, offset: int, path: str, depth: int) -> tuple[list[Any], int]:
        found: list[Any] = []
        offset = self.skip(offset)
        while not self.text.startswith("]", offset):
            one, offset = self.value(offset, f"{path}[{len(found)}]", depth + 1)
            found.append(one)
            offset = self.skip(offset)
            if self.text.startswith(",", offset):
                offset = self.skip(offset + 1)
        return found, offset + 1


def read_located(text: str) -> tuple[Any, dict[str, int]]:
    """Return the value of a JSON text, and the line, from 1, of each value by its path, such as ``profiles[0].bands``.

    Raises: ``JsonFault``.
    """
    try:
        json.loads(text, parse_constant=_refuse_constant)  # the grammar is checked here, so what follows can trust it
    except json.JSONDecodeError as error:
        raise JsonFault(f"This is not JSON: {error.msg}.", error.lineno) from None
    except RecursionError:
        raise JsonFault("The values are nested too deeply.", 1) from None
    except ValueError as error:
        raise JsonFault(f"This is not JSON: {error}.", 1) from None
    reader = _Reader(text)
    value, _ = reader.value(reader.skip(0), "", 0)
    return value, reader.lines


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")
