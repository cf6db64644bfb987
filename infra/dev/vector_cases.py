"""The published cases of whole objects and single parts: what is done to each, and what a reader must say."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

from vector_objects import C, Made, P, S, changed, fixed, plaintext, segment_start, wrap

from storage import keyring
from storage.keyring import SecretKey

Case = dict[str, object]


def xor(at: int, mask: str = "01") -> dict[str, object]:
    return {"xor": [at, mask]}


def replace(start: int, stop: int, by: object = "") -> dict[str, object]:
    return {"replace": [start, stop], "with": by}


def of(name: str, what: str, change: list[object], read: object, verify: object, **more: object) -> Case:
    """A case of kind object whose stored bytes are changed; Tink refuses it unless something else is said."""
    return {
        "id": f"{name}: {what}",
        "kind": "object",
        "object": name,
        "change": change,
        "read": read,
        "verify": verify,
        "tink": "refuses",
        **more,
    }


def by(name: str, what: str, facts: dict[str, object], read: object, verify: object = None) -> Case:
    """A case of kind object whose facts are changed."""
    return {
        "id": f"{name}: {what}",
        "kind": "object",
        "object": name,
        "facts": facts,
        "read": read,
        "verify": verify or read,
    }


def intact(made: dict[str, Made]) -> Iterator[Case]:
    for name in made:
        yield of(name, "as it was stored", [], "opens", "opens", tink="opens")
    for name, start, stop in (
        ("empty", 0, 0),
        ("one", 0, 1),
        ("four", 0, 1),
        ("four", 65479, 65481),
        ("four", 65480, 131000),
        ("four", 130999, 131001),
        ("four", 196529, 196530),
        ("four", 7, 196523),
        ("pair", P - 1, P + 1),
        ("pair", P, P + 1),
        ("triple", P - 70000, 2 * P + 3),
        ("triple", 2 * P + 65480, 2 * P + 65481),
    ):
        plain = plaintext(made[name].plaintext_start, made[name].facts.data_key.total_bytes)[start:stop]
        yield {
            "id": f"{name}: bytes {start} to {stop}",
            "kind": "object",
            "object": name,
            "change": [],
            "start": start,
            "stop": stop,
            "sha256": hashlib.sha256(plain).hexdigest(),
            "read": "opens",
            "verify": "opens",
        }


def flipped(made: dict[str, Made]) -> Iterator[Case]:
    for name, base, after in (("empty", 0, 0), ("one", 0, 0), ("four", 0, 0), ("pair", C, P), ("triple", 2 * C, 2 * P)):
        for what, at in (
            ("first byte", 0),
            ("first byte of the salt", 1),
            ("last byte of the salt", 32),
            ("first byte of the nonce prefix", 33),
            ("last byte of the nonce prefix", 39),
        ):
            yield of(name, f"header, {what}", [xor(base + at)], ["E3", after], "E3")
    for at, mask in ((40, "80"), (55, "01")):
        yield of("empty", f"tag, byte {at}", [xor(at, mask)], ["E5", 0], "E6")
    for what, at in (("the byte", 40), ("first byte of the tag", 41), ("last byte of the tag", 56)):
        yield of("one", what, [xor(at)], ["E5", 0], "E6")
    for segment, begins, ends in ((0, 40, S), (1, S, 2 * S), (2, 2 * S, 3 * S), (3, 3 * S, 3 * S + 26)):
        for what, at, mask in (
            ("first byte", begins, "01"),
            ("last byte before the tag", ends - 17, "80"),
            ("first byte of the tag", ends - 16, "01"),
            ("last byte of the tag", ends - 1, "80"),
        ):
            yield of("four", f"segment {segment}, {what}", [xor(at, mask)], ["E5", segment_start(segment)], "E6")
    yield of("four", "every byte of segment 1", [xor(S, "ff" * 64)], ["E5", segment_start(1)], "E6")
    for what, at, after in (
        ("last byte of part 0", C - 1, segment_start(127)),
        ("first byte of segment 100", 100 * S, segment_start(100)),
        ("first byte of part 1 after its header", C + 40, P),
        ("last byte", C + 56, P),
    ):
        yield of("pair", what, [xor(at)], ["E5", after], "E6")
    inside = {"start": 65480, "stop": 131000}
    yield of(
        "four",
        "a range beside a damaged segment",
        [xor(2 * S)],
        "opens",
        "E6",
        **inside,
        sha256=hashlib.sha256(plaintext(0, 131000)[65480:]).hexdigest(),
    )
    yield of(
        "four", "a range that touches a damaged segment", [xor(2 * S)], ["E5", 65520], "E6", start=65480, stop=131001
    )


def cut_and_added(made: dict[str, Made]) -> Iterator[Case]:
    for name, cuts in (
        ("empty", (0, 1, 39, 40, 55)),
        ("one", (0, 1, 39, 40, 41, 56)),
        ("four", (0, 1, 39, 40, 41, S - 1, S, S + 1, 2 * S, 3 * S - 1, 3 * S, 3 * S + 25)),
    ):
        for at in cuts:
            yield of(name, f"cut to {at} bytes", [replace(at, len(made[name].stored))], ["E4", 0], "E4")
    for at, after in ((C - 1, segment_start(127)), (C, P), (C + 1, P), (C + 40, P), (C + 56, P)):
        yield of("pair", f"cut to {at} bytes", [replace(at, len(made["pair"].stored))], ["E4", after], "E4")
    yield of("triple", "without its last part", [replace(2 * C, len(made["triple"].stored))], ["E4", 2 * P], "E4")
    yield of("triple", "without its middle part", [replace(C, 2 * C)], ["E3", P], "E3")
    yield of("triple", "without its first part", [replace(0, C)], ["E3", 0], "E3")
    for name, after in (("empty", 0), ("one", 0), ("four", 0), ("pair", P)):
        end = len(made[name].stored)
        yield of(name, "one byte added", [replace(end, end, "00")], ["E4", after], "E4")
        yield of(name, "sixteen bytes added", [replace(end, end, "00" * 16)], ["E4", after], "E4")
    end = len(made["four"].stored)
    yield of("four", "its last segment twice", [replace(end, end, ["four", 3 * S, end])], ["E4", 0], "E4")
    yield of("four", "a full segment added", [replace(end, end, ["four", S, 2 * S])], ["E4", 0], "E4")
    end = len(made["pair"].stored)
    yield of("pair", "its first part added once more", [replace(end, end, ["pair", 0, C])], ["E4", P], "E4")
    yield of("pair", "its last part added once more", [replace(end, end, ["pair", C, end])], ["E4", P], "E4")


def moved(made: dict[str, Made]) -> Iterator[Case]:
    one, two = ["four", S, 2 * S], ["four", 2 * S, 3 * S]
    yield of(
        "four",
        "segments 1 and 2 in each other's place",
        [replace(S, 2 * S, two), replace(2 * S, 3 * S, one)],
        ["E5", segment_start(1)],
        "E6",
    )
    yield of(
        "four", "segment 1 in the place of segment 2", [replace(2 * S, 3 * S, one)], ["E5", segment_start(2)], "E6"
    )
    yield of("four", "segment 2 in the place of segment 1", [replace(S, 2 * S, two)], ["E5", segment_start(1)], "E6")
    yield of("four", "segment 1 dropped", [replace(S, 2 * S)], ["E4", 0], "E4")
    yield of(
        "four",
        "segment 1 dropped, a sibling's in front of the last",
        [replace(S, 2 * S), replace(2 * S, 2 * S, ["sibling", S, 2 * S])],
        ["E5", segment_start(1)],
        "E6",
    )
    yield of("four", "all zeros after its header", [replace(40, 40 + 64, "00" * 64)], ["E5", 0], "E6")
    end = len(made["four"].stored)
    for other, what in (("sibling", "a sibling under the same data key"), ("older", "an older attempt")):
        yield of("four", f"segment 0 of {what}", [replace(40, S, [other, 40, S])], ["E5", 0], "E6")
        yield of(
            "four",
            f"segment 2 of {what}",
            [replace(2 * S, 3 * S, [other, 2 * S, 3 * S])],
            ["E5", segment_start(2)],
            "E6",
        )
        yield of(
            "four",
            f"the last segment of {what}",
            [replace(3 * S, end, [other, 3 * S, end])],
            ["E5", segment_start(3)],
            "E6",
        )
        yield of("four", f"everything but the header of {what}", [replace(40, end, [other, 40, end])], ["E5", 0], "E6")
        yield of("four", f"the header of {what}", [replace(0, 40, [other, 0, 40])], ["E3", 0], "E3")
    yield of("four", "a sibling under the same data key", [replace(0, end, ["sibling", 0, end])], ["E3", 0], "E3")
    yield of(
        "four",
        "an older attempt, authentic in itself",
        [replace(0, end, ["older", 0, end])],
        ["E3", 0],
        "E3",
        tink="opens",
    )
    yield of("one", "another object", [replace(0, 57, ["empty", 0, 56])], ["E3", 0], "E3")
    first, middle = ["triple", 0, C], ["triple", C, 2 * C]
    yield of(
        "triple",
        "parts 0 and 1 in each other's place",
        [replace(0, C, middle), replace(C, 2 * C, first)],
        ["E3", 0],
        "E3",
    )
    yield of("triple", "part 0 in the place of part 1", [replace(C, 2 * C, first)], ["E3", P], "E3")
    yield of("triple", "part 1 in the place of part 0", [replace(0, C, middle)], ["E3", 0], "E3")
    yield of(
        "triple", "part 0 under the header of part 1", [replace(C + 40, 2 * C, ["triple", 40, C])], ["E5", P], "E6"
    )
    yield of("pair", "part 0 of another object", [replace(0, C, first)], ["E3", 0], "E3")


def other_facts(made: dict[str, Made]) -> Iterator[Case]:
    four, older, sibling, pair = made["four"], made["older"], made["sibling"], made["pair"]
    blob, promise = four.facts.data_key.blob, four.facts.data_key.commitment
    for what, at in (
        ("its version", 0),
        ("first byte of its nonce", 1),
        ("last byte of its nonce", 12),
        ("first byte of the key", 13),
        ("last byte of the key", 44),
        ("first byte of its tag", 45),
        ("last byte of its tag", 60),
    ):
        yield by("four", f"the wrapped key, {what}", {"wrapped_key": changed(blob, at)}, ["E1", 0], "E1")
    yield by("four", "the wrapped key, cut", {"wrapped_key": blob[:-1].hex()}, ["E1", 0], "E1")
    yield by("four", "the wrapped key, one byte added", {"wrapped_key": blob.hex() + "00"}, ["E1", 0], "E1")
    yield by("four", "the wrapped key, empty", {"wrapped_key": ""}, ["E1", 0], "E1")
    yield by(
        "four", "the wrapped key of a sibling", {"wrapped_key": sibling.facts.data_key.blob.hex()}, ["E1", 0], "E1"
    )
    yield by("four", "another scope key", {"scope_key": fixed("another scope key").hex()}, ["E1", 0], "E1")
    for name, value in (
        ("oid", sibling.facts.data_key.oid),
        ("sk_id", "sk-2"),
        ("suite", "tink-aes256gcm-hkdf-1m"),
        ("total_len", 196529),
    ):
        yield by("four", f"another {name}", {name: value}, ["E1", 0], "E1")
    shorter = [[four.rows[0][0], four.rows[0][1], 131000]]
    yield by(
        "four",
        "a lying length that fits a cut at a segment's end",
        {"total_len": 131000, "parts": shorter},
        ["E1", 0],
        "E1",
    )
    other = wrap(SecretKey(fixed("another data key")), four.facts.data_key.oid, 196530, "wrap|another")
    yield by("four", "another data key, properly wrapped", {"wrapped_key": other.hex()}, ["E2", 0], "E2")
    for what, at in (("first", 0), ("last", 31)):
        yield by("four", f"the commitment, {what} byte", {"commitment": changed(promise, at)}, ["E2", 0], "E2")
    yield by("four", "the commitment, cut", {"commitment": promise[:-1].hex()}, ["E2", 0], "E2")
    yield by(
        "four", "the commitment of a sibling", {"commitment": sibling.facts.data_key.commitment.hex()}, ["E2", 0], "E2"
    )
    row = four.rows[0]
    for what, at in (("first byte", 0), ("salt", 1), ("last byte", 39)):
        yield by(
            "four",
            f"the recorded header, {what}",
            {"parts": [[changed(four.facts.parts[0].header, at), *row[1:]]]},
            ["E3", 0],
            "E3",
        )
    yield by(
        "four", "the recorded header of an older attempt", {"parts": [[older.rows[0][0], *row[1:]]]}, ["E3", 0], "E3"
    )
    yield by(
        "four",
        "the recorded hash",
        {"parts": [[row[0], changed(four.facts.parts[0].sha256, 0), row[2]]]},
        "opens",
        "E6",
    )
    for what, length in (("one less", 196529), ("one more", 196531), ("nothing", 0)):
        yield by("four", f"the recorded length, {what}", {"parts": [[*row[:2], length]]}, ["E4", 0], "E4")
    yield by("four", "no part recorded", {"parts": []}, ["E4", 0], "E4")
    yield by("four", "one part too many recorded", {"parts": [row, row]}, ["E4", 0], "E4")
    yield by("pair", "one part too few recorded", {"parts": pair.rows[:1]}, ["E4", 0], "E4")
    yield by("pair", "the parts recorded in the wrong order", {"parts": pair.rows[::-1]}, ["E4", 0], "E4")
    end = len(four.stored)
    for which, what in ((sibling, "a sibling"), (older, "an older attempt")):
        yield {
            **of(
                "four",
                f"{what} with its recorded header",
                [replace(0, end, [which.name, 0, end])],
                "opens" if which is older else ["E5", 0],
                "E6",
            ),
            "facts": {"parts": [[which.rows[0][0], *row[1:]]]},
            "plaintext_of": which.name,
            "tink": "opens" if which is older else "refuses",
        }


def parts_alone(made: dict[str, Made]) -> Iterator[Case]:
    oid, other = made["four"].facts.data_key.oid, made["sibling"].facts.data_key.oid
    aads = {
        f"sdr1|{oid}|196530|0": "opens",
        f"sdr1|{other}|196530|0": "E5",
        f"sdr1|{oid}|196529|0": "E5",
        f"sdr1|{oid}|196531|0": "E5",
        f"sdr1|{oid}|0196530|0": "E5",
        f"sdr1|{oid}|196530|1": "E5",
        f"sdr1|{oid}|196530|00": "E5",
        f"sdr1|{oid}|196530|": "E5",
        f"sdr1|{oid.replace('-', '')}|196530|0": "E5",
        f"SDR1|{oid}|196530|0": "E5",
        f"sdr2|{oid}|196530|0": "E5",
        f"tail|{oid}|0|196530": "E5",
        f"sdr1|{oid}|196530|0|": "E5",
        f"sdr1|{oid}|196530|0\n": "E5",
        "": "E5",
    }
    for aad, says in aads.items():
        yield {
            "id": f"part of four under AAD {json.dumps(aad)}",
            "kind": "part",
            "object": "four",
            "part": 0,
            "aad": aad,
            "read": says,
        }
    pair = made["pair"].facts.data_key.oid
    for index, aad_index in ((0, 1), (1, 0), (1, 2)):
        yield {
            "id": f"part {index} of pair as part {aad_index}",
            "kind": "part",
            "object": "pair",
            "part": index,
            "aad": f"sdr1|{pair}|{P + 1}|{aad_index}",
            "read": "E5",
        }
    right = f"sdr1|{oid}|196530|0"
    stream_key = keyring.derive(made["four"].key, "stream", oid).reveal()
    wrong = {
        "the data key itself": made["four"].key.reveal(),
        "the key of a sibling": keyring.derive(made["four"].key, "stream", other).reveal(),
        "one bit flipped": bytes([stream_key[0] ^ 1]) + stream_key[1:],
        "the commitment": made["four"].facts.data_key.commitment,
        "the metadata's key": keyring.derive(made["four"].key, "meta", oid).reveal(),
        "zeros": bytes(32),
    }
    for what, key in wrong.items():
        yield {
            "id": f"part of four, stream key: {what}",
            "kind": "part",
            "object": "four",
            "part": 0,
            "aad": right,
            "stream_key": key.hex(),
            "read": "E5",
        }
