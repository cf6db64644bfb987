"""The page that checks receipts: from a folder, in a real browser, without a network; it says yes and no as Python does."""

from __future__ import annotations

import base64
import hashlib
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import Browser, Page, expect

from repository.errors import ReceiptUnreadable
from repository.receipts import files
from repository.receipts.checking import Verdict, examine
from repository.receipts.signing import canonical
from repository.web.pages.receipts import CHECKING_PAGE
from tests.repository.receipts import made
from tests.repository.receipts import test_custody as certificates
from tests.repository.receipts import test_destruction as destructions

pytestmark = pytest.mark.journey
KEY = made.SIGNER.public_key_hex
# RFC 8032, 7.1: key, message, signature.
VECTORS = (
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
)


@pytest.fixture
def alone(browser: Browser, tmp_path: Path) -> Iterator[tuple[Page, list[str]]]:
    """The page, opened from an empty folder, with the network off; and every address that it asked for."""
    copy = tmp_path / "check-nea-receipts.html"
    copy.write_bytes(CHECKING_PAGE.read_bytes())
    context = browser.new_context()
    context.set_offline(True)
    page = context.new_page()
    asked: list[str] = []
    page.on("requestfinished", lambda request: asked.append(request.url))
    # What the page's own policy stopped never went out; the browser still tells of it.
    page.on("requestfailed", lambda request: asked.append(request.url) if request.failure != "csp" else None)
    page.on("pageerror", lambda error: asked.append(f"error: {error}"))
    page.goto(copy.as_uri())
    yield page, asked
    assert all(address.startswith("file://") for address in asked), asked
    context.close()


def choose(page: Page, name: str, data: bytes) -> None:
    page.get_by_label("The receipt").set_input_files({"name": name, "mimeType": "application/json", "buffer": data})


def is_proven(page: Page, texts: list[str]) -> list[bool]:
    """Whether each text is taken for a receipt of ours that stands in the log, as the page judges it."""
    found: list[bool] = page.evaluate(
        """async ([texts, key]) => {
            const out = [];
            for (const text of texts) {
                try { out.push((await examine(readReceipt(text), key)).found.every((one) => one.verdict === "good")); }
                catch { out.push(false); }
            }
            return out;
        }""",
        [texts, KEY],
    )
    return found


def test_it_says_yes_and_what_the_receipt_says_and_compares_files(
    alone: tuple[Page, list[str]], tmp_path: Path
) -> None:
    page, _ = alone
    choose(page, "receipt.json", made.whole().text().encode())
    verdict = page.locator("#verdict")
    expect(verdict).to_contain_text("Nothing was changed")
    page.get_by_label("Public key of the service").fill(KEY.upper())
    expect(verdict).to_contain_text("Yes. This receipt is proven")
    expect(page.get_by_text("entry 137")).to_be_visible()
    for words in ("R. Officer, Exams officer", "64001, Llandudno School – Ysgol", "1002 étude.pdf", "Absent"):
        expect(page.locator("#says").get_by_text(words, exact=True).first).to_be_visible()
    for work in made.WORKS:
        (tmp_path / work.name).write_bytes(work.data)
    page.get_by_label("The files of work").set_input_files([tmp_path / work.name for work in made.WORKS])
    expect(page.get_by_text("The same", exact=True)).to_have_count(2)
    (tmp_path / made.WORKS[0].name).write_bytes(b"something else")
    page.get_by_label("The files of work").set_input_files([tmp_path / made.WORKS[0].name])
    expect(verdict).to_contain_text("Files that you chose differ from the receipt: 1.")


def test_it_says_no_to_what_was_changed_and_shows_nothing_of_it(alone: tuple[Page, list[str]]) -> None:
    page, _ = alone
    choose(page, "receipt.json", made.whole().text().replace("1002 ", "1003 ").encode())
    expect(page.locator("#verdict")).to_contain_text("No. Do not rely on this receipt")
    expect(page.locator("#says")).to_be_empty()
    choose(page, "receipt.json", b"\xff\xfe nothing")
    expect(page.locator("#findings")).to_contain_text("not a receipt file")
    choose(page, "receipt.pdf", b"%PDF-1.7")
    expect(page.locator("#findings")).to_contain_text("the file beside it that ends in .json")


