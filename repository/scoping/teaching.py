"""What a teacher teaches, as acts ask for it before they change anything."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.access import Actor, Role
from repository.sign_in.people_tables import Teaching


def groups(session: Session, actor: Actor, series_key: str, component_code: str) -> frozenset[str] | None:
    """Return the teaching sets of a component that somebody is limited to; None is no limit.

    Only teachers are ever limited. Whoever teaches the whole component, or the whole centre, is not.
    """
    if actor.role is not Role.TEACHER:
        return None
    found = session.scalars(
        select(Teaching.teaching_set).where(
            Teaching.assignment_id == actor.assignment_id,
            Teaching.series_key.is_(None) | (Teaching.series_key == series_key),
            Teaching.component_code.is_(None) | (Teaching.component_code == component_code),
        )
    ).all()
    return None if None in found else frozenset(one for one in found if one is not None)
