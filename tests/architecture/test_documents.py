"""What the documents say is what the code does: tables, figures, keys, machines, roles, dependencies."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

from repository import logs
from repository.access import POLICY, Role
from repository.database import metadatas
from repository.documents import MEDIA_TYPES
from repository.inspector.images import PIXEL_LIMIT
from repository.inspector.pdf import PAGE_LIMIT
from repository.settings import VARIABLES
from repository.sign_in import throttle
from repository.sign_in.methods import Method
from repository.web.routes import ROUTES

TOP = Path(__file__).parents[2]
DOCS = TOP / "infra" / "docs"


def page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text("utf-8")


def test_every_table_has_a_level_of_protection() -> None:
    told = re.findall(r"^\* \*\*(\w+)\*\*: ((?:.|\n)+?)(?=^\* |^$)", page("data"), re.MULTILINE)
    levels = set(re.findall(r"^\| \*\*(\w+)\*\* \|", page("data"), re.MULTILINE))
    assert {level for level, _ in told} == levels
    listed = [name for _, names in told for name in re.findall(r"\w+", names)]
    assert len(listed) == len(set(listed))
    assert set(listed) == {table for data in metadatas() for table in data.tables}


def test_every_machine_that_the_service_speaks_to_is_listed() -> None:
    """Whatever setting names another machine, or a file that names some, stands in the list of the threat model."""
    section = page("threat-model").partition("## With whom the service speaks")[2].partition("\n## ")[0]
    names = {
        name
        for name in VARIABLES
        if re.search(r"_(URL|ADDRESS|MODULE|BUCKET)$|_MAIL_HOST$|OIDC_FILE$|_PROXIES$|KMS_KEY$", name)
    }
    assert len(names) >= 9
    assert {name for name in names if f"`{name}`" not in section} == set()


def test_every_key_file_has_its_turn() -> None:
    table = page("cryptography").partition("## Keys")[2].partition("## What")[0]
    code = "".join(
        path.read_text("utf-8") for path in (TOP / "repository").rglob("*.py") if "node_modules" not in path.parts
    )
    files = set(re.findall(r'"([a-z-]+\.key)"', code)) - {"series.key"}  # a column
    assert len(files) >= 4
    assert {name for name in files if f"| `{name}` |" not in table} == set()


def test_figures_of_sessions_are_those_of_the_code() -> None:
    said = page("sign-in")
    for people, kind in (("everybody else", ""), ("moderators, team leaders, principal moderators", "MODERATOR_")):
        idle = VARIABLES[f"NEA_{kind}SESSION_IDLE_MINUTES"][0]
        limit = VARIABLES[f"NEA_{kind}SESSION_LIMIT_HOURS"][0]
        assert f"| {people} | {idle} minutes | {limit} hours |" in said
    assert "any number of browsers at once" in " ".join(said.split())


def test_figures_of_guessing_are_those_of_the_code() -> None:
    said = " ".join(page("sign-in").partition("## What slows guessing")[2].split())
    waits = ", ".join(str(throttle.wait_seconds(n)) for n in range(throttle.FREE + 1, throttle.LOCK_AT))
    assert (
        f"from the fifth failure a wait of {waits} seconds, at the tenth of {throttle.LOCK_SECONDS // 60} minutes"
        in said
    )
    assert (throttle.FREE, throttle.LOCK_AT) == (4, 10)
    assert f"from the {throttle.ADDRESS_FREE + 1}st in a quarter of an hour" in said
    assert throttle.ADDRESS_FORGET_SECONDS == 15 * 60
    assert throttle.ADDRESS_LONGEST_SECONDS == 4
    assert "by four seconds at most" in said


def test_every_way_of_signing_in_is_described() -> None:
    words = {
        Method.PASSWORD: "## Passwords",
        Method.ONE_TIME_CODE: "authenticator app (RFC 6238",
        Method.RECOVERY_CODE: "ten recovery codes",
        Method.PASSKEY: "[passkey](passkeys.md), which counts for both",
        Method.PROVIDER: "## Identity providers",
        Method.PROVIDER_MULTI_FACTOR: "multi_factor",
        Method.REHEARSAL: "In the rehearsal mode",
        Method.SET_UP: "## The first start",
    }
    assert set(words) == set(Method)
    said = " ".join(page("sign-in").split())
    assert [method for method, heading in words.items() if heading not in said] == []


def test_every_role_is_described_and_every_action_has_its_roles() -> None:
    said = page("access")
    assert {role for role in Role if f"`nea_{role}`" not in said} == set()
    assert all(POLICY.values())


def test_every_dependency_is_pinned_and_those_that_are_installed_are_the_pinned_ones() -> None:
    """The list of constraints is the list of components: nothing that we ask for, or that it asks for, is missing."""
    lines = (TOP / "infra" / "config" / "constraints.txt").read_text("utf-8").splitlines()
    pinned = {normal(name): version for name, _, version in (line.partition("==") for line in lines) if version}
    assert len(pinned) > 60
    wanted, seen = [*needs("nea-repository", extras=True)], set[str]()
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue  # asked for by another platform only
        assert pinned.get(name) == installed, name
        wanted += needs(name, extras=False)
    assert len(seen) > 60


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def needs(name: str, *, extras: bool) -> list[str]:
    """What a distribution asks for, by name."""
    found = []
    for line in metadata.requires(name) or ():
        wanted, _, condition = line.partition(";")
        if "extra ==" in condition and not extras:
            continue
        match = re.match(r"[A-Za-z0-9._-]+", wanted.strip())
        assert match, line
        found.append(normal(match.group()))
    return found


def test_every_type_of_file_that_is_taken_is_listed() -> None:
    section = page("data").partition("## Files that are taken")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| (\w+/[\w.+-]+) \| ([a-z0-9 ]+) \|$", section, re.MULTILINE))
    assert rows == {kind: " ".join(endings) for kind, endings in MEDIA_TYPES.items()}
    assert f"at most {PAGE_LIMIT:,} pages, {PIXEL_LIMIT // 1_000_000} million pixels" in section
    assert "`NEA_UPLOAD_LIMIT_MIB`" in section


def test_every_log_is_listed() -> None:
    section = page("data").partition("## Logs")[2]
    formats = {name.lower() for name in vars(logs) if name in {"Json", "Text"}}
    assert len(formats) == 2
    assert all(name in section.lower() for name in formats)
    for name in ("NEA_LOG_FORMAT", "NEA_AUDIT_PUBLISH_DIR"):
        assert name in VARIABLES
        assert f"`{name}`" in section
    assert "`audit_log`" in section


def test_time_frames_for_weaknesses_of_components_are_set() -> None:
    days = [
        int(one)
        for one in re.findall(r"^\| (?:critical|high|medium)[^|]*\| (\d+) days \|$", page("dependencies"), re.MULTILINE)
    ]
    assert len(days) == 3
    assert days == sorted(days)


def test_every_page_is_in_the_index_and_every_link_leads_somewhere() -> None:
    readme = (TOP / "README.md").read_text("utf-8")
    pages = {path.name for path in DOCS.iterdir() if path.is_file()}
    assert {name for name in pages if f"(infra/docs/{name})" not in readme} == set()
    for path in (TOP / "README.md", *DOCS.rglob("*.md")):
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text("utf-8")):
            if "://" not in link and not link.startswith("mailto:"):
                assert (path.parent / link).exists(), f"{path.name}: {link}"


def test_proxies_as_described_redirect_pages_and_refuse_programs() -> None:
    """Whoever sends a token or marks over plain http hears of it, and is not led on in silence."""
    said = page("deploying")
    programs = {route.path.split("/")[1] for route in ROUTES if route.path.startswith(("/api/", "/uploads"))}
    assert programs == {"api", "uploads"}
    nginx = re.search(r"server \{\n    listen 80;(.+?)\n\}", said, re.DOTALL)
    assert nginx is not None
    assert "location ~ ^/(api|uploads)(/|$) { return 403; }" in nginx.group(1)
    assert nginx.group(1).index("403") < nginx.group(1).index("308")
    caddy = said.partition("http://nea.example.org, ")[2]
    assert "@programs path /api/* /uploads /uploads/*" in caddy
    assert caddy.index("respond 403") < caddy.index("redir")
