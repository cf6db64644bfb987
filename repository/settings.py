"""Settings: read once, from a mapping, into one frozen value. The only place that knows variable names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from repository import addresses, private_files
from repository.addresses import Network, is_loopback
from repository.errors import SettingRefused
from repository.sign_in.limits import Limits

DEFAULT_PORT = 8080
MIB = 1024 * 1024
LOG_FORMATS = ("text", "json")
PASSPHRASE_CHARACTERS = 15
DISTINCT_CHARACTERS = 5
WORDS_LIMIT = 600
SAFEGUARDING_WORDS = (
    "If somebody is in danger now, call 999 first. Then write down here what you saw. Officers of the awarding body read "
    "it at once and decide whom to call. Do not contact the centre or the candidate yourself."
)
"""Project policy; an awarding body puts its own words, and its own telephone number, in place of them."""


@dataclass(frozen=True, slots=True)
class S3Settings:
    """Where the bucket is and who we are there. ``endpoint_url`` empty means AWS."""

    bucket: str
    endpoint_url: str
    region: str
    access_key_id: str
    secret_access_key: str


@dataclass(frozen=True, slots=True)
class KmsKeys:
    """Root keys in AWS KMS. Without ``access_key_id``, the machine's own role is used; ``endpoint_url`` empty means AWS."""

    key: str
    region: str
    endpoint_url: str
    access_key_id: str
    secret_access_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenKeys:
    """Root keys in a PKCS#11 token, labelled ``label-1``, ``label-2`` and so on."""

    module: Path
    token: str
    label: str
    pin: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TransitKeys:
    """Root keys in the transit engine of Vault or OpenBao. The token is read from its file whenever it is needed."""

    address: str
    key: str
    mount: str
    namespace: str
    token_file: Path
    ca_file: Path | None


@dataclass(frozen=True, slots=True)
class MailSettings:
    """The mail server that takes what we send, and the address that we send from. ``tls``: starttls, implicit, none."""

    host: str
    port: int
    tls: str
    ca_file: Path | None
    user: str
    sender: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ScanFolder:
    """Where scanners save files that are taken in as bundles, and the tracking clerk under whose account: id or name."""

    path: Path
    clerk: str


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the service is told from outside. Sizes in bytes, times in seconds."""

    data_dir: Path
    database_url: str = field(repr=False)
    """With its password, where it has one."""
    s3: S3Settings | None
    keyring_path: Path
    keyring_passphrase: str
    key_service: KmsKeys | TokenKeys | TransitKeys | None
    """Who keeps the root keys; None means the key file."""
    host: str
    port: int
    base_url: str
    rehearsal: bool
    works_itself: bool
    frontend_dir: Path
    audit_key_path: Path
    audit_publish_dir: Path | None
    """Where the audit log is published besides the store; None means nowhere."""
    upload_limit_bytes: int
    upload_ttl_seconds: int
    session_limits: Limits
    centres_need_two: bool
    """People of centres show a second factor as well; those of the awarding body always do."""
    content_url: str
    """Address of uploaded bytes: another host name, so that the sign-in's cookie never goes there."""
    trusted_proxies: tuple[Network, ...]
    log_format: str
    oidc_path: Path | None
    """The file that pins identity providers."""
    mail: MailSettings | None = None
    """None means that no mail is sent."""
    safeguarding_words: str = ""
    """What somebody reads who fears for a person's safety: what to do in an emergency, before anything is written."""
    clamd_socket: Path | None = None
    """Where the virus scanner listens; None means that no file is scanned."""
    script_quality_percent: int = 5
    """So many of a hundred scanned scripts are looked at by a second person, chosen by chance."""
    scan_folder: ScanFolder | None = None
    """None means that no folder is watched."""
    practice_days: int = 14
    """After so many days a practice centre is wiped by itself."""
    despatch_helpdesk: str = ""
    """The telephone number to call when a collection does not come; empty means that pages name the carrier's label."""
    carrier_formats_path: Path | None = None
    """Further forms of carriers' files; None means those of the package alone."""
    clamd_signatures_hours: int = 0
    """How old its signatures may be; 0 takes those without a date."""

    @property
    def application_host(self) -> str:
        """Return the host name of pages and API, in lower case."""
        return urlsplit(self.base_url).hostname or ""

    @property
    def content_host(self) -> str:
        """Return the host name of uploaded bytes, in lower case."""
        return urlsplit(self.content_url).hostname or ""

    @property
    def on_loopback(self) -> bool:
        """Return whether people come from this machine only; then any port is the right one."""
        return is_loopback(self.application_host)

    @property
    def secure_cookies(self) -> bool:
        """Return whether cookies carry ``Secure`` and the ``__Host-`` prefix: whenever people come by https."""
        return self.base_url.startswith("https://")


