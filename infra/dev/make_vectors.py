"""Makes the published test cases of the object format: `python infra/dev/make_vectors.py [FILE]`.

Every byte is fixed, so each run gives the same file; `tests/storage/test_vectors.py` makes it again and compares. Objects are
given by recipe, cases by what is done to them and by the verdict a reader must come to; the file explains itself.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP))

from vector_cases import cut_and_added, flipped, intact, moved, other_facts, parts_alone  # noqa: E402
from vector_objects import SCOPE_KEY, SK_ID, P, as_row, make  # noqa: E402
from vector_recovery import sidecars, tails  # noqa: E402

from storage.streaming import SUITE  # noqa: E402

TARGET = TOP / "tests" / "vectors" / "sdr1-cases.json"
HOW = [
    "Bytes are lower-case hexadecimal. The format is described in infra/docs/format.md; its sections are meant by §.",
    "objects: seal each by recipe. Byte x of the plaintext is (plaintext_start + x) mod 251. Part i is sealed (§3) under the "
    "header parts[i][0], whose 39 last bytes are salt and nonce prefix; parts[i] is [header, SHA-256 of the part, "
    "its plaintext length]. "
    "The stored object is the parts in order; stored_sha256 is its SHA-256. The key is wrapped (§4) under scope_key.",
    "tails: as a part, under the AAD of a tail (§3). metadata and sidecar: of the object `four`, as §4 and §6 say.",
    "cases, kind object: take the stored bytes of `object`, do `change` in order, and read them by the facts of the object, in "
    "which `facts` replaces what it names (scope_key, oid, sk_id, suite, total_len, wrapped_key, commitment, parts).",
    'change: {"xor": [at, hex]} changes the bytes from there on; {"replace": [start, stop], "with": X} puts X in the place of '
    "these bytes, X being hex, or [object, start, stop]: bytes of an object as it was stored before any change.",
    'read: reading from the first byte to the last. "opens", or [code, n]: refused with that code (§9) after n bytes of '
    "plaintext at most, which are those of the object. verify: the same for reading whole parts and comparing their SHA-256 first.",
    "start, stop (where given): read only this range; sha256 is that of the plaintext of the range.",
    "tink: what stock Tink says of the stored bytes, cut every 8 388 608 bytes, part i opened under its AAD, if the number of "
    'parts and of plaintext bytes is then held against total_len: "opens" or "refuses"; absent where only facts are changed, of '
    "which Tink knows nothing.",
    "kind part: one part of `object` by itself, opened under `aad` and, where given, another stream_key. Tink says the same.",
    "kind tail, metadata, sidecar: the same for these; `set` replaces values of the sidecar, `drop` takes them out, "
    "`text` is all of it.",
]


def build() -> str:
    sizes = {
        "empty": 0,
        "one": 1,
        "first": 65480,
        "second": 65481,
        "four": 196530,
        "pair": P + 1,
        "triple": 2 * P + 65481,
    }
    made = {name: make(name, number, total) for number, (name, total) in enumerate(sizes.items(), 0x10)}
    made["older"] = make("older", 0x14, sizes["four"], key_of="four", start=7)  # `four` is number 0x14
    made["sibling"] = make("sibling", 0x20, sizes["four"], key_of="four", start=11)
    tail_rows, tail_cases = tails(made)
    recovery, recovery_cases = sidecars(made)
    generators = (intact, flipped, cut_and_added, moved, other_facts, parts_alone)
    cases = [case for generator in generators for case in generator(made)] + tail_cases + recovery_cases
    head = {
        "format": "SDR1 test cases, version 1",
        "how": HOW,
        "scope_key": SCOPE_KEY.reveal().hex(),
        "sk_id": SK_ID,
        "suite": SUITE,
    }
    objects = {name: as_row(one) for name, one in made.items()}
    return "".join(
        [
            "{",
            *(f"\n {json.dumps(name)}: {json.dumps(value)}," for name, value in {**head, **recovery}.items()),
            "\n",
            f' "objects": {table(objects)},\n',
            f' "tails": {table(tail_rows)},\n',
            ' "cases": [\n',
            ",\n".join(f"  {json.dumps(case)}" for case in cases),
            "\n ]\n}\n",
        ]
    )


def table(rows: dict[str, object]) -> str:
    return "{\n" + ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items()) + "\n }"


if __name__ == "__main__":
    (Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET).write_text(build(), encoding="ascii")
