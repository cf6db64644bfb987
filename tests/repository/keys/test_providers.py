"""The settings open each key provider, the service runs on it, and a probe tells a good one from a bad one."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from repository import app
from repository.keys.providers import described, open_provider, probe
from repository.settings import from_environ
from storage.errors import KeyRefused, KeyUnavailable
from storage.keyring import SecretKey
from storage.keys.file import FileKeyring
from storage.keys.provider import Rotates
from tests.servers.fixtures import kms_address, token, transit
from tests.servers.softhsm import Token
from tests.servers.transit import Transit
from tests.storage.keys.test_providers import REGION, new_alias

__all__ = ["kms_address", "token", "transit"]


def private(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o600)
    return str(path)


@pytest.fixture(params=["file", "kms", "pkcs11", "transit"])
def provider_environ(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    chosen = {"NEA_DATA_DIR": str(tmp_path / "data"), "NEA_KEY_PROVIDER": request.param}
    match request.param:
        case "kms":
            address = request.getfixturevalue("kms_address")
            return chosen | {
                "NEA_KMS_KEY": new_alias(address),
                "NEA_KMS_REGION": REGION,
                "NEA_KMS_ENDPOINT_URL": address,
                "NEA_KMS_ACCESS_KEY_ID": "test",
                "NEA_KMS_SECRET_ACCESS_KEY_FILE": private(tmp_path / "secret", "test\n"),
            }
        case "pkcs11":
            made: Token = request.getfixturevalue("token")
            return chosen | {
                "NEA_PKCS11_MODULE": str(made.module),
                "NEA_PKCS11_TOKEN": made.label,
                "NEA_PKCS11_KEY": f"probe-{tmp_path.name[-32:]}",
                "NEA_PKCS11_PIN_FILE": private(tmp_path / "pin", made.pin),
            }
        case "transit":
            engine: Transit = request.getfixturevalue("transit")
            return chosen | {
                "NEA_TRANSIT_ADDRESS": engine.address,
                "NEA_TRANSIT_TOKEN_FILE": private(tmp_path / "token", engine.token),
            }
        case _:
            return chosen


async def test_the_service_composes_with_each_provider(provider_environ: dict[str, str], migrated_file: Path) -> None:
    environ = provider_environ
    settings = from_environ(environ)
    settings.data_dir.mkdir(exist_ok=True)
    shutil.copy(migrated_file, settings.data_dir / "nea.sqlite3")
    services = await app.compose(settings)
    provider = services.vault.keys
    if environ["NEA_KEY_PROVIDER"] == "pkcs11":
        assert isinstance(provider, Rotates)
        provider.rotate()
    assert probe(provider) == provider.current()
    shown = described(settings)
    assert environ["NEA_KEY_PROVIDER"].replace("pkcs11", "PKCS#11").lower() in shown.lower()
    service = settings.key_service
    assert getattr(service, "pin", "-no pin-") not in shown
    assert (settings.data_dir / "keyring.json").exists() == (environ["NEA_KEY_PROVIDER"] == "file")
    await services.database.close()


def test_a_token_file_that_went_away_is_unavailable(transit: Transit, tmp_path: Path) -> None:
    path = tmp_path / "token"
    provider = open_provider(
        from_environ(
            {
                "NEA_KEY_PROVIDER": "transit",
                "NEA_TRANSIT_ADDRESS": transit.address,
                "NEA_TRANSIT_TOKEN_FILE": private(path, transit.token),
            }
        )
    )
    probe(provider)
    path.unlink()
    with pytest.raises(KeyUnavailable, match="token"):
        probe(provider)


class Forgetful:
    """A provider that ignores the context, as a misconfigured service would."""

    def __init__(self, inner: FileKeyring) -> None:
        self.inner = inner

    def current(self) -> str:
        return self.inner.current()

    def wrap(self, key: SecretKey, context: Mapping[str, str]) -> bytes:
        return self.inner.wrap(key, {})

    def unwrap(self, blob: bytes, context: Mapping[str, str]) -> Any:
        return self.inner.unwrap(blob, {})


def test_a_provider_that_ignores_the_context_is_not_to_be_trusted(tmp_path: Path) -> None:
    with pytest.raises(KeyRefused, match="context"):
        probe(Forgetful(FileKeyring(tmp_path / "root.json")))
