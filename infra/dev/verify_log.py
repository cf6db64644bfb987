"""Verifies an exported audit log, or a proof of one event, with nothing but Python and `cryptography`. c2sp.org formats, RFC 6962.

    python verify_log.py log FOLDER VKEY      FOLDER: what `nea audit export` wrote, or the published folder audit/N
    python verify_log.py proof FILE VKEY      FILE: a .tlog-proof file, as a receipt has it
VKEY is the log's key, name+id+key, got from the awarding body by another way than the files. Status 0: sound.
"""

import base64
import hashlib
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def require(holds, otherwise):
    if not holds:
        raise ValueError(otherwise)


def raw(text):
    require(base64.b64encode(base64.b64decode(text)).decode() == text, "base64 that is not written as it must be")
    return base64.b64decode(text)


def hashed(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def checkpoint(note, vkey):
    name, key_id, key = vkey.strip().split("+", 2)
    text, _, signatures = note.rpartition("\n\n")
    require(hashed(name.encode(), b"\n", raw(key)).hex()[:8] == key_id and raw(key)[0] == 1, "not a key of a log")
    origin, size, root = text.split("\n")
    require(origin == name, f"a checkpoint of {origin}, not of {name}")
    signed = [raw(line.split(" ")[2]) for line in signatures.splitlines() if line.split(" ")[1] == name]
    require(ours := [one for one in signed if one[:4].hex() == key_id], "not signed by the log")
    Ed25519PublicKey.from_public_bytes(raw(key)[1:]).verify(ours[0][4:], f"{text}\n".encode())
    return int(size), raw(root)


def path(index):
    digits = str(index).zfill(-(-len(str(index)) // 3) * 3)
    parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    return "/".join([f"x{part}" for part in parts[:-1]] + parts[-1:])


def check_log(folder, vkey):
    found = {checkpoint(file.read_text(), vkey) for file in [folder / "checkpoint", *folder.glob("checkpoints/*")]}
    roots = dict(found)
    require(len(found) == len(roots), "two checkpoints of one size differ: the log was forked")
    edge, seq, good = [], 0, 0
    while seq < max(roots):
        count = min(256, max(roots) - seq)
        tail = path(seq // 256) + ("" if count == 256 else f".p/{count}")
        bundle, hashes = (folder / "tile/entries" / tail).read_bytes(), (folder / "tile/0" / tail).read_bytes()
        for at in range(count):
            length = int.from_bytes(bundle[:2], "big")
            event, bundle = bundle[2 : 2 + length], bundle[2 + length :]
            edge.append((0, hashed(b"\x00", event)))
            sound = len(event) == length and edge[-1][1] == hashes[32 * at : 32 * at + 32]
            require(sound, f"event {seq} was altered")
            while len(edge) > 1 and edge[-1][0] == edge[-2][0]:
                edge[-2:] = [(edge[-1][0] + 1, hashed(b"\x01", edge[-2][1], edge[-1][1]))]
            seq += 1
            if seq in roots:
                root = edge[-1][1]
                for _, left in reversed(edge[:-1]):
                    root = hashed(b"\x01", left, root)
                require(root == roots[seq], f"an event from {good} to {seq - 1} was altered")
                good = seq
        require(not bundle, f"more events than the tree has, before {seq}")
    return f"sound: {seq} events under {len(roots)} signed checkpoints"


def check_proof(text, vkey):
    head, _, note = text.partition("\n\n")
    lines = head.split("\n")
    require([lines[0], lines[1][:6], lines[2][:6]] == ["c2sp.org/tlog-proof@v1", "extra ", "index "], "not a proof")
    event, index = raw(lines[1][6:]), int(lines[2][6:])
    size, wanted = checkpoint(note, vkey)
    place, last, root = index, size - 1, hashed(b"\x00", event)
    for line in lines[3:]:
        root = hashed(b"\x01", *((raw(line), root) if place & 1 or place == last else (root, raw(line))))
        while place == last and not place & 1 and place:
            place, last = place >> 1, last >> 1
        place, last = place >> 1, last >> 1
    require(0 <= index < size and last == 0 and root == wanted, "the event is not in the log")
    return f"sound: event {index} of {size}: {event.decode()}"


if __name__ == "__main__":
    try:
        kind, file, key = sys.argv[1:]
        print(check_log(Path(file), key) if kind == "log" else check_proof(Path(file).read_text(), key))
    except (InvalidSignature, ValueError, IndexError, OSError) as error:
        sys.exit(f"NOT SOUND: {error or 'the signature is wrong'}")
