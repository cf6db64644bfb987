from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from storage.keys.file import FileKeyring
from storage.memory import MemoryBackend
from storage.streaming import Geometry
from storage.vault import Vault
from tests.servers.fixtures import open_bucket, s3_bucket, s3_server

__all__ = ["OID", "OTHER_OID", "SMALL", "KeepOpen", "open_bucket", "s3_bucket", "s3_server"]

OID = "00000000-0000-4000-8000-000000000001"
OTHER_OID = "00000000-0000-4000-8000-000000000002"
# Four segments of 128 bytes a part: every border of the format within a few hundred bytes.
SMALL = Geometry(part_ciphertext_bytes=512, segment_ciphertext_bytes=128)


@pytest.fixture
def vectors() -> dict:
    return json.loads((Path(__file__).parent.parent / "vectors" / "sdr1.json").read_text())


@pytest.fixture
def keys(tmp_path: Path) -> FileKeyring:
    return FileKeyring(tmp_path / "keys" / "root.json")


@pytest.fixture
def backend() -> MemoryBackend:
    return MemoryBackend()


@pytest.fixture
def vault(backend: MemoryBackend, keys: FileKeyring) -> Vault:
    return Vault(backend, keys, geometry=SMALL)


@pytest.fixture(scope="session")
def tink() -> Callable[[bytes, int], object]:
    """Stock Tink under a raw key, with any legal segment size."""
    from tink import json_proto_keyset_format, secret_key_access, streaming_aead
    from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2

    streaming_aead.register()

    def primitive(stream_key: bytes, segment_bytes: int = 65_536) -> object:
        params = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingParams(
            ciphertext_segment_size=segment_bytes, derived_key_size=32, hkdf_hash_type=common_pb2.SHA256
        )
        value = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(
            params=params, key_value=stream_key
        ).SerializeToString()
        data = {
            "typeUrl": "type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey",
            "keyMaterialType": "SYMMETRIC",
            "value": base64.b64encode(value).decode(),
        }
        key = {"keyData": data, "keyId": 1, "outputPrefixType": "RAW", "status": "ENABLED"}
        text = json.dumps({"primaryKeyId": 1, "key": [key]})
        return json_proto_keyset_format.parse(text, secret_key_access.TOKEN).primitive(streaming_aead.StreamingAead)

    return primitive


class KeepOpen(io.BytesIO):
    """A buffer that Tink's closing of its sink does not empty."""

    def close(self) -> None:
        pass
