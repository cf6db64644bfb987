"""A key provider in AWS KMS: root keys that never leave the service, found by an alias.

A version of the root key is a KMS key; the alias points to the one that wraps now. A wrap names its key by id, which the
service looks up in our own account and region only: a wrap made under somebody else's key is refused, not opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from storage.errors import KeyRefused, KeyUnavailable
from storage.keyring import KEY_BYTES, SecretKey
from storage.keys.provider import framed, unframed
from storage.s3 import checked_endpoint

CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
"""A key service answers in milliseconds, and somebody waits for it."""
_ALIAS = "alias/"
_REFUSED = {
    "InvalidCiphertextException",
    "IncorrectKeyException",
    "NotFoundException",
    "ValidationException",
    "InvalidKeyUsageException",
}
"""Answers to Decrypt that are about the record."""
_DENIED = "AccessDeniedException"


@dataclass(frozen=True, slots=True)
class KmsSettings:
    """Where the service is and who we are there. Empty credentials mean those that the machine's role gives."""

    key: str
    region: str
    endpoint: str = ""
    access_key: str = ""
    secret_key: str = field(default="", repr=False)


class KmsProvider:
    """Wraps scope keys by Encrypt and opens them by Decrypt, under an encryption context."""

    def __init__(self, settings: KmsSettings) -> None:
        """Takes: `settings.key`, an alias (`alias/…`) or, if nothing is ever to be rotated by us, a key id.

        Raises: EndpointInsecure. Nothing is sent yet.
        """
        self._key = settings.key
        self._client: Any = boto3.session.Session().client(
            "kms",
            region_name=settings.region,
            endpoint_url=checked_endpoint(settings.endpoint) if settings.endpoint else None,
            aws_access_key_id=settings.access_key or None,
            aws_secret_access_key=settings.secret_key or None,
            config=Config(
                retries={"total_max_attempts": 2, "mode": "standard"},
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
            ),
        )

    def __repr__(self) -> str:
        return f"KmsProvider({self._key!r})"

    def current(self) -> str:
        """The id of the KMS key that the alias points to."""
        return str(self._asked("describe_key", KeyId=self._key)["KeyMetadata"]["KeyId"])

    def wrap(self, key: SecretKey, context: Mapping[str, str]) -> bytes:
        """The key as KMS encrypted it, behind the id of the KMS key."""
        answer = self._asked("encrypt", KeyId=self._key, Plaintext=key.reveal(), EncryptionContext=dict(context))
        return framed(_key_id(answer), bytes(answer["CiphertextBlob"]))

    def unwrap(self, blob: bytes, context: Mapping[str, str]) -> SecretKey:
        """The key back.

        Raises: KeyRefused (E1), KeyUnavailable.
        """
        kid, sealed = unframed(blob)
        if not kid or not sealed or ":" in kid or kid.startswith(_ALIAS):  # an ARN would lead out of our own account
            raise KeyRefused(diagnosis="E1", level="root")
        try:
            answer = self._asked("decrypt", KeyId=kid, CiphertextBlob=sealed, EncryptionContext=dict(context))
        except KeyUnavailable as error:
            code = str(error.facts.get("answer", ""))
            if code == _DENIED:
                # Either this wrap names a key that is not ours to use, or we may not decrypt at all. A wrap of our own tells.
                self._prove_decrypting()
            if code == _DENIED or code in _REFUSED:
                raise KeyRefused(diagnosis="E1", level="root", answer=code) from None
            raise
        plain = bytes(answer["Plaintext"])
        if _key_id(answer) != kid or len(plain) != KEY_BYTES:
            raise KeyRefused(diagnosis="E1", level="root")
        return SecretKey(plain)

    def rotate(self) -> str:
        """Make a KMS key like the present one, its policy included, and point the alias to it.

        Raises: KeyRefused if we were given a key instead of an alias; KeyUnavailable.
        """
        if not self._key.startswith(_ALIAS):
            raise KeyRefused("The root key is named by its id; only an alias (alias/…) can be pointed to a new key.")
        before = self._asked("describe_key", KeyId=self._key)["KeyMetadata"]
        policy = self._asked("get_key_policy", KeyId=before["KeyId"], PolicyName="default")["Policy"]
        made = self._asked(
            "create_key",
            Policy=policy,
            Description=before.get("Description", ""),
            KeyUsage="ENCRYPT_DECRYPT",
            KeySpec="SYMMETRIC_DEFAULT",
            MultiRegion=bool(before.get("MultiRegion", False)),
        )["KeyMetadata"]
        self._asked("update_alias", AliasName=self._key, TargetKeyId=made["KeyId"])
        return str(made["KeyId"])

    def _prove_decrypting(self) -> None:
        made = self._asked("encrypt", KeyId=self._key, Plaintext=bytes(KEY_BYTES))
        self._asked("decrypt", KeyId=_key_id(made), CiphertextBlob=made["CiphertextBlob"])

    def _asked(self, operation: str, **words: object) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._client, operation)(**words)
        except ClientError as error:
            raise KeyUnavailable(
                f"The key service refuses {operation}: {_code(error)}. Check key, region and permissions.",
                answer=_code(error),
            ) from error
        except BotoCoreError as error:
            raise KeyUnavailable(cause=type(error).__name__) from error
        return answer


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _key_id(answer: Mapping[str, Any]) -> str:
    return str(answer["KeyId"]).rpartition("/")[2]
