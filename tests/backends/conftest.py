from __future__ import annotations

from collections.abc import Iterator

import pytest

from storage.backend import Backend
from storage.directory import DirectoryBackend
from storage.memory import MemoryBackend
from storage.retry import retrying
from tests.servers.fixtures import open_bucket, s3_bucket, s3_server

__all__ = ["backend", "open_bucket", "purging_backend", "s3_bucket", "s3_server"]

KINDS = ["memory", "directory", "retrying", pytest.param("s3", marks=pytest.mark.s3)]


@pytest.fixture
def purging_backend(open_bucket) -> Backend:
    """A backend that can forget old versions: S3, with retries around it as in service."""
    return retrying(open_bucket())


@pytest.fixture(params=KINDS)
def backend(request: pytest.FixtureRequest, tmp_path) -> Iterator[Backend]:
    """Every backend there is, one after the other."""
    match request.param:
        case "memory":
            yield MemoryBackend()
        case "directory":
            yield DirectoryBackend(tmp_path / "store")
        case "retrying":
            yield retrying(MemoryBackend(), sleep=lambda _: None, random=lambda: 0.0, clock=lambda: 0.0)
        case "s3":
            # As in service: a real server may refuse a call once under load, and one layer tries again.
            yield retrying(request.getfixturevalue("open_bucket")())
