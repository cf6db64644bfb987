from __future__ import annotations

import secrets

import pytest

from tests.servers.fixtures import s3_bucket

from .proxied import open_stage

__all__ = ["open_stage", "s3_bucket"]


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The seed of a random run: `--seed`, or a fresh one; pytest shows it when the test fails."""
    given = request.config.getoption("--seed")
    chosen = secrets.randbelow(2**32) if given is None else int(given)
    print(f"repeat with --seed {chosen}")
    return chosen
