"""What passkeys answer: whatever bytes come, there is a proof or a refusal, and a proof for the genuine answer alone."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repository.sign_in import ceremonies
from repository.sign_in.ceremonies import REFUSAL_WORDS, AnswerRefused, Refusal
from repository.sign_in.relying_party import relying_party
from tests.repository.web.authenticator import ORIGIN, Authenticator

_found = relying_party(ORIGIN)
assert _found is not None
PARTY = _found
CHALLENGE = bytes(range(32))
DEVICE = Authenticator()
MADE = DEVICE.make(ceremonies.ask_to_make(PARTY, CHALLENGE, "an-account", "erin@example.org", []))
NEW = ceremonies.read_new(PARTY, CHALLENGE, MADE)
ANSWER = DEVICE.answer(ceremonies.ask_to_answer(PARTY, CHALLENGE, []))


def prove(text: str, counter: int = NEW.counter) -> ceremonies.Proof:
    return ceremonies.prove(PARTY, CHALLENGE, ceremonies.read_answer(text), NEW.credential_data, counter)


def test_the_genuine_answer_is_a_proof() -> None:
    assert prove(ANSWER).counter == NEW.counter + 1
    assert NEW.transports == ("internal",)
    assert NEW.credential_id == DEVICE.credential_id


def test_what_is_asked_is_json_and_lasts_five_minutes() -> None:
    asked = ceremonies.ask_to_answer(PARTY, CHALLENGE, [b"one", b"two"])
    assert json.loads(json.dumps(asked)) == asked
    assert asked["timeout"] == 300_000
    assert len(asked["allowCredentials"]) == 2


def test_every_refusal_has_words_of_its_own() -> None:
    assert set(REFUSAL_WORDS) == set(Refusal)
    assert len(set(REFUSAL_WORDS.values())) == len(Refusal)


def parts(text: str) -> list[tuple[str, ...]]:
    read = json.loads(text)
    return [(name,) for name in read] + [("response", name) for name in read["response"]]


def changed(text: str, path: tuple[str, ...], value: Any) -> str:
    read = json.loads(text)
    holder = read
    for name in path[:-1]:
        holder = holder[name]
    if value is ...:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return json.dumps(read)


VALUES = st.one_of(
    st.just(...), st.none(), st.booleans(), st.integers(), st.text(max_size=40), st.lists(st.integers(), max_size=3)
)
# Without these an answer means the same: who it is for is held elsewhere, the rest is the browser's own chatter.
IDLE = {("type",), ("clientExtensionResults",), ("response", "userHandle"), ("response", "transports")}


@settings(deadline=None)
@given(st.sampled_from(parts(ANSWER)), VALUES)
def test_a_changed_answer_is_refused(path: tuple[str, ...], value: Any) -> None:
    text = changed(ANSWER, path, value)
    if path in IDLE or path == ("id",) or json.loads(text) == json.loads(ANSWER):
        return
    with pytest.raises(AnswerRefused):
        prove(text)


@settings(deadline=None)
@given(st.sampled_from(parts(ANSWER)), VALUES)
def test_no_changed_answer_is_anything_but_a_proof_or_a_refusal(path: tuple[str, ...], value: Any) -> None:
    with contextlib.suppress(AnswerRefused):
        assert prove(changed(ANSWER, path, value)).counter == NEW.counter + 1


@settings(deadline=None)
@given(st.sampled_from(parts(MADE)), VALUES)
def test_no_changed_making_is_anything_but_a_passkey_or_a_refusal(path: tuple[str, ...], value: Any) -> None:
    with contextlib.suppress(AnswerRefused):
        made = ceremonies.read_new(PARTY, CHALLENGE, changed(MADE, path, value))
        assert made.credential_data == NEW.credential_data


@pytest.mark.parametrize("value", [200_000_000, [0], {"0": 1}, True])
def test_a_number_where_text_should_be_takes_no_memory(value: object) -> None:
    """Regression: the library made so many zeros of a number, as many as the machine had memory for."""
    readers = (lambda text: ceremonies.read_new(PARTY, CHALLENGE, text), MADE), (prove, ANSWER)
    tracemalloc.start()
    try:
        for read, genuine in readers:
            for path in set(parts(genuine)) - {("clientExtensionResults",), ("response", "transports")}:
                with pytest.raises(AnswerRefused):
                    read(changed(genuine, path, value))
            extension = changed(genuine, ("clientExtensionResults",), {"prf": {"results": {"first": value}}})
            assert read(extension) == read(genuine)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@settings(deadline=None)
@given(st.integers(0, 36), st.integers(1, 255))
def test_one_changed_byte_of_what_a_device_says_is_noticed(place: int, flip: int) -> None:
    from fido2.utils import websafe_decode, websafe_encode

    told = bytearray(websafe_decode(json.loads(ANSWER)["response"]["authenticatorData"]))
    told[place] ^= flip
    with pytest.raises(AnswerRefused):
        prove(changed(ANSWER, ("response", "authenticatorData"), websafe_encode(bytes(told))))


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_refused(text: str) -> None:
    for read in (ceremonies.read_answer, lambda one: ceremonies.read_new(PARTY, CHALLENGE, one)):
        with pytest.raises(AnswerRefused):
            read(text)


@pytest.mark.parametrize(("kept", "genuine"), [(0, True), (1, True), (2, False), (3, False)])
def test_a_count_must_grow(kept: int, genuine: bool) -> None:
    if genuine:
        assert prove(ANSWER, kept).counter == 2
    else:
        with pytest.raises(AnswerRefused) as raised:
            prove(ANSWER, kept)
        assert raised.value.refusal is Refusal.COUNTER


WITHOUT = """
import sys
sys.modules["fido2"] = None
import repository.app
from repository.sign_in import ceremonies
print(ceremonies.offered("https://nea.example.org"), ceremonies.words_about("https://nea.example.org"))
"""


def test_a_service_without_the_extra_starts_has_no_passkeys_and_says_so() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout == "None none: the extra webauthn is not installed\n"
    assert ceremonies.words_about(ORIGIN) == f"at {ORIGIN}"
    assert "NEA_BASE_URL must begin with https://" in ceremonies.words_about("http://127.0.0.1:8080")
