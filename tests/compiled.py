"""Statements are compiled once in a process, as in a service, which has one engine, and not for each of its tests' engines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache

STATEMENTS_LIMIT = 20_000


@contextmanager
def shared_statements() -> Iterator[None]:
    """Let all engines made meanwhile share one cache of compiled statements.

    The cache's keys name the dialect, so dialects of one kind count as one: all of them speak to the same server.
    """
    shared: LRUCache[Any, Any] = LRUCache(STATEMENTS_LIMIT)
    begin = Engine.__init__

    def begin_with_cache(engine: Engine, *given: Any, **named: Any) -> None:
        begin(engine, *given, **named)
        engine._compiled_cache = shared

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Engine, "__init__", begin_with_cache)
        patch.setattr(DefaultDialect, "__eq__", lambda one, other: type(one) is type(other))
        patch.setattr(DefaultDialect, "__hash__", lambda one: hash(type(one)))
        yield