# Every variable: name → (default, what it is). `infra/docs/settings.md` is held against this table by a test.
VARIABLES: Mapping[str, tuple[str, str]] = {
    "NEA_DATA_DIR": ("data", "folder of the embedded database, the local store and the keyring"),
    "NEA_DATABASE_URL": ("", "SQLAlchemy URL, without a password; empty means SQLite in the data folder"),
    "NEA_DATABASE_PASSWORD_FILE": ("", "file that holds the password of the database; empty means none"),
    "NEA_S3_BUCKET": ("", "bucket for objects; empty means the local directory store"),
    "NEA_S3_ENDPOINT_URL": ("", "address of an S3-compatible service; empty means AWS"),
    "NEA_S3_REGION": ("us-east-1", "region of the bucket"),
    "NEA_S3_ACCESS_KEY_ID": ("", "access key of the bucket"),
    "NEA_S3_SECRET_ACCESS_KEY_FILE": ("", "file that holds the secret of the access key"),
    "NEA_KEY_PROVIDER": ("file", "who keeps the root keys: file, kms, pkcs11 or transit"),
    "NEA_KEYRING_FILE": ("", "root keys; empty means keyring.json in the data folder"),
    "NEA_KEYRING_PASSPHRASE_FILE": ("", "file with the passphrase of the keyring; empty means none"),
    "NEA_KMS_KEY": ("", "kms: alias of the root key, alias/…"),
    "NEA_KMS_REGION": ("", "kms: region of the root key"),
    "NEA_KMS_ENDPOINT_URL": ("", "kms: address of the service; empty means AWS"),
    "NEA_KMS_ACCESS_KEY_ID": ("", "kms: access key; empty means the role of this machine"),
    "NEA_KMS_SECRET_ACCESS_KEY_FILE": ("", "kms: file that holds the secret of the access key"),
    "NEA_PKCS11_MODULE": ("", "pkcs11: library of the token's maker, such as /usr/lib/softhsm/libsofthsm2.so"),
    "NEA_PKCS11_TOKEN": ("", "pkcs11: label of the token"),
    "NEA_PKCS11_KEY": ("nea-root", "pkcs11: label of the root keys, before their number"),
    "NEA_PKCS11_PIN_FILE": ("", "pkcs11: file that holds the PIN"),
    "NEA_TRANSIT_ADDRESS": ("", "transit: address of Vault or OpenBao"),
    "NEA_TRANSIT_KEY": ("nea-root", "transit: name of the root key"),
    "NEA_TRANSIT_MOUNT": ("transit", "transit: where the engine is mounted"),
    "NEA_TRANSIT_NAMESPACE": ("", "transit: namespace; empty means none"),
    "NEA_TRANSIT_TOKEN_FILE": ("", "transit: file that an agent keeps a valid token in; read for each request"),
    "NEA_TRANSIT_CA_FILE": ("", "transit: certificates to trust; empty means the system's"),
    "NEA_HOST": ("127.0.0.1", "address to listen on"),
    "NEA_PORT": (str(DEFAULT_PORT), "port to listen on; 0 picks a free one"),
    "NEA_BASE_URL": ("", "address that people use; https unless on this machine; empty means http://host:port"),
    "NEA_CONTENT_URL": ("", "address of uploaded bytes: another host name beside it; empty on loopback only"),
    "NEA_TRUSTED_PROXIES": ("", "addresses of proxies whose X-Forwarded-For is believed; empty means none"),
    "NEA_LOG_FORMAT": ("text", "text: what a person should know; json: a line for each request as well"),
    "NEA_REHEARSAL": ("no", "yes: a rehearsal series, with development sign-in, on loopback only"),
    "NEA_WORKS_ITSELF": ("yes", "no: `nea serve` leaves checks of received files to `nea work` processes"),
    "NEA_AUDIT_KEY_FILE": ("", "signing key of the audit log; empty means audit-signing.key in the data folder"),
    "NEA_AUDIT_PUBLISH_DIR": (
        "",
        "folder of somebody else's that the audit log is published to as well; empty means none",
    ),
    "NEA_FRONTEND_DIR": ("", "folder of built front-end files; empty means repository/web/static/build"),
    "NEA_UPLOAD_LIMIT_MIB": ("25600", "largest file accepted, in MiB"),
    "NEA_UPLOAD_TTL_HOURS": ("336", "how long an unfinished upload is kept after its last byte"),
    "NEA_CLAMD_SOCKET": ("", "Unix socket of clamd, the virus scanner; empty means that no file is scanned"),
    "NEA_CLAMD_SIGNATURES_HOURS": ("48", "how old its signatures may be; 0 takes those that have no date"),
    "NEA_MAIL_HOST": ("", "mail server that takes what is sent; empty means that no mail is sent"),
    "NEA_MAIL_PORT": ("", "its port; empty means 587 for starttls, 465 for implicit, 25 for none"),
    "NEA_MAIL_TLS": ("starttls", "starttls, implicit, or none (a mail server on this machine only)"),
    "NEA_MAIL_CA_FILE": ("", "certificates to trust; empty means the system's"),
    "NEA_MAIL_USER": ("", "name to sign in with; empty means that it asks for none"),
    "NEA_MAIL_PASSWORD_FILE": ("", "file that holds the password"),
    "NEA_MAIL_FROM": ("", "address that mail is sent from"),
    "NEA_SAFEGUARDING_WORDS": (
        SAFEGUARDING_WORDS,
        "what is shown to who reports a concern for somebody's safety; up to 600 characters",
    ),
    "NEA_DESPATCH_HELPDESK": ("", "telephone number of the helpdesk for collections, shown in the despatch log"),
    "NEA_CARRIER_FORMATS_FILE": (
        "",
        "file of further forms of carriers' files; empty means those of the package alone",
    ),
    "NEA_SCRIPT_QUALITY_PERCENT": ("5", "of a hundred scanned scripts, so many are looked at by a second person"),
    "NEA_SCAN_FOLDER": ("", "folder that scanners save files in, which are taken in as bundles; empty means none"),
    "NEA_SCAN_FOLDER_CLERK": ("", "person id or name of the tracking clerk under whose account that is done"),
    "NEA_PRACTICE_DAYS": ("14", "after so many days a practice centre of an exams officer is wiped"),
    "NEA_SESSION_IDLE_MINUTES": ("30", "sign-in ends after this long without a request"),
    "NEA_OIDC_FILE": ("", "file of the identity providers that people may sign in with; empty means none"),
    "NEA_SESSION_LIMIT_HOURS": ("10", "sign-in ends after this long in any case"),
    "NEA_MODERATOR_SESSION_IDLE_MINUTES": ("15", "the same for moderators, team leaders and principal moderators"),
    "NEA_MODERATOR_SESSION_LIMIT_HOURS": ("8", "the same for moderators, team leaders and principal moderators"),
    "NEA_CENTRE_SECOND_FACTOR": ("yes", "no: people of centres may sign in with a long password alone"),
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
    base_url = _base_url(value, host, port)
    if rehearsal and not is_loopback(host):
        raise SettingRefused(
            f"NEA_REHEARSAL=yes allows development sign-in, so NEA_HOST must be a loopback address, not {host}.",
            variable="NEA_HOST",
        )
    return Settings(
        data_dir=data_dir,
        database_url=_database_url(value, data_dir),
        s3=_s3(value),
        keyring_path=Path(value["NEA_KEYRING_FILE"] or data_dir / "keyring.json"),
        keyring_passphrase=_passphrase(value, "NEA_KEYRING_PASSPHRASE_FILE"),
        key_service=_key_service(value, environ),
        host=host,
        port=port,
        base_url=base_url,
        rehearsal=rehearsal,
        works_itself=_yes_or_no(value, "NEA_WORKS_ITSELF"),
        audit_key_path=Path(value["NEA_AUDIT_KEY_FILE"] or data_dir / "audit-signing.key"),
        audit_publish_dir=Path(value["NEA_AUDIT_PUBLISH_DIR"]).absolute() if value["NEA_AUDIT_PUBLISH_DIR"] else None,
        frontend_dir=Path(value["NEA_FRONTEND_DIR"] or Path(__file__).parent / "web" / "static" / "build"),
        upload_limit_bytes=_whole_number(value, "NEA_UPLOAD_LIMIT_MIB", 1, 79_980) * MIB,
        upload_ttl_seconds=_whole_number(value, "NEA_UPLOAD_TTL_HOURS", 1, 8_760) * 3600,
        session_limits=Limits(
            idle_seconds=_whole_number(value, "NEA_SESSION_IDLE_MINUTES", 1, 1_440) * 60,
            limit_seconds=_whole_number(value, "NEA_SESSION_LIMIT_HOURS", 1, 24) * 3600,
            moderator_idle_seconds=_whole_number(value, "NEA_MODERATOR_SESSION_IDLE_MINUTES", 1, 1_440) * 60,
            moderator_limit_seconds=_whole_number(value, "NEA_MODERATOR_SESSION_LIMIT_HOURS", 1, 24) * 3600,
        ),
        centres_need_two=_yes_or_no(value, "NEA_CENTRE_SECOND_FACTOR"),
        mail=_mail(value),
        safeguarding_words=_words(value, "NEA_SAFEGUARDING_WORDS"),
        despatch_helpdesk=_number(value, "NEA_DESPATCH_HELPDESK"),
        carrier_formats_path=Path(value["NEA_CARRIER_FORMATS_FILE"]).absolute()
        if value["NEA_CARRIER_FORMATS_FILE"]
        else None,
        script_quality_percent=_whole_number(value, "NEA_SCRIPT_QUALITY_PERCENT", 0, 100),
        scan_folder=_scan_folder(value),
        practice_days=_whole_number(value, "NEA_PRACTICE_DAYS", 1, 90),
        clamd_socket=_socket(value),
        clamd_signatures_hours=_whole_number(value, "NEA_CLAMD_SIGNATURES_HOURS", 0, 8_760),
        content_url=addresses.content_url(value, base_url),
        trusted_proxies=addresses.networks(value, "NEA_TRUSTED_PROXIES"),
        log_format=_one_of(value, "NEA_LOG_FORMAT", LOG_FORMATS),
        oidc_path=Path(value["NEA_OIDC_FILE"]).absolute() if value["NEA_OIDC_FILE"] else None,
    )


def _database_url(value: Mapping[str, str], data_dir: Path) -> str:
    """Return the URL of the database, with the password of its file."""
    text, password = value["NEA_DATABASE_URL"], _secret(value, "NEA_DATABASE_PASSWORD_FILE")
    if not text:
        if password:
            raise SettingRefused("NEA_DATABASE_PASSWORD_FILE needs NEA_DATABASE_URL.", variable="NEA_DATABASE_URL")
        return f"sqlite:///{data_dir / 'nea.sqlite3'}"
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise SettingRefused(
            "NEA_DATABASE_URL is no URL such as postgresql+psycopg://user@host/database.", variable="NEA_DATABASE_URL"
        ) from error
    if url.password or "password" in url.query:
        raise SettingRefused(
            "NEA_DATABASE_URL holds a password, which everybody sees who sees this process. Put it into a file, and name "
            "that in NEA_DATABASE_PASSWORD_FILE.",
            variable="NEA_DATABASE_URL",
        )
    return url.set(password=password).render_as_string(hide_password=False) if password else text


def _socket(value: Mapping[str, str]) -> Path | None:
    text = value["NEA_CLAMD_SOCKET"]
    if text and not Path(text).is_absolute():
        raise SettingRefused(
            f"NEA_CLAMD_SOCKET is {text!r}; it must be the whole path of the Unix socket, such as /run/clamav/clamd.ctl. "
            "Files go there as they are, so a scanner on another machine is not asked.",
            variable="NEA_CLAMD_SOCKET",
        )
    return Path(text) if text else None


def _scan_folder(value: Mapping[str, str]) -> ScanFolder | None:
    folder, clerk = value["NEA_SCAN_FOLDER"], value["NEA_SCAN_FOLDER_CLERK"]
    if bool(folder) != bool(clerk):
        missing = "NEA_SCAN_FOLDER_CLERK" if folder else "NEA_SCAN_FOLDER"
        raise SettingRefused(f"{missing} is missing: a folder is watched under somebody's account.", variable=missing)
    if folder and not Path(folder).is_absolute():
        raise SettingRefused(
            f"NEA_SCAN_FOLDER is {folder!r}; it must be a whole path, such as /srv/scans.", variable="NEA_SCAN_FOLDER"
        )
    return ScanFolder(Path(folder), clerk) if folder else None


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
        text = private_files.read(Path(path)).decode("utf-8").strip()
    except OSError as error:
        raise SettingRefused(f"{name} names a file that cannot be read: {error.strerror}.", variable=name) from error
    except private_files.UnsafeFile as error:
        raise SettingRefused(f"{name} names a file that {error.remedy}.", variable=name) from error
    except UnicodeDecodeError as error:
        raise SettingRefused(f"{name} names a file that is not text.", variable=name) from error
    if not text:
        raise SettingRefused(f"{name} names an empty file.", variable=name)
    return text


def _passphrase(value: Mapping[str, str], name: str) -> str:
    text = _secret(value, name)
    if text and (len(text) < PASSPHRASE_CHARACTERS or len(set(text)) < DISTINCT_CHARACTERS):
        raise SettingRefused(
            f"{name} names a file whose passphrase can be guessed. Use {PASSPHRASE_CHARACTERS} characters or more: "
            "four or five plain words.",
            variable=name,
        )
    return text


def _base_url(value: Mapping[str, str], host: str, port: int) -> str:
    text = value["NEA_BASE_URL"].rstrip("/")
    if not text:
        text = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        if not is_loopback(host):
            raise SettingRefused(
                f"NEA_BASE_URL is missing. NEA_HOST is {host}, so people come over a network: "
                "name the https:// address that they use.",
                variable="NEA_BASE_URL",
            )
    return addresses.origin("NEA_BASE_URL", text)


def _one_of(value: Mapping[str, str], name: str, words: tuple[str, ...]) -> str:
    if value[name] not in words:
        raise SettingRefused(f"{name} is {value[name]!r}; it must be {' or '.join(words)}.", variable=name)
    return value[name]


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


_MAIL_PORTS = {"starttls": "587", "implicit": "465", "none": "25"}
_MAIL_ADDRESS = re.compile(r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", re.ASCII)


def _words(value: Mapping[str, str], name: str) -> str:
    words = " ".join(value[name].split())
    if not words or len(words) > WORDS_LIMIT or not words.isprintable():
        raise SettingRefused(f"{name} must be a few sentences, of up to {WORDS_LIMIT} characters.", variable=name)
    return words


def _number(value: Mapping[str, str], name: str) -> str:
    number = value[name].strip()
    if number and re.fullmatch(r"[0-9+() /-]{3,40}", number) is None:
        raise SettingRefused(f"{name} is a telephone number: digits, spaces, + ( ) / and -.", variable=name)
    return number


def _mail(value: Mapping[str, str]) -> MailSettings | None:
    host, tls = value["NEA_MAIL_HOST"], value["NEA_MAIL_TLS"]
    if not host:
        stray = [name for name in value if name.startswith("NEA_MAIL_") and value[name] != VARIABLES[name][0]]
        if stray:
            raise SettingRefused(f"NEA_MAIL_HOST is missing; {stray[0]} needs it.", variable="NEA_MAIL_HOST")
        return None
    if tls not in _MAIL_PORTS:
        raise SettingRefused(
            f"NEA_MAIL_TLS is {tls!r}; it must be starttls, implicit or none.", variable="NEA_MAIL_TLS"
        )
    if tls == "none" and not is_loopback(host):
        raise SettingRefused(
            f"NEA_MAIL_TLS=none would send mail unprotected to {host}. Use starttls or implicit.",
            variable="NEA_MAIL_TLS",
        )
    if not _MAIL_ADDRESS.fullmatch(value["NEA_MAIL_FROM"]):
        raise SettingRefused(
            f"NEA_MAIL_FROM is {value['NEA_MAIL_FROM']!r}; it must be one address, such as nea@board.example.",
            variable="NEA_MAIL_FROM",
        )
    if bool(value["NEA_MAIL_USER"]) != bool(value["NEA_MAIL_PASSWORD_FILE"]):
        raise SettingRefused(
            "NEA_MAIL_USER and NEA_MAIL_PASSWORD_FILE belong together: set both, or neither.", variable="NEA_MAIL_USER"
        )
    port = {"NEA_MAIL_PORT": value["NEA_MAIL_PORT"] or _MAIL_PORTS[tls]}
    return MailSettings(
        host=host,
        port=_whole_number(port, "NEA_MAIL_PORT", 1, 65535),
        tls=tls,
        ca_file=_existing(value, "NEA_MAIL_CA_FILE") if value["NEA_MAIL_CA_FILE"] else None,
        user=value["NEA_MAIL_USER"],
        sender=value["NEA_MAIL_FROM"],
        password=_secret(value, "NEA_MAIL_PASSWORD_FILE"),
    )


# Each provider: the prefix of its variables, and those that it cannot do without.
_PROVIDERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "file": ("NEA_KEYRING_", ()),
    "kms": ("NEA_KMS_", ("NEA_KMS_KEY", "NEA_KMS_REGION")),
    "pkcs11": ("NEA_PKCS11_", ("NEA_PKCS11_MODULE", "NEA_PKCS11_TOKEN", "NEA_PKCS11_KEY", "NEA_PKCS11_PIN_FILE")),
    "transit": ("NEA_TRANSIT_", ("NEA_TRANSIT_ADDRESS", "NEA_TRANSIT_KEY", "NEA_TRANSIT_TOKEN_FILE")),
}
_KEY_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)