def test_a_stranger_who_made_everything_anew_is_told_apart_by_the_key(alone: tuple[Page, list[str]]) -> None:
    page, _ = alone
    choose(page, "receipt.json", made.whole().text().encode())
    page.get_by_label("Public key of the service").fill("00" * 32)
    expect(page.locator("#verdict")).to_contain_text("No. Do not rely on this receipt")


@pytest.mark.parametrize("arithmetic", ["", "#own-arithmetic"])
def test_tampering_of_every_kind_is_caught_as_python_catches_it(alone: tuple[Page, list[str]], arithmetic: str) -> None:
    page, _ = alone
    page.evaluate("hash => { location.hash = hash }", arithmetic)
    whole, marks = made.whole(), made.marks_receipt()
    good = [whole.text(), marks.text()]
    assert is_proven(page, good) == [True, True]
    draw = random.Random(20260515)
    changed: list[str] = []
    for text in good:
        data = text.encode("ascii")
        for place in sorted(draw.sample(range(len(data)), 120)):
            one = bytearray(data)
            one[place] ^= 1 << draw.randrange(7)
            changed.append(one.decode("ascii"))
    for part in ("signed_text", "signature", "public_key", "log_proof", "log_key", "log_key_signature"):
        value = getattr(whole, part)
        for place in sorted(draw.sample(range(len(value)), 12)):
            other = draw.choice([c for c in "0aZ+/= \n" if c != value[place]])
            changed.append(replace(whole, **{part: value[:place] + other + value[place + 1 :]}).text())
        changed.append(replace(whole, **{part: value[:-1]}).text())
        changed.append(replace(whole, **{part: value + "="}).text())
    changed += [
        replace(whole, log_proof=made.proof_of(whole.body, "another-receipt")).text(),
        replace(whole, log_proof=made.proof_of(whole.body, action="document.view")).text(),
        replace(whole, marks_text=marks.marks_text).text(),
        replace(whole, log_proof=(whole.log_proof or "") + "\u2014 witness AAAA\n").text(),
    ]
    found = is_proven(page, changed)
    missed = [text for text, proven in zip(changed, found, strict=True) if proven]
    assert missed == []
    assert [python_says(text) for text in changed] == found


def python_says(text: str) -> bool:
    try:
        findings = examine(files.read(text.encode("utf-8", "surrogatepass")), KEY)
    except ReceiptUnreadable:
        return False
    return all(one.verdict is Verdict.GOOD for one in findings)


