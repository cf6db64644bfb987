"""The file that pins identity providers: what is misspelt, unsafe or doubtful stops the start, and the place is named."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from repository.access import Role
from repository.errors import SettingRefused
from repository.sign_in import providers_file
from repository.sign_in.providers import CentreRule, RoleRule

SECRET = "a secret of tests"
TOP = Path(__file__).parents[3]
ONE: dict[str, Any] = {
    "key": "school",
    "name": "School sign-in",
    "issuer": "https://login.school.example",
    "client_id": "nea",
    "client_secret_file": "client.secret",
}


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    secret = tmp_path / "client.secret"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)

    def write(*issuers: object, name: str = "providers.json", text: str = "") -> Path:
        path = tmp_path / name
        path.write_text(text or json.dumps({"issuers": list(issuers)}))
        path.chmod(0o644)
        return path

    return write


def refusal(path: Path) -> str:
    with pytest.raises(SettingRefused) as refused:
        providers_file.read(path)
    assert refused.value.facts == {"variable": "NEA_OIDC_FILE"}
    assert SECRET not in refused.value.detail
    return refused.value.detail


def test_without_a_file_there_is_no_provider() -> None:
    assert providers_file.load(None) == ()


def test_the_least_that_a_provider_needs(written: Callable[..., Path]) -> None:
    (issuer,) = providers_file.load(written(ONE))
    assert (issuer.key, issuer.client_secret, issuer.scopes) == ("school", SECRET, ("openid", "profile"))
    assert issuer.others_wait
    assert issuer.roles == ()
    assert issuer.centre is None
    assert SECRET not in repr(issuer)
    assert SECRET not in json.dumps(providers_file.shown(issuer))


def test_all_of_it_as_toml(written: Callable[..., Path]) -> None:
    text = """