def _key_service(value: Mapping[str, str], environ: Mapping[str, str]) -> KmsKeys | TokenKeys | TransitKeys | None:
    provider = value["NEA_KEY_PROVIDER"]
    if provider not in _PROVIDERS:
        raise SettingRefused(
            f"NEA_KEY_PROVIDER is {provider!r}; it must be {', '.join(_PROVIDERS)}.", variable="NEA_KEY_PROVIDER"
        )
    for other, (prefix, _) in _PROVIDERS.items():
        stray = sorted(name for name in environ if name.startswith(prefix) and environ[name].strip())
        if other != provider and stray:
            # Whoever named a key service must not find out later that the keys lay in a file.
            raise SettingRefused(
                f"{stray[0]} is set, but NEA_KEY_PROVIDER is {provider}. Unset it, or choose {other}.",
                variable=stray[0],
            )
    for name in _PROVIDERS[provider][1]:
        if not value[name]:
            raise SettingRefused(f"{name} is missing; NEA_KEY_PROVIDER={provider} needs it.", variable=name)
    match provider:
        case "kms":
            return _kms(value)
        case "pkcs11":
            return _token(value)
        case "transit":
            return _transit(value)
        case _:
            return None


def _kms(value: Mapping[str, str]) -> KmsKeys:
    if bool(value["NEA_KMS_ACCESS_KEY_ID"]) != bool(value["NEA_KMS_SECRET_ACCESS_KEY_FILE"]):
        raise SettingRefused(
            "NEA_KMS_ACCESS_KEY_ID and NEA_KMS_SECRET_ACCESS_KEY_FILE belong together: set both, or neither.",
            variable="NEA_KMS_ACCESS_KEY_ID",
        )
    return KmsKeys(
        key=value["NEA_KMS_KEY"],
        region=value["NEA_KMS_REGION"],
        endpoint_url=_service_address(value, "NEA_KMS_ENDPOINT_URL"),
        access_key_id=value["NEA_KMS_ACCESS_KEY_ID"],
        secret_access_key=_secret(value, "NEA_KMS_SECRET_ACCESS_KEY_FILE"),
    )