@pytest.mark.parametrize("size", [1, 2, 3, 255, 257])
def test_a_receipt_is_proven_in_a_log_of_any_size(alone: tuple[Page, list[str]], size: int) -> None:
    page, _ = alone
    body = made.sample_body()
    texts = [made.whole(body, proof=made.proof_of(body, size=size, index=i)).text() for i in {0, size // 2, size - 1}]
    assert all(is_proven(page, texts))


def test_receipts_of_the_first_format_are_still_checked(alone: tuple[Page, list[str]]) -> None:
    page, _ = alone
    content = {"format": "nea-receipt/1", "receipt": "1", "candidates": [], "public_key_ed25519": KEY}
    text = canonical(content).decode()
    old = files.ReceiptFile(text, made.SIGNER.sign(text.encode()).hex(), KEY, is_first_format=True)
    assert is_proven(page, [old.text(), old.text().replace('\\"1\\"', '\\"2\\"')]) == [True, False]


def test_its_own_arithmetic_agrees_with_the_published_vectors_and_with_libraries(alone: tuple[Page, list[str]]) -> None:
    page, _ = alone
    judge = "([k, m, s]) => verifiedHere(bytesOfHex(k), bytesOfHex(s), bytesOfHex(m))"
    for key, message, signature in VECTORS:
        assert page.evaluate(judge, [key, message, signature])
        for place in range(0, 128, 9):
            wrong = signature[:place] + ("0" if signature[place] != "0" else "1") + signature[place + 1 :]
            assert not page.evaluate(judge, [key, message, wrong])
        assert not page.evaluate(judge, [key, message + "00", signature])
    # s + L has the same value and is another text: RFC 8032, 5.1.7 refuses it.
    order = 2**252 + 27742317777372353535851937790883648493
    key, message, signature = VECTORS[0]
    bigger = (int.from_bytes(bytes.fromhex(signature[64:]), "little") + order).to_bytes(32, "little").hex()
    assert not page.evaluate(judge, [key, message, signature[:64] + bigger])
    draw = random.Random(8032)
    for length in (0, 1, 55, 56, 63, 64, 65, 111, 112, 119, 120, 127, 128, 129, 1000):
        data = draw.randbytes(length)
        assert page.evaluate("m => hexOf(sha256(bytesOfHex(m)))", data.hex()) == hashlib.sha256(data).hexdigest()
        assert page.evaluate("m => hexOf(sha512(bytesOfHex(m)))", data.hex()) == hashlib.sha512(data).hexdigest()
        signer = Ed25519PrivateKey.from_private_bytes(draw.randbytes(32))
        public = signer.public_key().public_bytes_raw().hex()
        assert page.evaluate(judge, [public, data.hex(), signer.sign(data).hex()])


def test_a_large_file_is_hashed_piece_by_piece(alone: tuple[Page, list[str]], tmp_path: Path) -> None:
    page, _ = alone
    data = random.Random(1).randbytes(9 * 1024 * 1024 + 17)
    (tmp_path / "film.mp4").write_bytes(data)
    page.get_by_label("The files of work").set_input_files([tmp_path / "film.mp4"])
    found: Any = page.evaluate("() => sha256OfFile(document.getElementById('works').files[0])")
    assert found == hashlib.sha256(data).hexdigest()


def test_its_policy_lets_its_own_script_run_and_nothing_else_and_no_network(alone: tuple[Page, list[str]]) -> None:
    page, asked = alone
    text = CHECKING_PAGE.read_text(encoding="utf-8")
    inner = dict(re.findall(r"<(script|style)>(.*?)</\1>", text, re.DOTALL))
    hashes = {
        name: "sha256-" + base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()
        for name, one in inner.items()
    }
    allowed = f"default-src 'none'; script-src '{hashes['script']}'; style-src '{hashes['style']}'"
    policy = f"{allowed}; base-uri 'none'; form-action 'none'"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in text
    assert "http" not in re.sub(r"http-equiv|https://c2sp\.org/tlog-proof", "", text)
    before = list(asked)
    outcome = page.evaluate(
        """async () => {
            const refused = [];
            document.addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
            try { await fetch("https://example.org/"); } catch {}
            const image = document.createElement("img"); image.src = "https://example.org/x.png"; document.body.append(image);
            const script = document.createElement("script"); script.textContent = "window.ran = true"; document.body.append(script);
            await new Promise((done) => setTimeout(done, 200));
            return [refused.sort(), window.ran === true];
        }"""
    )
    assert outcome == [["connect-src", "img-src", "script-src-elem"], False]
    assert [one for one in asked if one not in before and not one.startswith("file:")] == []


def test_a_certificate_of_custody_is_read_and_what_was_changed_in_it_is_named(alone: tuple[Page, list[str]]) -> None:
    page, _ = alone
    page.get_by_label("Public key of the service").fill(KEY)
    choose(page, "certificate.json", certificates.certificate().text().encode())
    expect(page.locator("#verdict")).to_contain_text("Yes. This receipt is proven")
    expect(page.locator("#says").get_by_text("What is known of each script")).to_be_visible()
    expect(page.locator("#says").get_by_text("Packet 1 of 2, event by event")).to_be_visible()
    for change, words in certificates.TAMPERED:
        choose(page, "certificate.json", certificates.tampered(change).text().encode())
        expect(page.locator("#verdict")).to_contain_text("No. Do not rely on this receipt")
        expect(page.locator("#findings")).to_contain_text(words)
        expect(page.locator("#says")).to_be_empty()


def test_a_certificate_of_destruction_that_was_changed_or_does_not_add_up_is_refused(
    alone: tuple[Page, list[str]],
) -> None:
    page, _ = alone
    page.get_by_label("Public key of the service").fill(KEY)
    choose(page, "certificate.json", destructions.certificate().text().encode())
    expect(page.locator("#verdict")).to_contain_text("Yes. This receipt is proven")
    expect(page.locator("#says").get_by_text("Script by script")).to_be_visible()
    for change, words in destructions.TAMPERED:
        choose(page, "certificate.json", destructions.tampered(change).text().encode())
        expect(page.locator("#verdict")).to_contain_text("No. Do not rely on this receipt")
        expect(page.locator("#findings")).to_contain_text(words)
        expect(page.locator("#says")).to_be_empty()
