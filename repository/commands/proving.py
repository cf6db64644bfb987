"""``nea prove``: what the service says of itself, shown from its records."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter

from rich.console import Console
from rich.table import Table

from moderation.errors import ModerationError
from moderation.independence import ACT_WORDS, KIND_WORDS, Proof, Verdict
from moderation.records.proofs import prove_series
from repository import migrating
from repository.commands.progress import Bar
from repository.commands.service import run
from repository.database import Database
from repository.settings import Settings


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("prove", help="prove a property of a series from its records")
    properties = command.add_subparsers(title="properties", required=True, metavar="PROPERTY")
    independence = properties.add_parser(
        "independence", help="every allocation and act of a series, with ties and earlier parts; status 1 if any fails"
    )
    independence.add_argument("--series", required=True, help="series, e.g. 01-6B26")
    independence.add_argument("--json", action="store_true", help="print JSON")
    independence.add_argument("--failed", action="store_true", help="list only what fails")
    independence.set_defaults(command=_independence)


def _independence(arguments: argparse.Namespace, settings: Settings) -> int:
    async def main() -> int:
        database = Database(settings.database_url)
        try:
            await migrating.check(database)
            with Bar("Proving independence") as bar:
                proofs = await database.read(
                    lambda session: prove_series(session, arguments.series, begun=bar.total, seen=bar.seen)
                )
        except ModerationError as error:
            print(f"nea: {error.detail}", file=sys.stderr)
            return 2
        finally:
            await database.close()
        return _print(arguments, proofs)

    return run(main())


def _print(arguments: argparse.Namespace, proofs: list[Proof]) -> int:
    counts = Counter(one.verdict for one in proofs)
    shown = [one for one in proofs if one.verdict is Verdict.FAILED] if arguments.failed else proofs
    if arguments.json:
        from repository.web.api.conflicts import proof_json

        print(json.dumps(proof_json(arguments.series, shown), indent=2))
    else:
        show(shown, arguments.series, counts)
    return 1 if counts[Verdict.FAILED] else 0


def show(proofs: list[Proof], series_key: str, counts: Counter[Verdict]) -> None:
    """Print the proofs as a table, and what they come to."""
    table = Table(title=f"Independence in {series_key}")
    for column in ("subject", "person", "component", "centre", "act", "when", "ties", "earlier parts", "verdict"):
        table.add_column(column, overflow="fold")
    for one in proofs:
        given = one.given
        who = given.person_id if len(one.accounts) == 1 else f"{given.person_id} (of {len(one.accounts)} accounts)"
        ties = "; ".join(f"{KIND_WORDS[tie.kind]} from {tie.valid_from:%Y-%m-%d}" for tie in one.ties) or "none"
        parts = "; ".join(f"{ACT_WORDS[part.act]} {part.done_at:%Y-%m-%d %H:%M}" for part in one.parts) or "none"
        verdict = " ".join([one.verdict.value, *one.findings])
        when = "" if given.start is None else f"{given.start:%Y-%m-%d %H:%M}"
        table.add_row(
            given.subject, who, given.component_code, given.centre_number, given.act, when, ties, parts, verdict
        )
    console = Console() if sys.stdout.isatty() else Console(width=200)
    console.print(table)
    words = ", ".join(f"{counts[verdict]} {verdict.lower()}" for verdict in Verdict)
    console.print(f"{sum(counts.values())} allocations and acts: {words}.", highlight=False)
    if counts[Verdict.FAILED]:
        console.print("Independence was broken. Give the work to somebody else and record why.", highlight=False)