[[issuers]]
key = "federation"
name = "Schools’ federation"
issuer = "http://127.0.0.1:8000/realms/schools"
client_id = "nea"
client_secret_file = "client.secret"
scopes = ["openid"]
others = "refuse"
multi_factor = { acr = ["two"], amr = ["mfa"] }
centre = { claim = "urn", table = { "123456" = "99001" } }
roles = [
  { claim = "groups", value = "staff", role = "teacher", grant = "at_once" },
  { claim = "groups", value = "officers", role = "ab_officer" },
]
"""
    (issuer,) = providers_file.read(written(name="providers.toml", text=text))
    assert issuer.centre == CentreRule(claim="urn", table={"123456": "99001"})
    assert issuer.roles == (
        RoleRule("groups", "staff", Role.TEACHER, at_once=True),
        RoleRule("groups", "officers", Role.AB_OFFICER),
    )
    assert not issuer.others_wait
    assert issuer.multi_factor_acr | issuer.multi_factor_amr == {"two", "mfa"}
    assert providers_file.shown(issuer)["two factors"] == ["mfa", "two"]


CENTRE = {"always": "99001"}
ROLE = {"claim": "groups", "value": "staff", "role": "teacher"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cleint_id": "x"}, "issuers[0].cleint_id is not known here"),
        ({"key": None}, "issuers[0].key is missing"),
        ({"key": "A school"}, "issuers[0].key must be small letters"),
        ({"key": "x" * 33}, "issuers[0].key must be small letters"),
        ({"name": ""}, "issuers[0].name must be text"),
        ({"name": "a\u0000b"}, "issuers[0].name must be text"),
        ({"issuer": "http://login.school.example"}, "issuers[0].issuer must be an address"),
        ({"issuer": "local"}, "issuers[0].issuer must be an address"),
        ({"issuer": "https://login.school.example?x=1"}, "issuers[0].issuer must be an address"),
        ({"issuer": "https://login.school.example#x"}, "issuers[0].issuer must be an address"),
        ({"issuer": "https://me:secret@login.school.example"}, "issuers[0].issuer must be an address"),
        ({"issuer": "https://login.school.example:x"}, "issuers[0].issuer must be an address"),
        ({"issuer": "https://"}, "issuers[0].issuer must be an address"),
        ({"client_secret_file": "absent"}, "issuers[0].client_secret_file names a file that cannot be read"),
        ({"client_secret_file": "loose"}, "issuers[0].client_secret_file names a file that can be read by others"),
        ({"client_secret_file": "empty"}, "issuers[0].client_secret_file names an empty file"),
        ({"client_secret_file": None}, "issuers[0].client_secret_file is missing"),
        ({"client_secret": "x"}, "issuers[0].client_secret is not known here"),
        ({"scopes": ["profile"]}, "issuers[0].scopes must be single words with openid"),
        ({"scopes": "openid"}, "issuers[0].scopes must be a list"),
        ({"multi_factor": {"acr": "two"}}, "issuers[0].multi_factor.acr must be a list"),
        ({"multi_factor": {"acrs": []}}, "issuers[0].multi_factor.acrs is not known here"),
        ({"multi_factor": []}, "issuers[0].multi_factor must be a table"),
        ({"others": "yes"}, "issuers[0].others must be wait or refuse"),
        ({"centre": {"always": "9901"}}, "issuers[0].centre.always must be a centre number"),
        ({"centre": {"always": "99001", "claim": "x"}}, "issuers[0].centre has always"),
        ({"centre": {"claim": "x"}}, "issuers[0].centre needs a table"),
        ({"centre": {"claim": "x", "as_it_is": True, "table": {}}}, "issuers[0].centre needs a table"),
        ({"centre": {"claim": "x", "as_it_is": "yes"}}, "issuers[0].centre.as_it_is must be true or false"),
        ({"centre": {"claim": "x", "table": {"a": 99001}}}, "issuers[0].centre.table.a must be text"),
        ({"roles": [ROLE]}, "issuers[0].roles[0].role is a role of a centre"),
        ({"centre": CENTRE, "roles": [ROLE | {"role": "headteacher"}]}, "issuers[0].roles[0].role must be one of"),
        ({"centre": CENTRE, "roles": [ROLE | {"grant": "now"}]}, "issuers[0].roles[0].grant must be"),
        ({"centre": CENTRE, "roles": [{"claim": "groups", "role": "teacher"}]}, "issuers[0].roles[0].value is missing"),
        ({"centre": CENTRE, "roles": ROLE}, "issuers[0].roles must be a list"),
        ({"roles": [ROLE | {"role": "ab_officer", "grant": "at_once"}]}, "two officers give this role"),
        ({"roles": [ROLE | {"role": "tracking_clerk", "grant": "at_once"}]}, "two officers give this role"),
    ],
)
def test_each_refusal_names_its_place(
    written: Callable[..., Path], tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    (tmp_path / "loose").write_text("x")
    (tmp_path / "loose").chmod(0o644)
    (tmp_path / "empty").touch(0o600)
    issuer = {name: value for name, value in (ONE | change).items() if value is not None}
    assert words in refusal(written(issuer))


def test_twice_the_same_is_refused(written: Callable[..., Path]) -> None:
    assert "holds the key 'school' twice" in refusal(written(ONE, ONE | {"issuer": "https://other.example"}))
    assert "holds the issuer" in refusal(written(ONE, ONE | {"key": "other"}))


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"issuer": []}', '{"issuers": {}}', '{"issuers": [1]}', "[" * 100_000, "\x00"]
)
def test_what_is_no_such_file_is_refused(written: Callable[..., Path], text: str) -> None:
    assert refusal(written(text=text)).startswith("NEA_OIDC_FILE")


def test_a_file_that_others_can_change_is_refused(written: Callable[..., Path]) -> None:
    path = written(ONE)
    path.chmod(0o666)
    assert "can be changed by others" in refusal(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path / "absent.json")


def test_a_service_without_providers_loads_nothing_of_them() -> None:
    words = "import sys, repository.app, repository.__main__; print('joserfc' in sys.modules)"
    done = subprocess.run([sys.executable, "-P", "-c", words], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_check_config_shows_them_without_secrets(
    written: Callable[..., Path], tmp_path: Path, migrated_file: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    shutil.copy(migrated_file, data / "nea.sqlite3")
    environ = {"PATH": os.defpath, "NEA_DATA_DIR": str(data), "NEA_OIDC_FILE": str(written(ONE))}
    words = [sys.executable, "-P", "-m", "repository", "check-config"]
    done = subprocess.run(words, env=environ, capture_output=True, text=True, check=True, cwd=TOP)
    (shown,) = json.loads(done.stdout)["identity providers"]
    assert (shown["key"], shown["issuer"]) == ("school", "https://login.school.example")
    assert SECRET not in done.stdout
    environ["NEA_OIDC_FILE"] = str(written(ONE | {"cleint": "x"}))
    done = subprocess.run(words, env=environ, capture_output=True, text=True, check=False, cwd=TOP)
    assert done.returncode != 0
    assert "issuers[0].cleint is not known here" in done.stderr


def test_without_the_extra_whoever_pinned_providers_is_told(
    written: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(providers_file, "find_spec", lambda _name: None)
    with pytest.raises(SettingRefused, match=r"nea-repository\[oidc\]"):
        providers_file.load(written(ONE))


@pytest.mark.parametrize(
    ("address", "fit", "fit_elsewhere"),
    [
        ("https://login.school.example/token", True, True),
        ("http://127.0.0.1:8000/token", True, False),
        ("http://localhost/token", True, False),
        ("http://[::1]:80/", True, False),
        ("http://login.school.example/", False, False),
        ("http://127.0.0.1.nip.example/", False, False),
        ("https://me@login.school.example/", False, False),
        ("ftp://127.0.0.1/", False, False),
        ("https:///token", False, False),
        ("https://[::1/", False, False),
        ("", False, False),
    ],
)
def test_an_address_is_fit_over_https_or_on_this_machine(address: str, fit: bool, fit_elsewhere: bool) -> None:
    assert providers_file.is_fit(address) is fit
    assert providers_file.is_fit(address, loopback=False) is fit_elsewhere
