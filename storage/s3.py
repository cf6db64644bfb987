"""A backend on any S3-compatible store.

boto3 does the control work: listing, joining, copying, versions. The bytes of `put`, ranged `get`, `head` and `delete`
go over our own pooled connections with requests that botocore signs: no copy of the buffer, and no second pass over it
when its SHA-256 is known.

Notes on the stores
    * Names are unique and blobs immutable, so nothing relies on conditional writes, ETags or S3 multipart uploads for
      receiving.
    * A multipart upload is used only to join parts that are stored already. Every part but the last must have 5 MiB.
    * `CompleteMultipartUpload` may answer 200 and fail in the body, or succeed and lose the answer: only a HEAD
      decides.
    * An earlier unfinished join of the same name is aborted before a new one begins, so at most one is ever open.
    * Default CRC trailers break several stores; we send `x-amz-checksum-sha256` ourselves where the store checks it.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import boto3
import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError

from storage.backend import Data, ObjectHead, checked_range, pieces
from storage.errors import (
    BackendUnavailable,
    ComposeRefused,
    EndpointInsecure,
    ObjectNotFound,
    StorageError,
    StorageFull,
    StoreRefused,
)
from storage.names import DOCUMENTS, checked_key, checked_prefix

CONNECT_SECONDS = 5.0
READ_SECONDS = 60.0
COMPOSE_MINIMUM_BYTES = 5 * 1024 * 1024
COMPOSE_PARTS_LIMIT = 10_000
_COPIES_AT_ONCE = 8
_METADATA = "x-amz-meta-"
_ABSENT = {"NoSuchKey", "NotFound", "404", "NoSuchUpload"}
_UNSUPPORTED = {"NotImplemented", "MethodNotAllowed", "InvalidRequest", "EntityTooSmall", "501", "405"}
_FULL_STATUS = 507
_MISSING_STATUS = 404
_RANGE_STATUS = 416
_PARTIAL_STATUS = 206


@dataclass(frozen=True, slots=True)
class S3Settings:
    """Where the store is and how it is spoken to."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str = field(repr=False)
    region: str = "us-east-1"
    connections: int = 16
    sends_checksums: bool = True
    joins_parts: bool = True


class _Signer(S3SigV4Auth):  # type: ignore[misc]
    """Signs with a payload hash that is known already, instead of reading the body again."""

    def payload(self, request: Any) -> str:
        return str(request.context["payload_sha256"])


def checked_endpoint(endpoint: str) -> str:
    """The endpoint without a closing slash, if bytes and credentials are safe on the way to it.

    Raises: EndpointInsecure unless it is https, or http to this machine.
    """
    parts = urlsplit(endpoint)
    if parts.scheme == "https" and parts.hostname:
        return endpoint.rstrip("/")
    if parts.scheme == "http" and _is_this_machine(parts.hostname or ""):
        return endpoint.rstrip("/")
    raise EndpointInsecure


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def open_s3(settings: S3Settings) -> S3Backend:
    """A backend on the store, with the power to join parts unless the settings deny it.

    Raises: EndpointInsecure. Nothing is sent yet.
    """
    return S3JoiningBackend(settings) if settings.joins_parts else S3Backend(settings)


