"""SF-12: a receipt proves what it says with nothing but the key; changed anywhere, by a bit or with care, it proves nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from repository.audit.notes import LogSigner, verifier_key
from repository.errors import ReceiptUnreadable
from repository.receipts import files
from repository.receipts.checking import Finding, Match, Verdict, compare, examine, holds, listed_of
from repository.receipts.files import ReceiptFile, log_key_statement
from repository.receipts.signing import Signer, canonical

from . import made

KEY = made.SIGNER.public_key_hex


def verdicts(file: ReceiptFile, key: str | None = KEY) -> dict[str, Verdict]:
    return {one.check: one.verdict for one in examine(file, key)}


def is_proven(data: bytes) -> bool:
    """Whether a file is taken for a receipt of ours, whole and in the log."""
    try:
        findings = examine(files.read(data), KEY)
    except ReceiptUnreadable:
        return False
    return all(one.verdict is Verdict.GOOD for one in findings)


@pytest.mark.parametrize("make", [made.whole, made.marks_receipt])
def test_a_receipt_proves_with_the_key_alone_what_it_says_and_that_it_is_in_the_log(make) -> None:
    file = make()
    assert files.read(file.text().encode()) == file
    findings = examine(file, KEY)
    assert {one.verdict for one in findings} == {Verdict.GOOD}
    assert {"key", "signature", "text", "log"} <= {one.check for one in findings}
    assert is_proven(file.text().encode())


def test_without_a_key_to_compare_with_it_says_that_it_cannot_know_whose_it_is() -> None:
    found = verdicts(made.whole(), None)
    assert found.pop("key") is Verdict.OPEN
    assert set(found.values()) == {Verdict.GOOD}


@pytest.mark.parametrize("make", [made.whole, made.marks_receipt])
def test_every_flipped_bit_of_the_whole_file_is_caught(make) -> None:
    """SF-12. Exhaustive over bytes, two bits of each: text, signature, key, proof, checkpoint, marks, and all around them."""
    data = make().text().encode()
    for place in range(len(data)):
        for bit in (0, 5):
            changed = bytearray(data)
            changed[place] ^= 1 << bit
            assert not is_proven(bytes(changed)), (place, bit, bytes(changed[max(0, place - 20) : place + 20]))


@pytest.mark.parametrize("part", ["log_proof", "log_key", "signature", "public_key", "log_key_signature"])
def test_every_character_of_proof_checkpoint_and_keys_counts(part: str) -> None:
    file = made.whole()
    text = getattr(file, part)
    for place in range(len(text)):
        for other in "0AazZ+/= \n":
            if text[place] == other:
                continue
            changed = text[:place] + other + text[place + 1 :]
            assert not is_proven(replace(file, **{part: changed}).text().encode()), (part, place, other)
        assert not is_proven(replace(file, **{part: text[:place] + text[place + 1 :]}).text().encode())
        assert not is_proven(replace(file, **{part: text[:place] + text[place] + text[place:]}).text().encode())


@given(st.data())
def test_no_text_inserted_taken_out_or_moved_goes_unnoticed(data: st.DataObject) -> None:
    whole = made.whole().text()
    start = data.draw(st.integers(0, len(whole)))
    stop = data.draw(st.integers(start, len(whole)))
    changed = whole[:start] + data.draw(st.text(max_size=20)) + whole[stop:]
    if changed == whole:
        return
    try:
        same = files.read(changed.encode("utf-8", "surrogatepass")) == made.whole()
    except ReceiptUnreadable:
        same = False
    # White space between the parts of the file says nothing and may change; nothing else may.
    assert same or not is_proven(changed.encode("utf-8", "surrogatepass"))


def test_another_key_is_not_ours_however_well_it_signs() -> None:
    """Somebody makes everything anew with keys of their own: consistent, and not ours."""
    stranger = Signer(Ed25519PrivateKey.from_private_bytes(bytes(32)))
    content = made.whole().content | {"public_key_ed25519": stranger.public_key_hex, "centre_number": "99999"}
    text = canonical(content)
    log_key = verifier_key(made.ORIGIN, made.LOG_SIGNER.public_key)
    file = ReceiptFile(
        text.decode(),
        stranger.sign(text).hex(),
        stranger.public_key_hex,
        made.proof_of(text),
        log_key,
        stranger.sign(log_key_statement(log_key)).hex(),
    )
    assert verdicts(file)["key"] is Verdict.BAD
    assert not holds(examine(file, KEY))
    assert verdicts(file, None)["key"] is Verdict.OPEN


def test_a_log_of_somebody_else_is_not_vouched_for() -> None:
    file = made.whole()
    other = verifier_key(made.ORIGIN, LogSigner(Ed25519PrivateKey.from_private_bytes(bytes(32))).public_key)
    assert verdicts(replace(file, log_key=other))["log"] is Verdict.BAD


@pytest.mark.parametrize(
    "changes",
    [
        {"object_id": "another-receipt"},
        {"action": "document.view"},
        {"object_kind": "case"},
        {"details": {"sha256": "0" * 64, "origin": "web"}},
        {"details": {"origin": "web"}},
    ],
)
def test_the_proof_of_another_event_proves_nothing_of_this_receipt(changes: dict[str, object]) -> None:
    text = made.sample_body()
    file = made.whole(text, proof=made.proof_of(text, **changes))
    assert verdicts(file)["log"] is Verdict.BAD


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 600])
def test_a_receipt_is_proven_wherever_it_stands_in_a_log_of_any_size(size: int) -> None:
    text = made.sample_body()
    for index in {0, size // 2, size - 1}:
        assert is_proven(made.whole(text, proof=made.proof_of(text, size=size, index=index)).text().encode())


def test_marks_that_came_along_are_those_submitted_or_are_called_wrong() -> None:
    file = made.marks_receipt()
    assert file.marks_text is not None
    assert verdicts(replace(file, marks_text=file.marks_text.replace("34", "43")))["marks"] is Verdict.BAD
    assert verdicts(replace(file, marks_text=None))["marks"] is Verdict.OPEN
    assert verdicts(replace(made.whole(), marks_text=file.marks_text))["marks"] is Verdict.BAD


def test_a_receipt_without_its_proof_yet_says_so_and_holds() -> None:
    file = replace(made.whole(), log_proof=None, log_key=None, log_key_signature=None)
    assert verdicts(file)["log"] is Verdict.OPEN
    assert holds(examine(file, KEY))


def test_receipts_of_the_first_format_stay_readable_and_verifiable() -> None:
    text = canonical(
        {
            "format": "nea-receipt/1",
            "kind": "sample-submitted",
            "receipt": "1",
            "public_key_ed25519": KEY,
            "candidates": [],
        }
    )
    old = json.dumps(
        {"signed_text": text.decode(), "signature": made.SIGNER.sign(text).hex(), "public_key": KEY}, indent=1
    )
    file = files.read(old.encode())
    assert verdicts(file) == {"key": Verdict.GOOD, "signature": Verdict.GOOD, "text": Verdict.GOOD}
    assert file.text() == old + "\n"
    for place in range(len(old)):
        changed = bytearray(old.encode())
        changed[place] ^= 1
        assert not is_proven(bytes(changed))


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"{}", b"null", b"\xff\xfe", b"%PDF-1.7 \xe2", b"%PDF-1.4", b"[" * 100_000, b'{"signed_text": 1}',
        b'{"signed_text": "", "signature": "", "public_key": ""}',
        b'{"signed_text": "", "signed_text": "", "signature": "", "public_key": ""}',
        b'{"signed_text": NaN}',
    ],
)  # fmt: skip
def test_what_is_no_receipt_is_refused_in_plain_words(data: bytes) -> None:
    with pytest.raises(ReceiptUnreadable) as refusal:
        files.read(data)
    assert refusal.value.detail.endswith(".")


@given(st.binary(max_size=300))
def test_no_bytes_are_taken_for_a_receipt_or_break_the_check(data: bytes) -> None:
    assert not is_proven(data)


def test_files_of_work_are_matched_by_name_and_hash(tmp_path: Path) -> None:
    listed = listed_of(made.whole().content)
    assert [one.candidate_number for one in listed] == ["1001", "1002"]
    assert [match for _, match in compare(listed, tmp_path)] == [Match.NOT_HERE, Match.NOT_HERE]
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / made.WORKS[0].name).write_bytes(made.WORKS[0].data)
    (tmp_path / "renamed.pdf").write_bytes(made.WORKS[1].data)
    assert [match for _, match in compare(listed, tmp_path)] == [Match.SAME, Match.RENAMED]
    (tmp_path / "renamed.pdf").rename(tmp_path / made.WORKS[1].name)
    (tmp_path / "a" / made.WORKS[0].name).write_bytes(made.WORKS[0].data + b" ")
    assert [match for _, match in compare(listed, tmp_path)] == [Match.DIFFERENT, Match.SAME]


def test_every_sentence_ends_and_names_no_code() -> None:
    found: list[Finding] = [*examine(made.whole(), KEY), *examine(made.marks_receipt(), None)]
    assert all(one.sentence.endswith(".") and "_" not in one.sentence for one in found)
