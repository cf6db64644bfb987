"""Fixtures over real servers; import the ones you need into a conftest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from storage.errors import BackendUnavailable
from storage.s3 import S3Backend, S3Settings, open_s3

from .kms import running_kms
from .seaweed import S3Server, running_seaweed
from .softhsm import Token, softhsm_token
from .transit import Transit, running_transit

BUCKET = "tests"


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One real S3 server for this test process."""
    with running_seaweed(tmp_path_factory.mktemp("seaweed")) as server:
        yield server


@pytest.fixture(scope="session")
def s3_bucket(s3_server: S3Server) -> str:
    """The one bucket of this test process; every bucket costs the server several volumes."""
    backend = _opened(s3_server)
    for _ in range(80):  # the server answers a moment before its volumes do
        try:
            backend.make_bucket()
            backend.put("ready", b"ready")
            break
        except BackendUnavailable:
            time.sleep(0.25)
    backend.close()
    return BUCKET


@pytest.fixture
def open_bucket(s3_server: S3Server, s3_bucket: str) -> Iterator[Callable[..., S3Backend]]:
    """Opens the bucket, emptied for this test; any setting of the backend can be given."""
    opened = [_opened(s3_server)]
    for head in list(opened[0].list("")):
        opened[0].delete(head.key)

    def again(**settings: object) -> S3Backend:
        opened.append(_opened(s3_server, **settings))
        return opened[-1]

    yield again
    for backend in opened:
        backend.close()


def _opened(server: S3Server, **settings: object) -> S3Backend:
    chosen = {
        "endpoint": server.endpoint,
        "bucket": BUCKET,
        "access_key": server.access_key,
        "secret_key": server.secret_key,
        **settings,
    }
    return open_s3(S3Settings(**chosen))


@pytest.fixture(scope="session")
def kms_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One KMS server for this test process."""
    with running_kms(tmp_path_factory.mktemp("kms")) as address:
        yield address


@pytest.fixture(scope="session")
def token() -> Iterator[Token]:
    """One token of SoftHSM for this test process, as its library is configured once."""
    with softhsm_token() as made:
        yield made


@pytest.fixture
def transit() -> Iterator[Transit]:
    """A double of the transit engine, with a key of its own."""
    with running_transit() as engine:
        yield engine
