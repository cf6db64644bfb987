"""Every fact that a package can raise has its status, and cryptographic failures all look the same."""

from __future__ import annotations

import inspect

import moderation.errors
import scripts.errors
import storage.errors
from repository import errors
from repository.web.problems import STATUSES, problem_of


def classes() -> set[type[Exception]]:
    found = set()
    for module in (errors, moderation.errors, scripts.errors, storage.errors):
        for _, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, Exception) and kind.__module__ == module.__name__:
                found.add(kind)
    return found


def test_the_table_is_complete() -> None:
    assert classes() - set(STATUSES) == set()


def test_every_fact_says_a_sentence() -> None:
    for kind in classes():
        problem = problem_of(kind())
        assert problem.detail.strip().endswith((".", "?")), kind
        assert problem.title


def test_no_diagnosis_reaches_a_client() -> None:
    seen = set()
    for diagnosis in ("E1", "E2", "E3", "E4", "E5", "E6"):
        problem = problem_of(storage.errors.ObjectTampered(diagnosis=diagnosis, key="d/secret"))
        seen.add((problem.status, problem.code, problem.detail, str(problem.facts)))
    refused = problem_of(storage.errors.KeyRefused(level="root"))
    seen.add((refused.status, refused.code, refused.detail, str(refused.facts)))
    assert len(seen) == 1
    assert problem_of(storage.errors.BackendUnavailable()).retry_after_seconds
