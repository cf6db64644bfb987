"""What code of ours never does: evaluate text, unpickle, start a shell, make markup of strings, use weak chance or ciphers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from markupsafe import Markup

from repository.web.pages import templates

TOP = Path(__file__).parents[2]
SOURCES = [
    path
    for package in ("repository", "moderation", "scripts", "storage")
    for path in (TOP / package).rglob("*.py")
    if "node_modules" not in path.parts
]
STATIC = TOP / "repository" / "web" / "static"
SCRIPTS = sorted(path for path in STATIC.rglob("*.js") if "build" not in path.parts)
PAGES = sorted((TOP / "repository" / "web" / "templates").rglob("*.html"))
INVENTORY = TOP / "infra" / "docs" / "cryptography.md"
CRYPTOGRAPHY = {"cryptography", "hashlib", "hmac", "secrets", "ssl", "joserfc", "fido2", "pyrage", "pkcs11"}


Node = ast.Call | ast.Import | ast.ImportFrom


@lru_cache(maxsize=1)
def nodes() -> list[tuple[str, Node]]:
    """Every call and import of ours, read once."""
    found = []
    for path in SOURCES:
        name = path.relative_to(TOP).as_posix()
        found += [(name, node) for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, Node)]
    return found


def imported() -> Iterator[tuple[str, str]]:
    """Every module that a file of ours imports."""
    for path, node in nodes():
        if isinstance(node, ast.Import):
            yield from ((path, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield path, node.module
            yield from ((path, f"{node.module}.{alias.name}") for alias in node.names)


def called(node: ast.AST) -> str:
    """The name of what is called, without what it belongs to."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def test_nothing_is_evaluated_and_nothing_unpickled() -> None:
    bare = {"eval", "exec", "compile", "__import__"}
    for path, node in nodes():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in bare, f"{path}:{node.lineno}"
    banned = {"pickle", "marshal", "shelve", "dill", "jsonpickle", "yaml", "code", "codeop"}
    assert not {(path, name) for path, name in imported() if name.split(".")[0] in banned}


def test_processes_are_started_without_a_shell() -> None:
    started = set()
    for path, node in nodes():
        name = called(node)
        assert name not in {"system", "popen", "create_subprocess_shell", "getoutput"}, path
        if isinstance(node, ast.Call):
            assert not [one for one in node.keywords if one.arg == "shell"], f"{path}:{node.lineno}"
        if name == "create_subprocess_exec":
            started.add(path)
    assert started == {"repository/inspection/children.py", "repository/demo/serving.py", "repository/demo/files.py"}


def test_no_statement_is_put_together_from_what_somebody_said() -> None:
    """``text()`` of SQL is a constant, but where policies and bulk rows are generated from our own tables."""
    generated = {
        path
        for path, node in nodes()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "text" and node.args
        if not isinstance(node.args[0], ast.Constant)
    }
    assert not {path for path in generated if path.startswith(("repository/web/", "repository/acts/", "scripts/"))}


def test_pages_escape_whatever_they_show() -> None:
    environment = templates()
    assert environment.autoescape is True
    hostile = "<script>alert(1)</script>\"' onload=x"
    shown = environment.from_string("<p title='{{ said }}'>{{ said }}</p>").render(said=hostile)
    assert shown.count("<") == 2
    assert shown.count("'") == 2
    assert "&lt;script&gt;" in shown
    for page in PAGES:
        text = page.read_text("utf-8")
        assert not re.search(r"\{%-?\s*autoescape", text), page
        assert not re.search(r"\{\{[^}]*\|\s*safe\b", text), page
    makers = {path for path, node in nodes() if called(node) == Markup.__name__}
    assert makers == {"repository/web/pages/enrolling.py"}  # a picture that is made there


def test_patterns_and_formats_are_ours() -> None:
    """A pattern or a format that is no constant is made of constants, in modules that were looked at."""
    made = set()
    for path, node in nodes():
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        owner, first = node.func.value, node.args[0]
        if isinstance(owner, ast.Name) and owner.id == "re" and not isinstance(first, ast.Constant):
            made.add(path)
        if node.func.attr in {"format", "format_map"} and not isinstance(owner, ast.Constant):
            made.add(path)
    assert made <= {
        "moderation/exchange/csv_text.py",
        "moderation/guards/reviews.py",
        "moderation/reports.py",
        "moderation/rule_files.py",
        "repository/acts/mail.py",
        "repository/care/inventory.py",
        "repository/inspector/pdf.py",
        "repository/mail/letters.py",
        "repository/scoping/row_security.py",
        "repository/sign_in/one_time_codes.py",
        "storage/keys/pkcs11.py",
    }


