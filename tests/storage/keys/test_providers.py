"""One suite over all four key providers: a file, a KMS server, a token of SoftHSM, and a double of transit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest

from storage.errors import EndpointInsecure, KeyRefused, KeyUnavailable
from storage.keyring import SecretKey
from storage.keys.file import FileKeyring
from storage.keys.kms import KmsProvider, KmsSettings
from storage.keys.pkcs11 import TokenProvider, TokenSettings
from storage.keys.provider import KeyProvider, Retires, Rotates, framed, unframed
from storage.keys.transit import TransitProvider, TransitSettings
from storage.memory import MemoryBackend
from storage.vault import Vault
from tests.servers.fixtures import kms_address, token, transit
from tests.servers.seaweed import free_ports
from tests.servers.softhsm import Token
from tests.servers.transit import Transit

from ..conftest import OID, SMALL

__all__ = ["kms_address", "token", "transit"]

KEY = SecretKey(bytes(range(32)))
CONTEXT = {"svc": "nea-storage", "scope": "99001/6A17/original", "sk_id": "one", "v": "1"}
NAMES = ("file", "kms", "pkcs11", "transit")
REGION = "eu-west-2"


@dataclass
class Stage:
    """One provider: how it is opened again, how its service goes away, and how a stranger's looks."""

    open: Callable[[], Any]
    break_off: Callable[[], KeyProvider]
    another: Callable[[], KeyProvider]


def kms_settings(address: str, alias: str) -> KmsSettings:
    return KmsSettings(key=alias, region=REGION, endpoint=address, access_key="test", secret_key="test")


def kms_client(address: str) -> Any:
    return boto3.session.Session().client(
        "kms", region_name=REGION, endpoint_url=address, aws_access_key_id="test", aws_secret_access_key="test"
    )


def new_alias(address: str) -> str:
    client, alias = kms_client(address), f"alias/nea-{uuid4().hex}"
    made = client.create_key(Description="root key of tests")["KeyMetadata"]["KeyId"]
    client.create_alias(AliasName=alias, TargetKeyId=made)
    client.close()
    return alias


