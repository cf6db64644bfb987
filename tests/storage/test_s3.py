from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from storage.backend import Composes, Sweeps
from storage.capabilities import capabilities
from storage.errors import (
    BackendUnavailable,
    ComposeRefused,
    EndpointInsecure,
    ObjectNotFound,
    StorageFull,
    StoreRefused,
)
from storage.retry import retrying
from storage.s3 import S3Settings, checked_endpoint, open_s3

CONTENT = b"0123456789"


class LyingStore(ThreadingHTTPServer):
    """Answers every request with what the test planted, and remembers what it was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = b""
        self.seen: list[tuple[str, dict[str, str], bytes]] = []

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.status, self.body = status, body
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class _Answer(BaseHTTPRequestHandler):
    server: LyingStore

    def _any(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.command, {name.lower(): value for name, value in self.headers.items()}, sent))
        self.send_response(self.server.status)
        headers = {"Content-Length": str(len(self.server.body)), "Connection": "close", **self.server.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(self.server.body)

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _any  # noqa: N815 - named by the base class

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        pass


@pytest.fixture
def lying() -> Iterator[LyingStore]:
    server = LyingStore()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def backend(lying) -> Iterator:
    made = open_s3(S3Settings(f"http://127.0.0.1:{lying.server_address[1]}", "bucket", "access", "secret"))
    yield made
    made.close()


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://store.example",
        "http://10.0.0.1:8333",
        "http://localhost.example",
        "ftp://127.0.0.1",
        "store.example",
        "https://",
    ],
)
def test_nothing_is_sent_in_clear_to_another_machine(endpoint):
    with pytest.raises(EndpointInsecure):
        checked_endpoint(endpoint)


@pytest.mark.parametrize(
    "endpoint", ["https://store.example/", "http://127.0.0.1:8333", "http://[::1]:1", "http://localhost:1"]
)
def test_tls_or_this_machine(endpoint):
    assert checked_endpoint(endpoint) == endpoint.rstrip("/")


def test_settings_show_no_secret():
    assert "hidden-secret" not in repr(S3Settings("https://store.example", "b", "access", "hidden-secret"))


def test_joining_is_a_power_only_where_it_is_possible():
    settings = {"endpoint": "https://store.example", "bucket": "b", "access_key": "a", "secret_key": "s"}
    for joins in (True, False):
        made = open_s3(S3Settings(**settings, joins_parts=joins))
        assert isinstance(made, Composes) is joins
        made.close()


def test_a_put_is_bound_to_its_bytes(backend, lying):
    backend.put("q/a/0.x", [b"0123", memoryview(b"456789")], metadata={"len": "10"})
    ((method, headers, sent),) = lying.seen
    assert (method, sent) == ("PUT", CONTENT)
    assert headers["x-amz-content-sha256"] == "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"
    assert headers["x-amz-checksum-sha256"] == "hNiYd/DUBB77a/kaFvAkjy/Vc+avBcGflr7bn4gveII="
    assert headers["x-amz-meta-len"] == "10"
    signed = headers["authorization"]
    assert all(name in signed for name in ("x-amz-content-sha256", "x-amz-checksum-sha256", "x-amz-meta-len", "host"))


@pytest.mark.fault("inj:F5", "att:G02")
@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (500, "InternalError", BackendUnavailable),
        (503, "SlowDown", BackendUnavailable),
        (429, "", BackendUnavailable),
        (301, "PermanentRedirect", StoreRefused),
        (403, "SignatureDoesNotMatch", StoreRefused),
        (404, "NoSuchBucket", StoreRefused),
        (404, "NoSuchKey", ObjectNotFound),
        (507, "", StorageFull),
        (501, "NotImplemented", ComposeRefused),
    ],
)
def test_refusals_are_named_on_both_paths(backend, lying, status, code, error):
    lying.answer(status, f"<Error><Code>{code}</Code></Error>".encode())
    with pytest.raises(error):
        backend.put("a", b"x")
    with pytest.raises(error):
        list(backend.list("q/"))
    assert status == 301 or len(lying.seen) == 2, "one try each: repeating is the business of storage.retry"


def test_a_store_that_does_not_join_has_no_unfinished_joins(backend, lying):
    lying.answer(501, b"<Error><Code>NotImplemented</Code></Error>")
    assert backend.sweep_hidden(datetime.now(UTC)) == 0


@pytest.mark.fault("inj:F5")
class TestLies:
    def test_a_truncated_body(self, backend, lying):
        lying.answer(200, b"01234", Content_Length="10")
        with pytest.raises(BackendUnavailable):
            backend.get("a")

    def test_a_range_ignored(self, backend, lying):
        lying.answer(200, CONTENT)
        for start, stop in ((2, 4), (0, 4), (3, None)):
            with pytest.raises(BackendUnavailable):
                backend.get("a", start, stop)

    def test_another_range(self, backend, lying):
        lying.answer(206, b"34", Content_Range="bytes 3-4/10")
        with pytest.raises(BackendUnavailable):
            backend.get("a", 2, 4)

    def test_more_than_the_range(self, backend, lying):
        lying.answer(206, b"2345", Content_Range="bytes 2-5/10")
        with pytest.raises(BackendUnavailable):
            backend.get("a", 2, 4)

    def test_a_whole_short_blob_for_a_range_from_its_start_is_no_lie(self, backend, lying):
        lying.answer(200, b"01")
        assert backend.get("a", 0, 4) == b"01"

    def test_a_head_without_size(self, backend, lying):
        lying.answer(200)
        with pytest.raises(BackendUnavailable):
            backend.head("a")

    def test_nobody_there(self, lying):
        made = open_s3(S3Settings("http://127.0.0.1:1", "bucket", "access", "secret"))
        with pytest.raises(BackendUnavailable):
            made.get("a")
        with pytest.raises(BackendUnavailable):
            list(made.list(""))
        made.close()


@pytest.mark.s3
class TestOnARealServer:
    @pytest.fixture
    def bucket(self, open_bucket):
        return open_bucket()

    def test_wrong_keys_are_refused(self, bucket, open_bucket):
        stranger = open_bucket(secret_key="another")
        with pytest.raises(StoreRefused):
            stranger.put("a", b"x")
        with pytest.raises(StoreRefused):
            list(stranger.list(""))

    def test_the_self_test_records_its_habits(self, bucket):
        found = capabilities(bucket, random=os.urandom)
        assert found.sufficient
        assert found.composes
        assert found.copies
        assert found.refuses_wrong_checksum
        assert found.refuses_wrong_md5
        assert found.keeps_versions is False
        assert found.locks_objects is False
        assert list(bucket.list("")) == []

    def test_bytes_that_do_not_match_their_hash_are_refused(self, bucket):
        with pytest.raises(StoreRefused):
            bucket.put("q/a/0.x", b"hello", sha256=bytes(32))
        assert list(bucket.list("")) == []

    def test_real_r14_an_earlier_unfinished_join_is_aborted(self, bucket):
        bucket.put("q/a/0.x", bytes(5 * 1024 * 1024))
        bucket.put("q/a/1.x", b"end")
        for _ in range(2):
            bucket._call("create_multipart_upload", Key="d/a")
        bucket.compose("d/a", ["q/a/0.x", "q/a/1.x"], {})
        assert not bucket._call("list_multipart_uploads", Prefix="d/a").get("Uploads")
        assert bucket.head("d/a").size_bytes == 5 * 1024 * 1024 + 3

    def test_joins_that_were_never_completed_are_swept_when_they_are_old(self, bucket):
        for key in ("d/a", "d/b/c"):
            bucket._call("create_multipart_upload", Key=key)
        sweeper = retrying(bucket)
        assert isinstance(sweeper, Sweeps)
        now = datetime.now(UTC)
        assert sweeper.sweep_hidden(now - timedelta(days=1)) == 0
        assert sweeper.sweep_hidden(now + timedelta(days=1)) == 2
        assert not bucket._call("list_multipart_uploads", Prefix="d/").get("Uploads")

    @pytest.mark.fault("real:R11", "inj:F5")
    @pytest.mark.parametrize("done", [True, False])
    def test_real_r11_a_lost_answer_is_a_head_not_a_second_join(self, bucket, monkeypatch, done):
        bucket.put("q/a/0.x", bytes(5 * 1024 * 1024))
        bucket.put("q/a/1.x", b"end")
        call = bucket._call
        completed = []

        def losing(operation, *args, **arguments):
            if operation == "complete_multipart_upload":
                completed.append(1)
                if done:
                    call(operation, *args, **arguments)
                raise BackendUnavailable
            return call(operation, *args, **arguments)

        monkeypatch.setattr(bucket, "_call", losing)
        if done:
            bucket.compose("d/a", ["q/a/0.x", "q/a/1.x"], {})
            assert bucket.head("d/a").size_bytes == 5 * 1024 * 1024 + 3
        else:
            with pytest.raises(BackendUnavailable):
                bucket.compose("d/a", ["q/a/0.x", "q/a/1.x"], {})
            with pytest.raises(ObjectNotFound):
                bucket.head("d/a")
        assert completed == [1]