def test_templates_are_files_of_ours() -> None:
    for path, node in nodes():
        assert called(node) != "from_string", path
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "Template", path


def test_scripts_make_no_markup_and_hear_no_messages() -> None:
    banned = re.compile(
        r"\beval\(|new Function\(|innerHTML|outerHTML|insertAdjacentHTML|document\.write|postMessage"
        r"|addEventListener\(\s*[\"']message|__proto__|javascript:|indexedDB|sessionStorage"
    )
    # Strokes of the desk wait in the browser, sealed, and are told to the other windows of the same origin by a channel.
    # So do lines of the despatch log on a phone and scans of a station; the phone's service worker says by a channel too
    # that the line is back.
    known = {
        "journal-store.js": {"indexedDB"},
        "journal.js": {"postMessage"},
        "sealed-store.js": {"indexedDB"},
        "worker.js": {"postMessage"},
    }
    assert len(SCRIPTS) >= 5
    for script in SCRIPTS:
        assert set(banned.findall(script.read_text("utf-8"))) == known.get(script.name, set()), script


def test_scripts_fill_no_object_under_names_from_outside() -> None:
    """Nothing is merged or set under a computed name, so no prototype can be reached."""
    sets = re.compile(r"[\w\])]\[[^\]\n]+\]\s*=(?![=>])|Object\.assign|\bmerge\(|\bfor \(\w+ \w+ in ")
    for script in SCRIPTS:
        assert not sets.search(script.read_text("utf-8")), script


def test_pages_load_nothing_from_elsewhere() -> None:
    loads = re.compile(
        r"<(?:script|link|img|iframe|object|embed|audio|video|source)\b[^>]*\b(?:src|href)=\"(?:https?:)?//"
    )
    frames = re.compile(r"<(?:iframe|object|embed|applet)\b")
    assert len(PAGES) > 50
    for page in PAGES:
        assert not loads.search(page.read_text("utf-8")), page
        assert not frames.search(page.read_text("utf-8")), page


def test_chance_that_must_not_be_guessed_comes_from_the_system() -> None:
    users = {path for path, name in imported() if name.split(".")[0] == "random"}
    assert {
        path
        for path in users
        if not path.startswith(("repository/demo/", "moderation/rehearsal/", "repository/practice/"))
    } == {
        "storage/retry.py"  # pauses between tries
    }


def test_hashes_and_ciphers_are_approved_ones() -> None:
    for path, node in nodes():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id == "hashlib" and node.func.attr != "sha256":
                if node.func.attr == "file_digest":
                    assert ast.unparse(node.args[1]) == "'sha256'", f"{path}:{node.lineno}"
                    continue
                uses = {one.arg: one.value for one in node.keywords}
                plain = uses.get("usedforsecurity")
                assert isinstance(plain, ast.Constant), f"{path}:{node.lineno}"
                assert plain.value is False, f"{path}:{node.lineno}"  # checksums that protocols ask for
    names = {(path, name) for path, name in imported() if name.startswith("cryptography.hazmat.primitives")}
    assert not {
        (path, name) for path, name in names if re.search(r"ciphers\.(modes|algorithms|base)|padding|\.rsa|\.dsa", name)
    }
    assert {path for path, name in names if name.endswith(".SHA1")} == {
        "repository/sign_in/one_time_codes.py"
    }  # RFC 6238
    sealed = {path for path, name in names if ".ciphers" in name}
    assert {name for path, name in names if ".ciphers" in name and not name.endswith(".aead")} == {
        "cryptography.hazmat.primitives.ciphers.aead.AESGCM"
    }
    assert sealed == {
        "repository/sign_in/sealing.py",
        "storage/keyring.py",
        "storage/keys/file.py",
        "storage/streaming.py",
    }


def test_cryptography_stands_where_the_inventory_says() -> None:
    said = INVENTORY.read_text("utf-8")
    written = {name for name in re.findall(r"`([a-z0-9_/]+\.py)`", said) if not name.startswith("tests/")}
    used = {path for path, name in imported() if name.split(".")[0] in CRYPTOGRAPHY}
    assert used - written == set(), "cryptography that the inventory does not name"
    assert written - used == set(), "named in the inventory, but uses none"