def _token(value: Mapping[str, str]) -> TokenKeys:
    return TokenKeys(
        module=_existing(value, "NEA_PKCS11_MODULE"),
        token=value["NEA_PKCS11_TOKEN"],
        label=_label(value, "NEA_PKCS11_KEY"),
        pin=_secret(value, "NEA_PKCS11_PIN_FILE"),
    )


def _transit(value: Mapping[str, str]) -> TransitKeys:
    _secret(value, "NEA_TRANSIT_TOKEN_FILE")  # read to see that it can be read, and by nobody else
    return TransitKeys(
        address=_service_address(value, "NEA_TRANSIT_ADDRESS"),
        key=_label(value, "NEA_TRANSIT_KEY"),
        mount=value["NEA_TRANSIT_MOUNT"].strip("/"),
        namespace=value["NEA_TRANSIT_NAMESPACE"],
        token_file=Path(value["NEA_TRANSIT_TOKEN_FILE"]).absolute(),
        ca_file=_existing(value, "NEA_TRANSIT_CA_FILE") if value["NEA_TRANSIT_CA_FILE"] else None,
    )


def _label(value: Mapping[str, str], name: str) -> str:
    if not _KEY_LABEL.fullmatch(value[name]):
        raise SettingRefused(
            f"{name} is {value[name]!r}; it must be letters, digits and . _ - only, 64 at most.", variable=name
        )
    return value[name]


def _existing(value: Mapping[str, str], name: str) -> Path:
    path = Path(value[name]).absolute()
    if not path.is_file():
        raise SettingRefused(f"{name} names a file that is not there: {path}.", variable=name)
    return path


def _service_address(value: Mapping[str, str], name: str) -> str:
    text = value[name].rstrip("/")
    parts = urlsplit(text)
    if text and not (parts.scheme == "https" and parts.hostname):
        if parts.scheme == "http" and is_loopback(parts.hostname or ""):
            return text
        raise SettingRefused(
            f"{name} is {text!r}; it must start with https:// (http:// for this machine only).", variable=name
        )
    return text