@contextmanager
def answering(status: int, code: str) -> Iterator[str]:
    """A service that answers everything with one error, as KMS spells it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = json.dumps({"__type": code, "message": "no"}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_words: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def nobody() -> str:
    return f"http://127.0.0.1:{free_ports(1)[0]}"


@pytest.fixture(params=NAMES)
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    match request.param:
        case "file":
            return _file(tmp_path)
        case "kms":
            return _kms(request.getfixturevalue("kms_address"))
        case "pkcs11":
            return _pkcs11(request.getfixturevalue("token"))
        case _:
            return _transit(request.getfixturevalue("transit"))


def _file(folder: Path) -> Stage:
    (folder / "no-folder").write_text("")
    return Stage(
        lambda: FileKeyring(folder / "root.json"),
        lambda: FileKeyring(folder / "no-folder" / "root.json"),
        lambda: FileKeyring(folder / "another.json"),
    )


def _kms(address: str) -> Stage:
    alias, other = new_alias(address), new_alias(address)
    return Stage(
        lambda: KmsProvider(kms_settings(address, alias)),
        lambda: KmsProvider(kms_settings(nobody(), alias)),
        lambda: KmsProvider(kms_settings(address, other)),
    )


def _pkcs11(token: Token) -> Stage:
    def opened(label: str, token_label: str = token.label) -> TokenProvider:
        return TokenProvider(TokenSettings(token.module, token_label, label, token.pin))

    first, other = f"root-{uuid4().hex[:8]}", f"root-{uuid4().hex[:8]}"
    opened(first).rotate()
    opened(other).rotate()
    return Stage(lambda: opened(first), lambda: opened(first, "no such token"), lambda: opened(other))


def _transit(engine: Transit) -> Stage:
    def opened(address: str) -> TransitProvider:
        return TransitProvider(TransitSettings(address, engine.key, lambda: engine.token))

    def another() -> TransitProvider:
        engine.versions[:] = [os.urandom(32) for _ in engine.versions]
        return opened(engine.address)

    return Stage(lambda: opened(engine.address), lambda: opened(nobody()), another)


def test_what_was_wrapped_opens_again_and_shows_nothing(stage: Stage) -> None:
    keys = stage.open()
    blob = keys.wrap(KEY, CONTEXT)
    assert keys.unwrap(blob, CONTEXT) == KEY
    assert stage.open().unwrap(blob, dict(reversed(CONTEXT.items()))) == KEY
    assert KEY.reveal() not in blob
    assert keys.wrap(KEY, CONTEXT) != blob
    assert unframed(blob)[0] == keys.current() == stage.open().current()


@pytest.mark.parametrize(
    "change", [{"scope": "99002/6A17/original"}, {"sk_id": "two"}, {"svc": "other"}, {"more": "1"}, {"v": "2"}]
)
@pytest.mark.fault("att:F02", "att:F05")
def test_st20_a_wrap_opens_only_in_its_own_context(stage: Stage, change: dict[str, str]) -> None:
    keys = stage.open()
    blob = keys.wrap(KEY, CONTEXT)
    with pytest.raises(KeyRefused) as caught:
        keys.unwrap(blob, {**CONTEXT, **change})
    assert caught.value.facts["diagnosis"] == "E1"
    assert caught.value.facts["level"] == "root"
    fewer = {name: value for name, value in CONTEXT.items() if name != "sk_id"}
    with pytest.raises(KeyRefused):
        keys.unwrap(blob, fewer)


def test_an_altered_wrap_is_refused_in_each_of_its_regions(stage: Stage) -> None:
    keys = stage.open()
    blob = keys.wrap(KEY, CONTEXT)
    _, sealed = unframed(blob)
    begins = len(blob) - len(sealed)
    version, length, name = (0,), (1,), range(2, begins)
    spread = range(begins, len(blob), max(1, len(sealed) // 24))
    for position in (*version, *length, *name, *spread, len(blob) - 1):
        flipped = bytearray(blob)
        flipped[position] ^= 1
        with pytest.raises(KeyRefused):
            keys.unwrap(bytes(flipped), CONTEXT)
    for shorter in (b"", blob[:1], blob[:2], blob[:begins], framed("", sealed)):
        with pytest.raises(KeyRefused):
            keys.unwrap(shorter, CONTEXT)


def test_another_installation_does_not_open_it(stage: Stage) -> None:
    blob = stage.open().wrap(KEY, CONTEXT)
    other = stage.another()
    with pytest.raises(KeyRefused):
        other.unwrap(framed(other.current(), unframed(blob)[1]), CONTEXT)


@pytest.mark.fault("att:F08")
def test_after_a_rotation_the_newest_wraps_and_the_older_open(stage: Stage) -> None:
    keys: KeyProvider = stage.open()
    beside = stage.open()
    assert isinstance(keys, Rotates)
    wraps = [keys.wrap(KEY, CONTEXT)]
    versions = [keys.current()]
    for _ in range(3):
        versions.append(keys.rotate())
        assert keys.current() == versions[-1]
        assert beside.current() == versions[-1], "another process sees the new version without a restart"
        wraps.append(beside.wrap(KEY, CONTEXT))
    assert len(set(versions)) == 4
    assert [unframed(blob)[0] for blob in wraps] == versions
    for opened in (keys, beside, stage.open()):
        assert all(opened.unwrap(blob, CONTEXT) == KEY for blob in wraps)
    for blob, kid in zip(wraps, versions[1:], strict=False):
        with pytest.raises(KeyRefused):
            keys.unwrap(framed(kid, unframed(blob)[1]), CONTEXT)


@pytest.mark.fault("att:F08")
def test_st21_a_retired_version_opens_nothing_any_more(stage: Stage) -> None:
    keys: KeyProvider = stage.open()
    if not isinstance(keys, Retires):
        assert isinstance(keys, KmsProvider), "only KMS leaves the end of a key to its own service"
        return
    assert isinstance(keys, Rotates)
    old, old_blob = keys.current(), keys.wrap(KEY, CONTEXT)
    new = keys.rotate()
    new_blob = keys.wrap(KEY, CONTEXT)
    for wrong in (new, "no such version"):
        with pytest.raises(KeyRefused):
            keys.retire(wrong)
    keys.retire(old)
    for opened in (keys, stage.open()):
        assert opened.unwrap(new_blob, CONTEXT) == KEY
        with pytest.raises(KeyRefused):
            opened.unwrap(old_blob, CONTEXT)


@pytest.mark.fault("att:F09", "inj:F13")
def test_an_unreachable_service_is_unavailable_not_refused(stage: Stage) -> None:
    blob = stage.open().wrap(KEY, CONTEXT)
    for ask in (
        lambda: stage.break_off().current(),
        lambda: stage.break_off().wrap(KEY, CONTEXT),
        lambda: stage.break_off().unwrap(blob, CONTEXT),
    ):
        with pytest.raises(KeyUnavailable):
            ask()


def test_many_threads_share_one_provider(stage: Stage) -> None:
    keys = stage.open()

    def there_and_back(number: int) -> bool:
        mine = SecretKey(number.to_bytes(32, "big"))
        context = {**CONTEXT, "sk_id": str(number)}
        return bool(keys.unwrap(keys.wrap(mine, context), context) == mine)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(there_and_back, range(64)))


def test_a_vault_runs_on_it(stage: Stage) -> None:
    vault = Vault(MemoryBackend(), stage.open(), geometry=SMALL)
    scope_key = vault.new_scope_key(CONTEXT["scope"])
    data_key = vault.new_data_key(scope_key, OID, 5)
    vault.resume(scope_key, data_key).seal_part(0, memoryview(b"hello"))
    stage.open().rotate()
    renewed = vault.rewrap_scope_key(scope_key)
    vault.forget_keys()
    vault.resume(renewed, data_key)
    assert renewed.kid == stage.open().current() != scope_key.kid


def test_no_provider_shows_a_secret(stage: Stage, token: Token, transit: Transit) -> None:
    shown = repr(stage.open())
    for secret in (token.pin, transit.token, "secret_key"):
        assert secret not in shown


def test_kms_looks_keys_up_in_its_own_account_only(kms_address: str) -> None:
    alias = new_alias(kms_address)
    keys = KmsProvider(kms_settings(kms_address, alias))
    _, sealed = unframed(keys.wrap(KEY, CONTEXT))
    arn = f"arn:aws:kms:{REGION}:123456789012:key/{keys.current()}"
    for kid in (arn, alias):
        with pytest.raises(KeyRefused):
            keys.unwrap(framed(kid, sealed), CONTEXT)


def test_kms_keeps_the_policy_of_a_key_it_rotates_and_needs_an_alias(kms_address: str) -> None:
    alias, client = new_alias(kms_address), kms_client(kms_address)
    keys = KmsProvider(kms_settings(kms_address, alias))
    before = keys.current()
    policy = '{"Version": "2012-10-17", "Id": "only-ours", "Statement": []}'
    client.put_key_policy(KeyId=before, PolicyName="default", Policy=policy)
    after = keys.rotate()
    assert client.get_key_policy(KeyId=after, PolicyName="default")["Policy"] == policy
    client.close()
    with pytest.raises(KeyRefused, match="alias"):
        KmsProvider(kms_settings(kms_address, before)).rotate()


def test_kms_says_that_a_key_is_missing(kms_address: str) -> None:
    with pytest.raises(KeyUnavailable, match="NotFoundException"):
        KmsProvider(kms_settings(kms_address, "alias/nobody")).current()


@pytest.mark.parametrize(
    ("status", "code", "raised"),
    [
        (400, "InvalidCiphertextException", KeyRefused),
        (400, "IncorrectKeyException", KeyRefused),
        (400, "NotFoundException", KeyRefused),
        (400, "AccessDeniedException", KeyUnavailable),  # to everything: our permissions, not the record
        (400, "ThrottlingException", KeyUnavailable),
        (400, "DisabledException", KeyUnavailable),
        (400, "KMSInvalidStateException", KeyUnavailable),
        (500, "KMSInternalException", KeyUnavailable),
        (503, "ServiceUnavailable", KeyUnavailable),
    ],
)
@pytest.mark.fault("att:F09", "inj:F13")
def test_kms_answers_are_about_the_record_or_about_the_service(status: int, code: str, raised: type[Exception]) -> None:
    with answering(status, code) as address, pytest.raises(raised):
        KmsProvider(kms_settings(address, "alias/nea")).unwrap(framed("1234abcd", b"sealed"), CONTEXT)


def test_plain_http_goes_to_this_machine_only(transit: Transit) -> None:
    with pytest.raises(EndpointInsecure):
        KmsProvider(kms_settings("http://192.0.2.1", "alias/x"))
    with pytest.raises(EndpointInsecure):
        TransitProvider(TransitSettings("http://192.0.2.1", "x", lambda: ""))


def test_a_key_in_the_token_can_be_neither_read_nor_taken_out(token: Token) -> None:
    import pkcs11
    from pkcs11 import Attribute

    provider = TokenProvider(TokenSettings(token.module, token.label, f"root-{uuid4().hex[:8]}", token.pin))
    with pytest.raises(KeyUnavailable, match="rotate-root"):
        provider.current()
    kid = provider.rotate()
    key = provider._done(lambda session: provider._key(session, kid))
    assert (key[Attribute.SENSITIVE], key[Attribute.EXTRACTABLE]) == (True, False)
    with pytest.raises(pkcs11.exceptions.AttributeSensitive):
        key[Attribute.VALUE]


def by_itself(token: Token, code: str) -> subprocess.CompletedProcess[str]:
    """Run code with the token in a process of its own: sessions that other tests left in this one are not in its way.

    A lost session that is still referred to ends, when it dies, whatever newer session has got its number.
    """
    head = """
