"""``nea receipt``: checking receipts, with nothing but the file and the published key."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from repository.errors import ReceiptUnreadable
from repository.receipts import files
from repository.receipts.checking import Match, Verdict, compare, examine, holds, listed_of
from repository.receipts.files import ReceiptFile
from repository.receipts.kinds import title_of
from repository.settings import Settings

WORDS = {Verdict.GOOD: "proven     ", Verdict.BAD: "WRONG      ", Verdict.OPEN: "not checked"}
MATCHES = {
    Match.SAME: "the same",
    Match.RENAMED: "the same, under another name",
    Match.DIFFERENT: "DIFFERENT from the file of that name",
    Match.NOT_HERE: "not in the folder",
}


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to the parser."""
    top = commands.add_parser("receipt", help="check receipts, without the service")
    kinds = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    verify = kinds.add_parser("verify", help="say what receipts prove; exit status 1 if one is not what was signed")
    verify.add_argument("receipts", nargs="+", type=Path, metavar="FILE", help="receipt as downloaded, ending in .json")
    verify.add_argument("--key", metavar="HEX", help="public key that the awarding body published")
    verify.add_argument("--files", type=Path, metavar="FOLDER", help="compare the files of work in this folder")
    verify.set_defaults(command=_verify)


def _verify(arguments: argparse.Namespace, _settings: Settings) -> int:
    if arguments.key is not None and len(arguments.key.strip()) != 64:
        print("nea: --key must be 64 hexadecimal digits, as the awarding body published them.", file=sys.stderr)
        return 1
    if arguments.files is not None and not arguments.files.is_dir():
        print(f"nea: {arguments.files} is not a folder.", file=sys.stderr)
        return 1
    results = [_verify_one(path, arguments.key, arguments.files) for path in arguments.receipts]
    return 0 if all(results) else 1


def _verify_one(path: Path, key: str | None, folder: Path | None) -> bool:
    print(f"{path}:")
    try:
        file = files.read(path.read_bytes())
    except OSError as error:
        print(f"  WRONG       The file cannot be read: {error.strerror}.")
        return False
    except ReceiptUnreadable as error:
        print(f"  WRONG       {error.detail}")
        return False
    findings = examine(file, key)
    for one in findings:
        print(f"  {WORDS[one.verdict]} {one.sentence}")
    if not holds(findings):
        return False
    _print_content(file)
    return folder is None or _compare(file, folder)


def _print_content(file: ReceiptFile) -> None:
    content = file.content
    by = content.get("by", {})
    what = f"{title_of(content['kind'])}, {content['component']}, centre {content['centre_number']}"
    print(f"  It says: {what}; recorded {content['issued_at']}" + (f" by {by['name']}." if by else "."))
    for one in content.get("missing", ()):
        print(f"    not there: {one['candidate_number'] or 'the whole group'}, {', '.join(one['what'])}: {one['why']}")


def _compare(file: ReceiptFile, folder: Path) -> bool:
    good = True
    try:
        listed = listed_of(file.content)
        for one, match in compare(listed, folder):
            print(f"    {one.candidate_number or 'group'} {one.name}: {MATCHES[match]}")
            good = good and match is not Match.DIFFERENT
    except OSError as error:
        print(f"nea: {error.filename} cannot be read: {error.strerror}.", file=sys.stderr)
        return False
    return good
