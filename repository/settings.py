"""Settings: read once, from a mapping, into one frozen value. The only place that knows variable names."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from repository.errors import SettingRefused

DEFAULT_PORT = 8080
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class S3Settings:
    """Where the bucket is and who we are there. ``endpoint_url`` empty means AWS."""

    bucket: str
    endpoint_url: str
    region: str
    access_key_id: str
    secret_access_key: str


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the service is told from outside. Sizes in bytes, times in seconds."""

    data_dir: Path
    database_url: str
    s3: S3Settings | None
    keyring_path: Path
    keyring_passphrase: str
    host: str
    port: int
    base_url: str
    rehearsal: bool
    works_itself: bool
    frontend_dir: Path
    upload_limit_bytes: int
    upload_ttl_seconds: int
    session_idle_seconds: int
    session_limit_seconds: int

    @property
    def secure_cookies(self) -> bool:
        """Return whether cookies carry ``Secure`` and the ``__Host-`` prefix: whenever people come by https."""
        return self.base_url.startswith("https://")


# Every variable: name → (default, what it is). `infra/docs/settings.md` is held against this table by a test.
VARIABLES: Mapping[str, tuple[str, str]] = {
    "NEA_DATA_DIR": ("data", "folder of the embedded database, the local store and the keyring"),
    "NEA_DATABASE_URL": ("", "SQLAlchemy URL; empty means SQLite in the data folder"),
    "NEA_S3_BUCKET": ("", "bucket for objects; empty means the local directory store"),
    "NEA_S3_ENDPOINT_URL": ("", "address of an S3-compatible service; empty means AWS"),
    "NEA_S3_REGION": ("us-east-1", "region of the bucket"),
    "NEA_S3_ACCESS_KEY_ID": ("", "access key of the bucket"),
    "NEA_S3_SECRET_ACCESS_KEY_FILE": ("", "file that holds the secret of the access key"),
    "NEA_KEYRING_FILE": ("", "root keys; empty means keyring.json in the data folder"),
    "NEA_KEYRING_PASSPHRASE_FILE": ("", "file with the passphrase of the keyring; empty means none"),
    "NEA_HOST": ("127.0.0.1", "address to listen on"),
    "NEA_PORT": (str(DEFAULT_PORT), "port to listen on; 0 picks a free one"),
    "NEA_BASE_URL": ("", "address that people use; empty means http://host:port"),
    "NEA_REHEARSAL": ("no", "yes: a rehearsal series, with development sign-in, on loopback only"),
    "NEA_WORKS_ITSELF": ("yes", "no: `nea serve` leaves checks of received files to `nea work` processes"),
    "NEA_FRONTEND_DIR": ("", "folder of built front-end files; empty means repository/web/static/build"),
    "NEA_UPLOAD_LIMIT_MIB": ("25600", "largest file accepted, in MiB"),
    "NEA_UPLOAD_TTL_HOURS": ("336", "how long an unfinished upload is kept after its last byte"),
    "NEA_SESSION_IDLE_MINUTES": ("30", "sign-in ends after this long without a request"),
    "NEA_SESSION_LIMIT_HOURS": ("10", "sign-in ends after this long in any case"),
}


