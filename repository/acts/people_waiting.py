"""Acts on people who signed in at an identity provider and wait for a role."""

from __future__ import annotations

from sqlalchemy.orm import Session

from repository.access import Action, Role
from repository.acts.people_roles import manager_of
from repository.audit import Context
from repository.errors import FieldRefused
from repository.sign_in import providers_records
from repository.tables import Assignment


def grant(
    session: Session, context: Context, action: Action, request_id: str, untrusted_role: str, centre_number: str = ""
) -> Assignment:
    """Give somebody who waits a role; raises ``NotFound``, ``FieldRefused``."""
    actor = manager_of(context, action)
    try:
        role = Role(untrusted_role)
    except ValueError as error:
        raise FieldRefused("Choose a role from the list.", field="role") from error
    return providers_records.grant(session, context, actor, request_id, role, centre_number=centre_number or None)


def refuse(session: Session, context: Context, action: Action, request_id: str) -> None:
    """Give somebody who waits no role; raises ``NotFound``."""
    providers_records.refuse(session, context, manager_of(context, action), request_id)