import sys
from pathlib import Path
import pkcs11
from storage.errors import KeyUnavailable
from storage.keyring import SecretKey
from storage.keys.pkcs11 import TokenProvider, TokenSettings
module, token, pin, label = sys.argv[1:]
def provider(pin):
    return TokenProvider(TokenSettings(Path(module), token, label, pin))
"""
    words = (str(token.module), token.label, token.pin, f"root-{uuid4().hex[:8]}")
    return subprocess.run(
        [sys.executable, "-c", head + code, *words], capture_output=True, text=True, timeout=300, check=False
    )


def test_a_token_refuses_a_wrong_pin(token: Token) -> None:
    done = by_itself(
        token,
        """
wrong, told = provider("00000000"), []
for _ in range(20):
    try:
        wrong.current()
    except KeyUnavailable as error:
        told.append("PIN" in error.detail)
assert told == [True] * 20, told
print(provider(pin).rotate())
""",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("root-"), "twenty questions offered the wrong PIN once, and locked nothing"


def test_a_provider_opens_its_token_again_when_the_session_was_lost(token: Token) -> None:
    done = by_itself(
        token,
        f"""
keys, context = provider(pin), {CONTEXT!r}
keys.rotate()
blob = keys.wrap(SecretKey({KEY.reveal()!r}), context)
for _ in range(5):
    pkcs11.lib(module).reinitialize()
    assert keys.unwrap(blob, context).reveal() == {KEY.reveal()!r}
print("opened")
""",
    )
    assert (done.returncode, done.stdout) == (0, "opened\n"), done.stderr


def test_transit_reads_its_token_anew_and_tells_a_refused_one(transit: Transit) -> None:
    present = ["expired"]
    keys = TransitProvider(TransitSettings(transit.address, transit.key, lambda: present[0]))
    with pytest.raises(KeyUnavailable, match="token"):
        keys.wrap(KEY, CONTEXT)
    present[0] = transit.token
    blob = keys.wrap(KEY, CONTEXT)
    transit.sealed = True
    with pytest.raises(KeyUnavailable):
        keys.unwrap(blob, CONTEXT)
    transit.sealed = False
    assert keys.unwrap(blob, CONTEXT) == KEY


def test_transit_says_that_a_key_is_missing(transit: Transit) -> None:
    keys = TransitProvider(TransitSettings(transit.address, "nobody", lambda: transit.token))
    with pytest.raises(KeyUnavailable, match="name and the mount"):
        keys.current()
