from pathlib import Path

import pytest

from repository.errors import SettingRefused
from repository.receipts import canonical, load_signer, verify


def test_a_receipt_verifies_with_the_public_key_alone(tmp_path: Path) -> None:
    signer = load_signer(tmp_path / "key")
    body = canonical({"b": 1, "a": "ü"})
    assert body == b'{"a":"\\u00fc","b":1}'
    signature = signer.sign(body)
    assert verify(body, signature, signer.public_key_hex)
    assert load_signer(tmp_path / "key").public_key_hex == signer.public_key_hex


def test_every_altered_byte_is_noticed(tmp_path: Path) -> None:
    signer = load_signer(tmp_path / "key")
    body = canonical({"file": "1001_work.pdf", "size_bytes": 10})
    signature = signer.sign(body)
    for place in range(len(body)):
        altered = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        assert not verify(altered, signature, signer.public_key_hex)
    assert not verify(body, signature, load_signer(tmp_path / "other").public_key_hex)
    assert not verify(body, signature, "not a key")


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    load_signer(tmp_path / "key")
    (tmp_path / "key").chmod(0o644)
    with pytest.raises(SettingRefused, match="chmod 600"):
        load_signer(tmp_path / "key")
