"""Decrypt an exported object with Tink and nothing of ours: decrypt_with_tink.py KEY.json OBJECT OUTPUT."""

import base64
import io
import json
import sys
from pathlib import Path

from tink import json_proto_keyset_format, secret_key_access, streaming_aead
from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2

PART_BYTES, PART_PLAIN_BYTES = 8_388_608, 8_386_520


def primitive(stream_key: bytes) -> streaming_aead.StreamingAead:
    streaming_aead.register()
    params = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingParams(
        ciphertext_segment_size=65_536, derived_key_size=32, hkdf_hash_type=common_pb2.SHA256
    )
    value = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(params=params, key_value=stream_key).SerializeToString()
    url = "type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey"
    data = {"typeUrl": url, "keyMaterialType": "SYMMETRIC", "value": base64.b64encode(value).decode()}
    key = {"keyData": data, "keyId": 1, "outputPrefixType": "RAW", "status": "ENABLED"}
    keyset = json.dumps({"primaryKeyId": 1, "key": [key]})
    return json_proto_keyset_format.parse(keyset, secret_key_access.TOKEN).primitive(streaming_aead.StreamingAead)


def main(key_file: str, object_file: str, output_file: str) -> None:
    export = json.loads(Path(key_file).read_text())
    aead = primitive(bytes.fromhex(export["stream_key"]))
    with open(object_file, "rb") as sealed, open(output_file, "wb") as output:
        for index in range(max(1, -(-export["total_bytes"] // PART_PLAIN_BYTES))):
            aad = f"sdr1|{export['oid']}|{export['total_bytes']}|{index}".encode()
            output.write(aead.new_decrypting_stream(io.BytesIO(sealed.read(PART_BYTES)), aad).read())
        if sealed.read(1):
            sys.exit("There is more after the object's last part: it was added to.")


if __name__ == "__main__":
    main(*sys.argv[1:])