def from_environ(environ: Mapping[str, str]) -> Settings:
    """Read the settings.

    Takes: ``environ``, usually ``os.environ``.
    Returns: the settings, complete and consistent.
    Raises: ``SettingRefused`` naming the variable, what is wrong with it, and what is accepted.
    """
    unknown = sorted(name for name in environ if name.startswith("NEA_") and name not in VARIABLES)
    if unknown:
        raise SettingRefused(f"{unknown[0]} is not a setting of this service. Check its spelling.", variable=unknown[0])
    value = {name: environ.get(name, default).strip() for name, (default, _) in VARIABLES.items()}
    data_dir = Path(value["NEA_DATA_DIR"]).absolute()
    host = value["NEA_HOST"]
    port = _whole_number(value, "NEA_PORT", 0, 65535)
    rehearsal = _yes_or_no(value, "NEA_REHEARSAL")
    if rehearsal and not _is_loopback(host):
        raise SettingRefused(
            f"NEA_REHEARSAL=yes allows development sign-in, so NEA_HOST must be a loopback address, not {host}.",
            variable="NEA_HOST",
        )
    return Settings(
        data_dir=data_dir,
        database_url=value["NEA_DATABASE_URL"] or f"sqlite+aiosqlite:///{data_dir / 'nea.sqlite3'}",
        s3=_s3(value),
        keyring_path=Path(value["NEA_KEYRING_FILE"] or data_dir / "keyring.json"),
        keyring_passphrase=_secret(value, "NEA_KEYRING_PASSPHRASE_FILE"),
        host=host,
        port=port,
        base_url=_base_url(value, host, port),
        rehearsal=rehearsal,
        works_itself=_yes_or_no(value, "NEA_WORKS_ITSELF"),
        frontend_dir=Path(value["NEA_FRONTEND_DIR"] or Path(__file__).parent / "web" / "static" / "build"),
        upload_limit_bytes=_whole_number(value, "NEA_UPLOAD_LIMIT_MIB", 1, 79_980) * MIB,
        upload_ttl_seconds=_whole_number(value, "NEA_UPLOAD_TTL_HOURS", 1, 8_760) * 3600,
        session_idle_seconds=_whole_number(value, "NEA_SESSION_IDLE_MINUTES", 1, 1_440) * 60,
        session_limit_seconds=_whole_number(value, "NEA_SESSION_LIMIT_HOURS", 1, 24) * 3600,
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _whole_number(value: Mapping[str, str], name: str, lowest: int, highest: int) -> int:
    text = value[name]
    if not text.isascii() or not text.isdigit() or not lowest <= int(text) <= highest:
        raise SettingRefused(
            f"{name} is {text!r}; it must be a whole number from {lowest} to {highest}.", variable=name
        )
    return int(text)


def _yes_or_no(value: Mapping[str, str], name: str) -> bool:
    text = value[name].lower()
    if text not in {"yes", "no"}:
        raise SettingRefused(f"{name} is {text!r}; it must be yes or no.", variable=name)
    return text == "yes"


def _secret(value: Mapping[str, str], name: str) -> str:
    path = value[name]
    if not path:
        return ""
    try:
        mode = Path(path).stat().st_mode
        text = Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingRefused(f"{name} names a file that cannot be read: {error.strerror}.", variable=name) from error
    if mode & 0o077:
        raise SettingRefused(
            f"{name} names a file that others on this machine can read. Run `chmod 600` on it.", variable=name
        )
    if not text:
        raise SettingRefused(f"{name} names an empty file.", variable=name)
    return text


def _base_url(value: Mapping[str, str], host: str, port: int) -> str:
    text = value["NEA_BASE_URL"].rstrip("/")
    if not text:
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    if not text.startswith(("http://", "https://")):
        raise SettingRefused(
            f"NEA_BASE_URL is {text!r}; it must start with http:// or https://.", variable="NEA_BASE_URL"
        )
    return text


def _s3(value: Mapping[str, str]) -> S3Settings | None:
    if not value["NEA_S3_BUCKET"]:
        return None
    for name in ("NEA_S3_ACCESS_KEY_ID", "NEA_S3_SECRET_ACCESS_KEY_FILE"):
        if not value[name]:
            raise SettingRefused(f"{name} is missing; NEA_S3_BUCKET needs it.", variable=name)
    return S3Settings(
        bucket=value["NEA_S3_BUCKET"],
        endpoint_url=value["NEA_S3_ENDPOINT_URL"],
        region=value["NEA_S3_REGION"],
        access_key_id=value["NEA_S3_ACCESS_KEY_ID"],
        secret_access_key=_secret(value, "NEA_S3_SECRET_ACCESS_KEY_FILE"),
    )
