"""A certificate of destruction: one that was changed, or that does not add up, is refused by the command, without the service."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from repository.__main__ import main
from repository.receipts import destruction
from repository.receipts.bodies import body
from repository.receipts.checking import Verdict, examine, holds
from repository.receipts.files import ReceiptFile
from repository.receipts.kinds import ReceiptKind
from repository.receipts.sheet import receipt_pdf

from . import made

KEY = made.SIGNER.public_key_hex


def said() -> dict[str, Any]:
    """What a certificate of the paper of four scripts says: two gone, one kept, one never there."""
    return {
        "what": "paper",
        "counts": {"scripts": 4, "destroyed": 2, "kept": 1, "nothing": 1},
        "how": [["Destroyed by", "A. Shredder"], ["Before the witness", "B. Witness"], ["How", "Shredded"]],
        "scripts": [
            {"candidate_number": "1001", "what": "destroyed", "why": "Its time is over"},
            {"candidate_number": "1002", "what": "destroyed", "why": "Its time is over"},
            {"candidate_number": "1003", "what": "kept", "why": "Under a legal hold"},
            {"candidate_number": "1004", "what": "nothing", "why": "The candidate was absent or struck off"},
        ],
    }


def certificate(content: dict[str, Any] | None = None) -> ReceiptFile:
    """A signed certificate with its proof."""
    text = body(
        ReceiptKind.SCRIPTS_DESTROYED,
        made.RECEIPT_ID,
        made.AT,
        made.PLACE,
        made.BY,
        {
            "held_on": "2026-06-08",
            "session_of_day": "AM",
            "destruction": said() if content is None else content,
        },
        public_key_hex=KEY,
    )
    return made.whole(text)


def left_out(content: dict[str, Any]) -> None:
    del content["scripts"][2]


def said_destroyed(content: dict[str, Any]) -> None:
    content["scripts"][2] |= {"what": "destroyed", "why": "Its time is over"}


def counted_away(content: dict[str, Any]) -> None:
    content["counts"]["scripts"] = 3


def another_candidate(content: dict[str, Any]) -> None:
    content["scripts"][0]["candidate_number"] = "1009"


def another_witness(content: dict[str, Any]) -> None:
    content["how"][1][1] = "C. Witness"


SIGNED_OVER = "was changed after it was signed"
TAMPERED: tuple[tuple[Callable[[dict[str, Any]], None], str], ...] = (
    (left_out, "1 scripts are said to be kept, and 0 are listed so."),
    (said_destroyed, "2 scripts are said to be destroyed, and 3 are listed so."),
    (counted_away, "3 scripts were there, and 4 are accounted for."),
    (another_candidate, SIGNED_OVER),
    (another_witness, SIGNED_OVER),
)


def tampered(change: Callable[[dict[str, Any]], None]) -> ReceiptFile:
    """A certificate that somebody changed and could not sign again."""
    content = said()
    change(content)
    return replace(certificate(), signed_text=certificate(content).signed_text)


def test_a_whole_certificate_is_proven_and_can_be_read_on_paper() -> None:
    found = examine(certificate(), KEY)
    assert {one.check for one in found} == {"key", "signature", "text", "log", "destruction"}
    assert {one.verdict for one in found} == {Verdict.GOOD}
    assert receipt_pdf(certificate()).startswith(b"%PDF-")


@pytest.mark.parametrize(("change", "words"), TAMPERED, ids=[one.__name__ for one, _ in TAMPERED])
def test_the_command_refuses_what_was_tampered_with_and_says_what(
    change: Callable[[dict[str, Any]], None], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "certificate.json"
    path.write_text(certificate().text())
    assert main(["receipt", "verify", str(path), "--key", KEY]) == 0
    assert "Certificate of destruction" in capsys.readouterr().out
    path.write_text(tampered(change).text())
    assert main(["receipt", "verify", str(path), "--key", KEY]) == 1
    told = capsys.readouterr().out
    assert words in told
    assert SIGNED_OVER in told


def test_one_that_was_signed_and_does_not_add_up_is_refused_all_the_same() -> None:
    content = said()
    said_destroyed(content)
    found = examine(certificate(content), KEY)
    assert {one.check for one in found if one.verdict is Verdict.BAD} == {"destruction"}


@pytest.mark.parametrize("content", [{}, {"counts": 1}, {"counts": {}, "scripts": []}, {"counts": {}, "scripts": [7]}])
def test_what_is_no_certificate_is_refused_and_breaks_nothing(content: dict[str, Any]) -> None:
    assert destruction.faults(content) == ["It is not written as a certificate of destruction is."]
    assert not holds(examine(certificate(content), KEY))
