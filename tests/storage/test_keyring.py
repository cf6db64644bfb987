from __future__ import annotations

import json
import os
import pickle

import pytest

from storage import keyring
from storage.errors import KeyRefused, LengthMismatch, ObjectTampered
from storage.keyring import SecretKey

from .conftest import OID, OTHER_OID

DEK = SecretKey(bytes(range(32)))
SK = SecretKey(bytes(range(0x20, 0x40)))
BOUND = {"oid": OID, "sk_id": "sk-1", "total_bytes": 1}


def test_known_answers(vectors):
    dek = SecretKey(bytes.fromhex(vectors["data_key"]))
    assert keyring.derive(dek, "stream", vectors["oid"]).reveal().hex() == vectors["stream_key"]
    assert keyring.commitment(dek, vectors["oid"]).hex() == vectors["commitment"]
    wrap = vectors["wrap"]
    blob = keyring.wrap_data_key(
        SecretKey(bytes.fromhex(wrap["scope_key"])),
        dek,
        oid=vectors["oid"],
        sk_id=wrap["sk_id"],
        total_bytes=wrap["total_len"],
        random=lambda _: bytes.fromhex(wrap["nonce"]),
    )
    assert blob.hex() == wrap["blob"]
    assert len(blob) == keyring.WRAP_BYTES


@pytest.mark.fault("att:F02", "att:F05")
@pytest.mark.parametrize("change", [{"oid": OTHER_OID}, {"sk_id": "sk-2"}, {"total_bytes": 2}, {"suite": "older"}])
def test_st20_a_wrap_opens_only_in_its_own_context(change):
    blob = keyring.wrap_data_key(SK, DEK, random=os.urandom, **BOUND)
    assert keyring.unwrap_data_key(SK, blob, **BOUND) == DEK
    with pytest.raises(KeyRefused) as caught:
        keyring.unwrap_data_key(SK, blob, **{**BOUND, **change})
    assert caught.value.facts["diagnosis"] == "E1"
    assert caught.value.facts["level"] == "data"


def test_every_flipped_byte_of_a_wrap_is_refused():
    blob = keyring.wrap_data_key(SK, DEK, random=os.urandom, **BOUND)
    for position in range(len(blob)):
        flipped = bytearray(blob)
        flipped[position] ^= 1
        with pytest.raises(KeyRefused):
            keyring.unwrap_data_key(SK, bytes(flipped), **BOUND)
    with pytest.raises(KeyRefused):
        keyring.unwrap_data_key(SK, blob + b"\0", **BOUND)


@pytest.mark.fault("att:F06")
def test_st10_another_data_key_is_reported_as_such():
    with pytest.raises(ObjectTampered) as caught:
        keyring.check_commitment(SK, OID, keyring.commitment(DEK, OID))
    assert caught.value.facts["diagnosis"] == "E2"
    keyring.check_commitment(DEK, OID, keyring.commitment(DEK, OID))


def test_the_labels_give_different_keys():
    derived = {
        keyring.derive(DEK, label, oid).reveal()
        for label in ("stream", "commit", "meta", "manifest")
        for oid in (OID, OTHER_OID)
    }
    assert len(derived) == 8


def test_a_key_shows_itself_to_nobody():
    shown = f"{SK!r} {SK} {[SK]} {vars(type(SK))}"
    assert SK.reveal().hex() not in shown
    assert repr(SK.reveal()) not in shown
    with pytest.raises(TypeError):
        pickle.dumps(SK)
    with pytest.raises(LengthMismatch):
        SecretKey(b"short")
    assert SK != DEK
    assert SecretKey(SK.reveal()) == SK


def test_metadata_opens_only_with_its_key():
    blob = keyring.seal_metadata(DEK, OID, {"name": "EXAMPLE:ADA TEST", "marks": 7}, os.urandom)
    assert b"EXAMPLE" not in blob
    assert keyring.open_metadata(DEK, OID, blob) == {"name": "EXAMPLE:ADA TEST", "marks": 7}
    for bad, oid in ((blob, OTHER_OID), (blob[:-1], OID), (b"", OID)):
        with pytest.raises(ObjectTampered):
            keyring.open_metadata(DEK, oid, bad)


def test_a_changed_manifest_is_refused():
    written = json.loads(keyring.manifest(DEK, OID, {"v": 1, "layout": "whole"}))
    keyring.check_manifest(DEK, OID, written)
    for bad in (
        {**written, "layout": "parts"},
        {"v": 1, "layout": "whole"},
        {**written, "mac": "é"},
        {**written, "x": 1},
    ):
        with pytest.raises(ObjectTampered):
            keyring.check_manifest(DEK, OID, bad)


def test_canonical_json_has_one_spelling():
    assert keyring.canonical_json({"b": [1, 2], "a": "é"}) == b'{"a":"\\u00e9","b":[1,2]}'
