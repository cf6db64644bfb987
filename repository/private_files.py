"""Files that hold a secret: read only when nobody else on the machine can read or write them, made so that nobody can."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable
from pathlib import Path

OTHERS = 0o077
"""No bit for the group or for others: project policy. A secret is its service's alone."""
SECRET_LIMIT_BYTES = 64 * 1024
DISTINCT_BYTES = 8
"""A key of 32 random bytes has fewer different ones about once in 10^30; a key typed by hand or of zeros has."""


class UnsafeFile(Exception):
    """A file of a secret that is not to be used; ``remedy`` says what to do, and no word of it is the secret."""

    def __init__(self, remedy: str) -> None:
        super().__init__(remedy)
        self.remedy = remedy


def read(path: Path) -> bytes:
    """Return the bytes of a file that holds a secret.

    A link is followed, as orchestrators mount secrets so; what is judged is the file that was opened, so that nothing can
    be put in its place between looking and reading.
    Raises: ``UnsafeFile`` when others can read or write it, it belongs to somebody else than root, or it is no file;
    ``OSError`` when it cannot be opened.
    """
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise UnsafeFile("is not a file")
        if found.st_uid not in {os.geteuid(), 0}:
            raise UnsafeFile("belongs to somebody else; it must belong to the user that the service runs as")
        if found.st_mode & OTHERS:
            raise UnsafeFile("can be read by others on this machine. Run `chmod 600` on it")
        content = file.read(SECRET_LIMIT_BYTES + 1)
    if len(content) > SECRET_LIMIT_BYTES:
        raise UnsafeFile(f"is longer than {SECRET_LIMIT_BYTES} bytes; it cannot be a secret")
    return content


def read_key(path: Path, length_bytes: int) -> bytes:
    """Return a random key; raises ``UnsafeFile`` also when it has another length or cannot be random."""
    key = read(path)
    if len(key) != length_bytes:
        raise UnsafeFile(f"must hold {length_bytes} bytes, not {len(key)}")
    if len(set(key)) < DISTINCT_BYTES:
        raise UnsafeFile("holds a key that is not random; put the right one in its place")
    return key


def make_key(path: Path, length_bytes: int, random: Callable[[int], bytes]) -> bytes:
    """Return the key of a file, which is made with mode 0600 where there is none. Two who start at once get the same."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        fresh = path.with_name(f".{path.name}.{random(8).hex()}")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(random(length_bytes))
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(fresh, path)  # unlike a rename, a link takes nothing away from who was first
        finally:
            fresh.unlink()
    return read_key(path, length_bytes)


def require_safe_folder(path: Path) -> None:
    """Refuse a folder in which anybody on the machine can put or swap files; raises ``UnsafeFile``."""
    found = path.stat()
    if found.st_mode & stat.S_IWOTH:
        raise UnsafeFile("can be written to by everybody on this machine. Run `chmod o-w` on it")
    if found.st_uid not in {os.geteuid(), 0}:
        raise UnsafeFile("belongs to somebody else; it must belong to the user that the service runs as")