class S3Backend:
    """Keeps blobs in one bucket."""

    def __init__(self, settings: S3Settings) -> None:
        endpoint = checked_endpoint(settings.endpoint)
        host = urlsplit(endpoint).hostname or ""
        on_aws = host == "amazonaws.com" or host.endswith(".amazonaws.com")
        self._settings = settings
        self._bucket = settings.bucket
        self._credentials = Credentials(settings.access_key, settings.secret_key)
        self._client: Any = boto3.session.Session().client(
            "s3",
            endpoint_url=endpoint,
            region_name=settings.region,
            aws_access_key_id=settings.access_key,
            aws_secret_access_key=settings.secret_key,
            config=Config(
                signature_version="s3v4",
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                retries={"total_max_attempts": 1, "mode": "standard"},
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                max_pool_connections=settings.connections,
                s3={"addressing_style": "virtual" if on_aws else "path"},
            ),
        )
        if on_aws:
            scheme, _, rest = endpoint.partition("://")
            self._base = f"{scheme}://{settings.bucket}.{rest}/"
        else:
            self._base = f"{endpoint}/{settings.bucket}/"
        self._pool = urllib3.PoolManager(
            maxsize=settings.connections,
            block=True,
            retries=False,
            timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
        )

    def close(self) -> None:
        """Let go of every connection."""
        self._pool.clear()
        self._client.close()

    # The data path

    def put(
        self, key: str, data: Data, *, metadata: Mapping[str, str] | None = None, sha256: bytes | None = None
    ) -> None:
        """Keep a blob; the signature and the checksum both bind the bytes."""
        checked_key(key)
        views = pieces(data)
        digest = sha256 or _sha256(views)
        headers = {f"{_METADATA}{name}": value for name, value in (metadata or {}).items()}
        headers["Content-Length"] = str(sum(len(view) for view in views))
        headers["Content-Type"] = "application/octet-stream"
        if self._settings.sends_checksums:
            headers["x-amz-checksum-sha256"] = base64.b64encode(digest).decode("ascii")
        body = views[0] if len(views) == 1 else iter(views)
        self._send("PUT", key, headers, body=body, payload_sha256=digest.hex())

    def get(self, key: str, start: int = 0, stop: int | None = None) -> bytes:
        """The bytes of a range; an answer that is not the range asked for is a fault of the store."""
        checked_range(start, stop)
        checked_key(key)
        if stop is not None and stop == start:
            self.head(key)
            return b""
        headers = {}
        if start or stop is not None:
            headers["Range"] = f"bytes={start}-{'' if stop is None else stop - 1}"
        status, found, body = self._send("GET", key, headers, also=(_RANGE_STATUS,))
        if status == _RANGE_STATUS:
            return b""
        if "Range" in headers:
            given = found.get("Content-Range", "")
            if status != _PARTIAL_STATUS and (start or (stop is not None and len(body) > stop)):
                raise BackendUnavailable("The store did not keep to the range asked for.", key=key)
            if status == _PARTIAL_STATUS and not given.startswith(f"bytes {start}-"):
                raise BackendUnavailable("The store did not keep to the range asked for.", key=key)
            if stop is not None and len(body) > stop - start:
                raise BackendUnavailable("The store did not keep to the range asked for.", key=key)
        return body

    def head(self, key: str) -> ObjectHead:
        """Size, instant and metadata."""
        _, found, _ = self._send("HEAD", checked_key(key), {})
        metadata = {
            name.lower().removeprefix(_METADATA): value
            for name, value in found.items()
            if name.lower().startswith(_METADATA)
        }
        try:
            modified_at = parsedate_to_datetime(found["Last-Modified"])
            return ObjectHead(key, int(found["Content-Length"]), modified_at, metadata)
        except (KeyError, ValueError):
            raise BackendUnavailable("The store did not describe the object.", key=key) from None

    def delete(self, key: str) -> None:
        """Forget a blob."""
        self._send("DELETE", checked_key(key), {}, also=(_MISSING_STATUS,))

    def _send(
        self,
        method: str,
        key: str,
        headers: Mapping[str, str],
        *,
        body: memoryview | Iterator[memoryview] | None = None,
        payload_sha256: str = hashlib.sha256(b"").hexdigest(),
        also: Sequence[int] = (),
    ) -> tuple[int, Mapping[str, str], bytes]:
        request = AWSRequest(method=method, url=self._base + key, headers=dict(headers))
        request.context["payload_sha256"] = payload_sha256
        _Signer(self._credentials, "s3", self._settings.region).add_auth(request)
        try:
            answer = self._pool.request(
                method,
                self._base + key,
                headers=dict(request.headers.items()),
                body=body,  # type: ignore[arg-type]
                preload_content=True,
                decode_content=False,
                redirect=False,
            )
        except urllib3.exceptions.HTTPError as error:
            raise BackendUnavailable(key=key, cause=type(error).__name__) from error
        if answer.status // 100 == 2 or answer.status in also:
            return answer.status, answer.headers, answer.data
        raise _refusal(answer.status, _error_code(answer.data), key)

    # The control path

    def _call(self, operation: str, key: str = "", **arguments: object) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(Bucket=self._bucket, **arguments)
        except ClientError as error:
            status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            raise _refusal(status, str(error.response.get("Error", {}).get("Code", "")), key) from error
        except BotoCoreError as error:
            raise BackendUnavailable(key=key, cause=type(error).__name__) from error
        except RecursionError:  # botocore follows a redirect by asking again, which redirects again
            raise StoreRefused("The store sends us elsewhere; check endpoint and region.", key=key) from None
        return answer

    def list(self, prefix: str) -> Iterator[ObjectHead]:
        """Every blob under a prefix, page by page."""
        token: dict[str, str] = {}
        while True:
            page = self._call("list_objects_v2", prefix, Prefix=checked_prefix(prefix), **token)
            for entry in page.get("Contents", ()):
                yield ObjectHead(entry["Key"], entry["Size"], entry["LastModified"].astimezone(UTC))
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def copy(self, source: str, target: str, metadata: Mapping[str, str]) -> None:
        """Copy a blob on the store's side."""
        self._call(
            "copy_object",
            source,
            Key=checked_key(target),
            CopySource={"Bucket": self._bucket, "Key": checked_key(source)},
            Metadata=dict(metadata),
            MetadataDirective="REPLACE",
        )

    def purge(self, key: str) -> None:
        """Forget every version of a blob and every mark of its deletion."""
        self.delete(key)
        marker: dict[str, str] = {}
        while True:
            try:
                page = self._call("list_object_versions", key, Prefix=checked_key(key), **marker)
            except ComposeRefused:
                return  # a store without versions: the deletion was all there is
            for entry in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]:
                if entry["Key"] == key:
                    self._call("delete_object", key, Key=key, VersionId=entry["VersionId"])
            if not page.get("IsTruncated"):
                return
            marker = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}

    # Probes for the capability self-test

    def make_bucket(self) -> None:
        """Make the bucket if there is none; for a first start on a store of one's own, and for tests."""
        try:
            self._call("create_bucket")
        except StorageError:
            self._call("head_bucket")

    def refuses_wrong_checksum(self, key: str) -> bool:
        """Whether the store refuses bytes that do not match the checksum sent with them; leaves nothing behind."""
        headers = {
            "Content-Length": "5",
            "x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(b"other").digest()).decode("ascii"),
        }
        return self._refuses(checked_key(key), headers)

    def refuses_wrong_md5(self, key: str) -> bool:
        """Whether the store refuses bytes that do not match `Content-MD5`; leaves nothing behind."""
        wrong = base64.b64encode(hashlib.md5(b"other", usedforsecurity=False).digest()).decode("ascii")
        return self._refuses(checked_key(key), {"Content-Length": "5", "Content-MD5": wrong})

    def refuses_overwrite(self, key: str) -> bool:
        """Whether the store keeps a blob when asked to write only if there is none; `key` must exist."""
        return self._refuses(checked_key(key), {"Content-Length": "5", "If-None-Match": "*"})

    def _refuses(self, key: str, headers: Mapping[str, str]) -> bool:
        digest = hashlib.sha256(b"probe").hexdigest()
        try:
            self._send("PUT", key, headers, body=memoryview(b"probe"), payload_sha256=digest)
        except BackendUnavailable:
            raise
        except StorageError:
            return True
        self.delete(key)
        return False

    def keeps_versions(self) -> bool:
        """Whether the bucket keeps old versions."""
        with suppress(ComposeRefused, StoreRefused, ObjectNotFound):
            return self._call("get_bucket_versioning").get("Status") == "Enabled"
        return False

    def locks_objects(self) -> bool:
        """Whether the bucket can hold objects against deletion."""
        with suppress(ComposeRefused, StoreRefused, ObjectNotFound):
            found = self._call("get_object_lock_configuration").get("ObjectLockConfiguration", {})
            return bool(found.get("ObjectLockEnabled") == "Enabled")
        return False


