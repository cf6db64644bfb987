from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from repository.errors import SettingRefused
from repository.settings import VARIABLES, TokenKeys, from_environ


def test_defaults_are_the_embedded_service_on_loopback() -> None:
    settings = from_environ({})
    assert settings.database_url.startswith("sqlite:///")
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


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"NEA_KEY_PROVIDER": "hsm"}, "NEA_KEY_PROVIDER"),
        ({"NEA_KEY_PROVIDER": "kms"}, "NEA_KMS_KEY"),
        ({"NEA_KEY_PROVIDER": "kms", "NEA_KMS_KEY": "alias/nea"}, "NEA_KMS_REGION"),
        ({"NEA_KMS_KEY": "alias/nea", "NEA_KMS_REGION": "eu-west-2"}, "NEA_KMS_KEY"),
        ({"NEA_KEY_PROVIDER": "kms", "NEA_KMS_KEY": "a", "NEA_KMS_REGION": "b", "NEA_KEYRING_FILE": "c"}, "KEYRING"),
        (
            {"NEA_KEY_PROVIDER": "kms", "NEA_KMS_KEY": "a", "NEA_KMS_REGION": "b", "NEA_KMS_ACCESS_KEY_ID": "c"},
            "NEA_KMS_SECRET_ACCESS_KEY_FILE",
        ),
        (
            {
                "NEA_KEY_PROVIDER": "kms",
                "NEA_KMS_KEY": "a",
                "NEA_KMS_REGION": "b",
                "NEA_KMS_ENDPOINT_URL": "http://192.0.2.1",
            },
            "NEA_KMS_ENDPOINT_URL",
        ),
        ({"NEA_KEY_PROVIDER": "pkcs11"}, "NEA_PKCS11_MODULE"),
        ({"NEA_KEY_PROVIDER": "transit", "NEA_TRANSIT_ADDRESS": "https://keys.example"}, "NEA_TRANSIT_TOKEN_FILE"),
    ],
)
def test_a_key_provider_is_configured_whole_or_refused(environ: dict[str, str], named: str) -> None:
    with pytest.raises(SettingRefused, match=named):
        from_environ(environ)


def test_secrets_of_key_providers_come_from_private_files(tmp_path: Path) -> None:
    module, pin = tmp_path / "token.so", tmp_path / "pin"
    module.write_text("")
    pin.write_text("1234\n")
    environ = {
        "NEA_KEY_PROVIDER": "pkcs11",
        "NEA_PKCS11_MODULE": str(module),
        "NEA_PKCS11_TOKEN": "work",
        "NEA_PKCS11_PIN_FILE": str(pin),
    }
    pin.chmod(0o640)
    with pytest.raises(SettingRefused, match="chmod 600"):
        from_environ(environ)
    pin.chmod(0o600)
    settings = from_environ(environ)
    assert isinstance(settings.key_service, TokenKeys)
    assert (settings.key_service.pin, settings.key_service.label) == ("1234", "nea-root")
    assert "1234" not in repr(settings.key_service)
    with pytest.raises(SettingRefused, match="NEA_PKCS11_KEY"):
        from_environ({**environ, "NEA_PKCS11_KEY": "no spaces"})
    with pytest.raises(SettingRefused, match="NEA_PKCS11_MODULE"):
        from_environ({**environ, "NEA_PKCS11_MODULE": str(tmp_path / "none.so")})


def test_every_setting_is_documented() -> None:
    text = (Path(__file__).parents[2] / "infra" / "docs" / "settings.md").read_text()
    for name, (default, meaning) in VARIABLES.items():
        assert f"| `{name}` | {default or '–'} | {meaning} |" in text


def test_the_password_of_the_database_comes_from_a_file_only(tmp_path: Path) -> None:
    secret = tmp_path / "database.password"
    secret.write_text("p@ss/word of many\n")
    secret.chmod(0o600)
    environ = {"NEA_DATABASE_URL": "postgresql+psycopg://nea@db.example/nea?sslmode=verify-full"}
    assert from_environ(environ).database_url == environ["NEA_DATABASE_URL"]
    settings = from_environ({**environ, "NEA_DATABASE_PASSWORD_FILE": str(secret)})
    assert make_url(settings.database_url).password == "p@ss/word of many"
    assert "of many" not in repr(settings)
    secret.chmod(0o644)
    with pytest.raises(SettingRefused, match="NEA_DATABASE_PASSWORD_FILE"):
        from_environ({**environ, "NEA_DATABASE_PASSWORD_FILE": str(secret)})


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://nea:hunter2@db.example/nea",
        "postgresql+psycopg://nea@db.example/nea?password=hunter2",
        "db",
    ],
)
def test_a_database_url_with_a_password_or_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(SettingRefused) as refused:
        from_environ({"NEA_DATABASE_URL": url})
    assert refused.value.facts["variable"] == "NEA_DATABASE_URL"
    assert "hunter2" not in str(refused.value)
