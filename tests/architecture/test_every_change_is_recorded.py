"""SF-10: whatever handler serves a state-changing route, its code leads to the audit log.

Generated over the table of routes. From the handler on, every function of ours that is named is followed, through imports,
to `audit.record`. That a change which was really made left its event is shown by the journey of the demo
(tests/journeys/test_audit_of_demo.py), that a change which was undone left none by tests/repository/audit.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from functools import cache, partial
from types import FunctionType, ModuleType
from typing import Any

import pytest

from repository.audit.recording import record
from repository.web import routes
from repository.web.headers import REPORTS

A_QUESTION = "asks for a passkey's challenge, which serves once and changes nothing; what is answered to it is an event"
WITHOUT: dict[tuple[str, str], str] = {
    (
        "*",
        "/uploads/{oid}",
    ): "bytes of an upload under way; its beginning, its arrival, its end and its loss are events",
    ("POST", REPORTS): "a browser's report about a page; nothing changes",
    ("POST", "/sign-in/passkey/begin"): A_QUESTION,
    ("POST", "/sign-in/code/passkey/begin"): A_QUESTION,
    ("POST", "/sign-in/app/passkey/begin"): A_QUESTION,
    ("POST", "/confirm-it-is-you/passkey/begin"): A_QUESTION,
    ("POST", "/account/passkeys/add/begin"): A_QUESTION,
}
"""Routes that leave no event, and why."""
UNSAFE = [route for route in routes.ROUTES if route.method in {"POST", "PUT", "PATCH", "DELETE", "*"}]
DEPTH = 12


def ours(thing: object) -> bool:
    return getattr(thing, "__module__", "").split(".")[0] == "repository"


@cache
def tree_of(function: Callable[..., Any]) -> ast.AST | None:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None


def named_in(function: Callable[..., Any]) -> Iterator[object]:
    """Yield what of ours a function names: functions, and the methods of classes that it makes or is given."""
    tree = tree_of(function)
    if tree is None:
        return
    module = sys.modules[function.__module__]
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield from usable(getattr(module, node.id, None))
        elif isinstance(node, ast.Attribute):
            found = value_of(node, module)
            yield from usable(found)
            if found is None and isinstance(node.value, ast.Name | ast.Call | ast.Attribute | ast.Subscript):
                yield from methods().get(node.attr, [])


def value_of(node: ast.Attribute, module: ModuleType) -> object:
    if isinstance(node.value, ast.Name):
        return getattr(getattr(module, node.value.id, None), node.attr, None)
    return None


def usable(found: object) -> Iterator[object]:
    if isinstance(found, partial):
        found = found.func
    if isinstance(found, FunctionType) and ours(found):
        yield found
    elif inspect.isclass(found) and ours(found):
        yield from (one for one in vars(found).values() if isinstance(one, FunctionType))


GENERAL = frozenset(
    {"write", "read", "get", "put", "names", "list", "delete", "note", "check", "run", "close", "record"}
)
"""Names of methods that many classes have: following them would lead anywhere."""


@cache
def methods() -> dict[str, list[object]]:
    """Methods of classes of ours by name, unless the name is general."""
    found: dict[str, list[object]] = {}
    for module in [one for name, one in sorted(sys.modules.items()) if name.startswith("repository.")]:
        for kind in vars(module).values():
            if inspect.isclass(kind) and kind.__module__ == module.__name__:
                for name, one in vars(kind).items():
                    if isinstance(one, FunctionType) and name not in GENERAL and not name.startswith("_"):
                        found.setdefault(name, []).append(one)
    return found


def leads_to_the_log(handler: Callable[..., Any]) -> bool:
    seen: set[object] = set()
    edge: list[object] = [handler]
    for _ in range(DEPTH):
        step: list[object] = []
        for one in edge:
            if one is record:
                return True
            if one not in seen:
                seen.add(one)
                step += list(named_in(one))
        edge = step
    return False


@pytest.mark.parametrize("route", UNSAFE, ids=[f"{route.method} {route.path}" for route in UNSAFE])
def test_every_changing_route_leads_to_the_log(route: Any) -> None:
    if (route.method, route.path) in WITHOUT:
        return
    assert leads_to_the_log(route.handler), f"{route.handler.__module__}.{route.handler.__qualname__} records nothing"


def test_what_records_nothing_would_be_found() -> None:
    """The search itself can fail: pages that only show, and this test, lead nowhere."""
    assert not leads_to_the_log(importlib.import_module("repository.web.files").static)
    assert not leads_to_the_log(test_what_records_nothing_would_be_found)


def test_every_exception_is_a_route() -> None:
    assert set(WITHOUT) <= {(route.method, route.path) for route in UNSAFE}
