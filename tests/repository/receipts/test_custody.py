"""A certificate of custody: changed, thinned out or put into another order, it says so, by the command and by its signature."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repository.__main__ import main
from repository.receipts import custody
from repository.receipts.bodies import body
from repository.receipts.checking import Verdict, examine, holds
from repository.receipts.files import ReceiptFile
from repository.receipts.kinds import ReceiptKind
from repository.receipts.sheet import receipt_pdf

from . import made

KEY = made.SIGNER.public_key_hex
STEPS = (
    "packed", "collected", "delivered", "opened", "scanned", "indexed", "quality_checked", "marked", "archived",
)  # fmt: skip


def event(kind: str, name: str, **changes: object) -> dict[str, object]:
    return {
        "event": name,
        "kind": kind,
        "words": kind.capitalize(),
        "occurred_at": "2026-06-08T12:00:00+00:00",
        "received_at": "2026-06-08T12:05:00+00:00",
        "place": "Site A – Llandudno",
        "role": "Script tracking clerk",
        "source": "scanner",
        "corrects": None,
        "counted": 15,
        "chain_sha256": "ab" * 32,
        "evidence": [{"kind": "photograph", "sha256": "cd" * 32}],
        **changes,
    }


def said() -> dict[str, Any]:
    """What a certificate of two packets and three scripts says."""
    packets = [
        {
            "packet": number, "of": 2, "id": f"packet-{number}", "state": "opened", "noticed": [],
            "record_chain": {"events": 3, "last_sha256": "ab" * 32, "holds": True},
        }
        | custody.chained(event(kind, f"{number}-{kind}") for kind in ("logged", "received", "opened"))
        for number in (1, 2)
    ]  # fmt: skip
    scripts = [
        {
            "script": f"script-{number}", "candidate_number": number, "state": "indexed", "register": "present",
            "explained": "", "packet": 1, "open_cases": [], "unknown": ["packed"],
            "scans": [{"what": "script", "document": "d", "sha256": "ef" * 32, "size_bytes": 9, "pages": 4, "sealed_at": ""}],
            "steps": [
                {"step": step, "known_of": "nothing", "standing": "unknown", "event": None, "due_at": None}
                for step in STEPS
            ],
        }
        | custody.chained(event(kind, f"{number}-{kind}") for kind in ("register_present", "indexed"))
        for number in ("1001", "1002", "1003")
    ]  # fmt: skip
    return {"about": "sitting", "packets": packets, "scripts": scripts, "whole": custody.whole(scripts, packets)}


def certificate(content: dict[str, Any] | None = None) -> ReceiptFile:
    """A signed certificate with its proof."""
    text = body(
        ReceiptKind.CUSTODY,
        made.RECEIPT_ID,
        made.AT,
        made.PLACE,
        made.BY,
        {
            "held_on": "2026-06-08",
            "session_of_day": "AM",
            "custody": said() if content is None else content,
            "log_checkpoint": {"origin": made.ORIGIN, "size": 299, "root": "AAAA"},
        },
        public_key_hex=KEY,
    )
    return made.whole(text)


def taken_out(content: dict[str, Any]) -> None:
    del content["packets"][0]["events"][1]


def last_taken_out(content: dict[str, Any]) -> None:
    content["scripts"][2]["events"].pop()


def put_elsewhere(content: dict[str, Any]) -> None:
    content["packets"][1]["events"].reverse()


def changed(content: dict[str, Any]) -> None:
    content["scripts"][0]["events"][1]["place"] = "Site B"


def script_taken_out(content: dict[str, Any]) -> None:
    del content["scripts"][1]


def scripts_swapped(content: dict[str, Any]) -> None:
    content["scripts"].reverse()


def added(content: dict[str, Any]) -> None:
    content["packets"][0]["events"].append(dict(content["packets"][0]["events"][2]))


TAMPERED: tuple[tuple[Callable[[dict[str, Any]], None], str], ...] = (
    (taken_out, "Of packet 1, event 2 of 3 was taken out."),
    (last_taken_out, "Of the script of candidate 1003, event 2 of 2 was taken out."),
    (put_elsewhere, "The events of packet 2 stand in another order."),
    (changed, "Of the script of candidate 1001, event 2 (indexed) was changed, or the one before it."),
    (script_taken_out, "3 scripts were certified, and 2 are here."),
    (scripts_swapped, "The scripts or packets stand in another order"),
    (added, "Of packet 1, 3 events were certified, and there are 4."),
)


def tampered(change: Callable[[dict[str, Any]], None]) -> ReceiptFile:
    """A certificate that somebody changed and could not sign again: the old signature over another text."""
    from dataclasses import replace

    content = said()
    change(content)
    return replace(certificate(), signed_text=certificate(content).signed_text)


def test_a_whole_certificate_is_proven_and_can_be_read_on_paper() -> None:
    found = examine(certificate(), KEY)
    assert {one.check for one in found} == {"key", "signature", "text", "log", "custody"}
    assert {one.verdict for one in found} == {Verdict.GOOD}
    pdf = receipt_pdf(certificate())
    assert pdf.startswith(b"%PDF-")
    read = pypdfium2.PdfDocument(pdf)
    text = "".join(page.get_textpage().get_text_bounded() for page in read)
    assert text.replace("\r\n", "").count("cd" * 32) == 6 + 6, "every picture is named by its whole hash"
    assert pdf == receipt_pdf(certificate())


@pytest.mark.parametrize(("change", "words"), TAMPERED, ids=[one.__name__ for one, _ in TAMPERED])
def test_the_command_refuses_what_was_tampered_with_and_says_what(
    change: Callable[[dict[str, Any]], None], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "certificate.json"
    path.write_text(certificate().text())
    assert main(["receipt", "verify", str(path), "--key", KEY]) == 0
    assert "Certificate of custody" in capsys.readouterr().out
    path.write_text(tampered(change).text())
    assert main(["receipt", "verify", str(path), "--key", KEY]) == 1
    told = capsys.readouterr().out
    assert words in told
    assert "was changed after it was signed" in told


@given(st.data())
def test_no_event_can_be_changed_taken_out_or_doubled_unnoticed(data: st.DataObject) -> None:
    content = said()
    kind = data.draw(st.sampled_from(custody.LINES))
    line = data.draw(st.sampled_from(content[kind]))
    place = data.draw(st.integers(0, len(line["events"]) - 1))
    what = data.draw(st.sampled_from(["change", "take out", "double"]))
    if what == "take out":
        del line["events"][place]
    elif what == "double":
        line["events"].insert(place, copy.deepcopy(line["events"][place]))
    else:
        name = data.draw(st.sampled_from(sorted(line["events"][place])))
        line["events"][place][name] = "something else"
    assert custody.faults(content)
    assert not holds(examine(tampered(lambda one: one.update(content)), KEY))


@pytest.mark.parametrize(
    "content", [{}, {"packets": 1}, {"packets": [], "scripts": []}, {"packets": [7], "scripts": []}]
)
def test_what_is_no_certificate_is_refused_and_breaks_nothing(content: dict[str, Any]) -> None:
    assert custody.faults(content) == ["It is not written as a certificate of custody is."]
    assert not holds(examine(certificate(content), KEY))
