"""The log says what its list of fields allows, a line an event, and cannot be made to say more."""

from __future__ import annotations

import ast
import io
import json
import logging
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repository import logs
from repository.logs import FIELDS, FieldUnknown, Json, Rate, Text

TOP = Path(__file__).parents[2]
HOSTILE = 'Jo "Smith"\r\n2026-01-01T00:00:00.000+00:00 ERROR forged\x1b[2J\u2028\x00'


def record(event: object, fields: dict[str, object] | None, name: str = "nea", level: int = 20) -> logging.LogRecord:
    made = logging.LogRecord(name, level, "some/where.py", 7, event, None, None)
    if fields is not None:
        made.nea_fields = fields
    return made


@pytest.mark.parametrize("name", ["name", "query", "token", "candidate_number", "path", "address", "filename"])
def test_a_field_that_is_not_in_the_list_is_refused(name: str) -> None:
    with pytest.raises(FieldUnknown, match=name):
        logs.write("info", "event", **{name: "value"})
    with pytest.raises(FieldUnknown, match=name):
        logs.failed("event", **{name: "value"})


@pytest.mark.parametrize(("name", "value"), [("status", "200"), ("status", True), ("route", 7), ("count", None)])
def test_a_field_of_another_type_is_refused(name: str, value: object) -> None:
    with pytest.raises(FieldUnknown):
        logs.write("info", "event", **{name: value})


@pytest.mark.fault("att:C14")
@given(st.dictionaries(st.sampled_from(sorted(name for name, kind in FIELDS.items() if kind is str)), st.text()))
def test_whatever_a_value_holds_the_line_is_one_line(fields: dict[str, object]) -> None:
    for formatter in (Json(), Text()):
        line = formatter.format(record("event", fields))
        assert len(line) <= logs.LINE_CHARACTERS
        assert line.isprintable()
        assert line.isascii()
    said = json.loads(Json().format(record("event", fields)))
    assert set(said) <= {"time", "level", "event", *FIELDS}


@pytest.mark.fault("att:C14")
def test_a_line_cannot_be_forged() -> None:
    line = Text().format(record("event", {"reason": HOSTILE}))
    assert "\n" not in line
    assert "\x1b" not in line
    assert '"' not in line


@pytest.mark.fault("att:C14")
def test_a_line_is_bounded() -> None:
    fields: dict[str, object] = {name: "a" * 10_000 for name, kind in FIELDS.items() if kind is str}
    said = json.loads(Json().format(record("event", fields)))
    assert {"time", "level", "event"} <= set(said)
    assert len(Json().format(record("event", fields))) <= logs.LINE_CHARACTERS


def test_what_a_library_says_is_not_kept() -> None:
    made = logging.LogRecord("aiohttp.server", 40, "x.py", 7, "Error handling request from %s", (HOSTILE,), None)
    said = logs.entry(made)
    assert said["event"] == "library"
    assert said["source"] == "aiohttp.server:7"
    assert "Smith" not in json.dumps(said)
    ours = logging.LogRecord("repository.work", 40, "x.py", 7, "worker: %s failed", (HOSTILE,), None)
    assert "Smith" not in json.dumps(logs.entry(ours))


def test_an_exception_leaves_its_classes_and_places_and_no_value() -> None:
    stream = io.StringIO()
    logger = logging.getLogger("nea.test")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Json())
    logger.addHandler(handler)
    logger.propagate = False
    try:
        try:
            int("Jo Smith 1234")
        except ValueError as error:
            raise KeyError("Jo Smith") from error
    except KeyError:
        logger.error("request-failed", exc_info=True, extra={"nea_fields": {"request_id": "r"}})
    said = json.loads(stream.getvalue())
    assert said["errors"] == "KeyError < ValueError"
    assert "test_logs.py:" in said["where"]
    assert "Smith" not in stream.getvalue()
    logger.removeHandler(handler)


@pytest.mark.fault("att:C14")
def test_a_flood_of_lines_is_bounded_and_counted() -> None:
    now = [100.0]
    rate = Rate(10, lambda: now[0])
    written = sum(rate.filter(record("event", {})) for _ in range(5_000))
    assert written == 10
    assert rate.filter(record("event", {}, level=40))  # an error still gets through
    now[0] += 1
    first = record("event", {"count": 1})
    assert rate.filter(first)
    assert logs.entry(first)["suppressed"] == 4_990


def test_events_in_the_source_are_constants() -> None:
    """No call of the log puts values into its words: they would go round the list of fields."""
    allowed = set(string.printable) - set("\t\n\r\x0b\x0c")
    for package in ("repository", "moderation", "scripts", "storage"):
        for path in (TOP / package).rglob("*.py"):
            if "node_modules" in path.parts:
                continue
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                    continue
                owner = node.func.value
                if not (isinstance(owner, ast.Name) and owner.id in {"logger", "logs", "_logger", "log"}):
                    continue
                index = {"write": 1, "failed": 0, "debug": 0, "info": 0, "warning": 0, "error": 0, "exception": 0}
                if node.func.attr not in index or path.name == "logs.py":
                    continue
                event = node.args[index[node.func.attr]]
                assert isinstance(event, ast.Constant), f"{path}:{node.lineno}"
                assert set(str(event.value)) <= allowed, f"{path}:{node.lineno}"