class S3JoiningBackend(S3Backend):
    """A store that can join stored parts on its own side."""

    compose_minimum_bytes = COMPOSE_MINIMUM_BYTES

    def compose(self, target: str, sources: Sequence[str], metadata: Mapping[str, str]) -> None:
        """Join blobs by `UploadPartCopy`; a single one is copied.

        Raises: ComposeRefused where the store does not offer it; ObjectNotFound; BackendUnavailable.
        """
        checked_key(target)
        if not 0 < len(sources) <= COMPOSE_PARTS_LIMIT:
            raise ComposeRefused(parts=len(sources))
        if len(sources) == 1:
            self.copy(sources[0], target, metadata)
            return
        self._abort_earlier(target)
        begun = self._call(
            "create_multipart_upload",
            target,
            Key=target,
            Metadata=dict(metadata),
            ContentType="application/octet-stream",
        )
        upload_id = str(begun["UploadId"])
        try:
            parts = self._copy_parts(target, upload_id, sources)
            self._call(
                "complete_multipart_upload", target, Key=target, UploadId=upload_id, MultipartUpload={"Parts": parts}
            )
        except StorageError as error:
            if not (isinstance(error, BackendUnavailable) and self._joined(target, sources)):
                with suppress(StorageError):
                    self._call("abort_multipart_upload", target, Key=target, UploadId=upload_id)
                raise

    def _copy_parts(self, target: str, upload_id: str, sources: Sequence[str]) -> Sequence[dict[str, object]]:
        def copy_part(numbered: tuple[int, str]) -> dict[str, object]:
            number, source = numbered
            answer = self._call(
                "upload_part_copy",
                source,
                Key=target,
                UploadId=upload_id,
                PartNumber=number,
                CopySource={"Bucket": self._bucket, "Key": checked_key(source)},
            )
            return {"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]}

        with ThreadPoolExecutor(min(_COPIES_AT_ONCE, self._settings.connections, len(sources))) as pool:
            return list(pool.map(copy_part, enumerate(sources, start=1)))

    def _joined(self, target: str, sources: Sequence[str]) -> bool:
        # The answer was lost, not necessarily the join; the caller still compares size and metadata.
        try:
            return self.head(target).size_bytes == sum(self.head(source).size_bytes for source in sources)
        except StorageError:
            return False

    def sweep_hidden(self, older_than_at: datetime) -> int:
        """Abort joins that began before an instant and were never completed; returns how many."""
        swept = 0
        try:
            uploads = list(self._open_joins(DOCUMENTS))
        except ComposeRefused:
            return 0  # a store that does not join has nothing to abort
        for upload in uploads:
            if upload["Initiated"] < older_than_at:
                with suppress(ObjectNotFound):
                    self._abort(upload)
                    swept += 1
        return swept

    def _open_joins(self, prefix: str) -> Iterator[dict[str, Any]]:
        marker: dict[str, str] = {}
        while True:
            page = self._call("list_multipart_uploads", prefix, Prefix=prefix, **marker)
            yield from page.get("Uploads", ())
            if not page.get("IsTruncated"):
                return
            marker = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}

    def _abort(self, upload: Mapping[str, Any]) -> None:
        self._call("abort_multipart_upload", upload["Key"], Key=upload["Key"], UploadId=upload["UploadId"])

    def _abort_earlier(self, target: str) -> None:
        for upload in list(self._open_joins(target)):
            if upload["Key"] == target:
                with suppress(ObjectNotFound):
                    self._abort(upload)


def _sha256(views: Sequence[memoryview]) -> bytes:
    digest = hashlib.sha256()
    for view in views:
        digest.update(view)
    return digest.digest()


def _error_code(body: bytes) -> str:
    _, _, rest = body.partition(b"<Code>")
    code, closed, _ = rest.partition(b"</Code>")
    return code.decode("ascii", "replace") if closed else ""


def _refusal(status: int, code: str, key: str) -> StorageError:
    facts: dict[str, object] = {"key": key, "status": status, "store_code": code}
    if status == _MISSING_STATUS or code in _ABSENT:
        if code == "NoSuchBucket":
            return StoreRefused("The bucket does not exist.", **facts)
        return ObjectNotFound(**facts)
    if status == _FULL_STATUS or code in {"QuotaExceeded", "XMinioStorageFull", "InsufficientStorage"}:
        return StorageFull(**facts)
    if status in (405, 501) or code in _UNSUPPORTED:
        return ComposeRefused("The store does not offer this.", **facts)
    if status in (408, 409, 425, 429) or status >= 500 or status < 200 or code in {"SlowDown", "RequestTimeout"}:
        return BackendUnavailable(**facts)
    return StoreRefused(**facts)
