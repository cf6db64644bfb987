"""The key provider that the settings name: opened, described in a line, and probed."""

from __future__ import annotations

import os
from pathlib import Path

from repository.errors import SettingRefused
from repository.settings import KmsKeys, Settings, TokenKeys, TransitKeys
from storage.errors import KeyRefused, KeyUnavailable
from storage.keyring import new_key
from storage.keys.file import FileKeyring
from storage.keys.provider import KeyProvider

CANARY = {"svc": "nea-storage", "scope": "canary", "sk_id": "canary", "v": "1"}


def open_provider(settings: Settings) -> KeyProvider:
    """Open the provider; a key file is made at the first start, a service is not asked anything yet.

    Raises: ``SettingRefused`` for a token without the ``hsm`` extra; errors of storage for a key file that cannot be
    opened.
    """
    match settings.key_service:
        case KmsKeys() as kms:
            from storage.keys.kms import KmsProvider, KmsSettings  # each brings what only it needs

            return KmsProvider(
                KmsSettings(
                    key=kms.key,
                    region=kms.region,
                    endpoint=kms.endpoint_url,
                    access_key=kms.access_key_id,
                    secret_key=kms.secret_access_key,
                )
            )
        case TokenKeys() as token:
            return _open_token(token)
        case TransitKeys() as transit:
            from storage.keys.transit import TransitProvider, TransitSettings

            return TransitProvider(
                TransitSettings(
                    address=transit.address,
                    key=transit.key,
                    token=lambda: _present_token(transit.token_file),
                    mount=transit.mount,
                    namespace=transit.namespace,
                    ca_file=transit.ca_file,
                )
            )
        case None:
            return FileKeyring(settings.keyring_path, passphrase=settings.keyring_passphrase or None)


def described(settings: Settings) -> str:
    """Say in a line who keeps the root keys; no secret is in it."""
    match settings.key_service:
        case KmsKeys() as kms:
            return f"AWS KMS, {kms.key} in {kms.region}"
        case TokenKeys() as token:
            return f"PKCS#11 token {token.token}, keys {token.label}-1 and so on"
        case TransitKeys() as transit:
            return f"transit, key {transit.key} at {transit.address}"
        case None:
            under = " under a passphrase" if settings.keyring_passphrase else ""
            return f"key file {settings.keyring_path}{under}"


def probe(provider: KeyProvider) -> str:
    """Wrap a canary, unwrap it, and see that another context does not open it. Blocks; run it in a thread.

    Returns: the version of the root key that wraps now.
    Raises: ``storage.errors.KeyUnavailable`` if the provider cannot be used; ``KeyRefused`` if it is not to be trusted.
    """
    canary = new_key(os.urandom)
    blob = provider.wrap(canary, CANARY)
    if provider.unwrap(blob, CANARY) != canary:
        raise KeyRefused("The key provider gave back another key than it was given.")
    try:
        provider.unwrap(blob, {**CANARY, "sk_id": "another"})
    except KeyRefused:
        return provider.current()
    raise KeyRefused("The key provider opens a wrap in another context than its own.")


def _open_token(token: TokenKeys) -> KeyProvider:
    try:
        from storage.keys.pkcs11 import TokenProvider, TokenSettings
    except ImportError:
        raise SettingRefused(
            "NEA_KEY_PROVIDER is pkcs11, which needs the extra: pip install 'nea-repository[hsm]'.",
            variable="NEA_KEY_PROVIDER",
        ) from None
    return TokenProvider(TokenSettings(token.module, token.token, token.label, token.pin))


def _present_token(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise KeyUnavailable("The token of the key service cannot be read from its file.") from error
