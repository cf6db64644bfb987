from pathlib import Path

import pytest

from repository.errors import SettingRefused
from repository.settings import VARIABLES, from_environ


def test_defaults_are_the_embedded_service_on_loopback() -> None:
    settings = from_environ({})
    assert settings.database_url.startswith("sqlite+aiosqlite:///")
    assert settings.s3 is None
    assert (settings.host, settings.port, settings.rehearsal) == ("127.0.0.1", 8080, False)
    assert settings.base_url == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NEA_PORT", "eighty"),
        ("NEA_PORT", "70000"),
        ("NEA_PORT", "-1"),
        ("NEA_REHEARSAL", "maybe"),
        ("NEA_BASE_URL", "ftp://example"),
        ("NEA_UPLOAD_LIMIT_MIB", "0"),
        ("NEA_SESSION_IDLE_MINUTES", "1.5"),
        ("NEA_KEYRING_PASSPHRASE_FILE", "/does/not/exist"),
    ],
)
def test_each_refusal_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(SettingRefused) as refusal:
        from_environ({name: value})
    assert name in refusal.value.detail


def test_a_misspelt_variable_is_refused() -> None:
    with pytest.raises(SettingRefused, match="NEA_PROT"):
        from_environ({"NEA_PROT": "80"})


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "::", "school.example"])
def test_rehearsal_is_loopback_only(host: str) -> None:
    with pytest.raises(SettingRefused, match="NEA_HOST"):
        from_environ({"NEA_REHEARSAL": "yes", "NEA_HOST": host})


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_rehearsal_runs_on_loopback(host: str) -> None:
    assert from_environ({"NEA_REHEARSAL": "yes", "NEA_HOST": host}).rehearsal


def test_a_bucket_needs_its_secret_from_a_private_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hush\n")
    secret.chmod(0o644)
    environ = {
        "NEA_S3_BUCKET": "work",
        "NEA_S3_ACCESS_KEY_ID": "key",
        "NEA_S3_SECRET_ACCESS_KEY_FILE": str(secret),
    }
    with pytest.raises(SettingRefused, match="chmod 600"):
        from_environ(environ)
    secret.chmod(0o600)
    settings = from_environ(environ)
    assert settings.s3 is not None
    assert settings.s3.secret_access_key == "hush"


def test_every_setting_is_documented() -> None:
    text = (Path(__file__).parents[2] / "infra" / "docs" / "settings.md").read_text()
    for name, (default, meaning) in VARIABLES.items():
        assert f"| `{name}` | {default or '–'} | {meaning} |" in text
