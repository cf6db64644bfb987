"""The few places where a part of the service looks beyond what the one who asks may see, each with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from repository.acting import ACTING, NOBODY, Acting
from repository.scoping import row_security


@contextmanager
def widened(session: Session, purpose: str) -> Iterator[None]:
    """Let the service itself look for a moment, in a person's transaction; what it finds is not shown as it is.

    Takes: ``purpose``, the part of the service that looks and why, for whoever reads the code; a test lists every use.
    """
    before: Acting = session.info.get(ACTING, NOBODY)
    _act_as(session, Acting(service=purpose))
    try:
        yield
    except BaseException:
        # PostgreSQL hears nothing more in a transaction that failed; whoever goes on after it must be narrowed again.
        with suppress(DBAPIError):
            _act_as(session, before)
        raise
    _act_as(session, before)


def _act_as(session: Session, who: Acting) -> None:
    session.info[ACTING] = who
    row_security.tell_session(session)
