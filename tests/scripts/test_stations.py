"""What a hand-held scanner types, and the cards that tell a station what to do, read back by a decoder that is not ours."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pypdfium2
import pytest

from scripts.command_sheets import WORDS, cards_pdf
from scripts.errors import CodeRefused
from scripts.labels import PacketLabel, read_code
from scripts.stations import NOTICES, STEPS, Command, as_scanned, read_command

LABEL = PacketLabel("99999", "6A26", "H446/01", 1, 2)


def test_every_card_is_read_from_paper_by_another_decoder_and_is_its_command(tmp_path: Path) -> None:
    assert cards_pdf() == cards_pdf()
    document = pypdfium2.PdfDocument(cards_pdf())
    assert len(document) == 1
    path = tmp_path / "cards.png"
    document[0].render(scale=200 / 72, grayscale=True).to_pil().save(path)
    document.close()
    done = subprocess.run(
        ["/usr/bin/zbarimg", "--quiet", "--raw", "--nodbus", str(path)], capture_output=True, text=True, check=True
    )
    assert {read_command(code) for code in done.stdout.split()} == set(Command)
    assert set(WORDS) == set(Command)


@pytest.mark.parametrize("command", Command)
def test_a_card_is_a_command_only_whole(command: Command) -> None:
    payload = command.payload
    assert read_command(f" {payload.lower()} ") is command
    assert read_command(payload.replace("|", "~")) is command
    for damaged in (payload[:-1], payload[:-1] + ("0" if payload[-1] != "0" else "1"), payload + "0", payload[4:]):
        assert read_command(damaged) is None
    with pytest.raises(CodeRefused):
        read_code(payload)


def test_a_label_is_no_command_and_is_mended_where_a_foreign_keyboard_typed_it() -> None:
    assert read_command(LABEL.payload) is None
    for typed in (LABEL.payload.replace("|", "~"), LABEL.payload.replace("|", "¦"), f"{LABEL.payload.lower()}\n"):
        assert read_code(as_scanned(typed)) == LABEL
    assert read_command("x" * 100_000) is None
    assert len(as_scanned("x" * 100_000)) == 200


def test_what_lasts_and_what_is_said_once_are_apart() -> None:
    assert not set(STEPS) & set(NOTICES)
    assert {*STEPS, *NOTICES, Command.UNDO, Command.RESET} == set(Command)
