"""The few places where a part of the service looks beyond what the one who asks may see, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.orm import Session

from repository.acting import ACTING, NOBODY, Acting


@contextmanager
def widened(session: Session, purpose: str) -> Iterator[None]:
    """Let the service itself look for a moment, in a person's transaction; what it finds is not shown as it is.

    Takes: ``purpose``, the part of the service that looks and why, for whoever reads the code; a test lists every use.
    """
    before: Acting = session.info.get(ACTING, NOBODY)
    session.info[ACTING] = Acting(service=purpose)
    try:
        yield
    finally:
        session.info[ACTING] = before
