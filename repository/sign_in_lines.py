"""The sign-in lines that the rehearsal mode prints: one per kind of user, the same after every start."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository.access import ROLE_TITLES, Role
from repository.people import hash_token
from repository.tables import Assignment, Person, SignInLink


@dataclass(frozen=True, slots=True)
class SignInLine:
    """Who can sign in, and the token that does it."""

    title: str
    token: str
    role: Role
    centre_number: str | None
    person_id: str


def token_of(assignment_id: str) -> str:
    """Return the development sign-in token of an assignment.

    It is derived from the assignment's random id, so that it can be printed again at every start; a link works only
    while its row exists, which only the rehearsal mode writes.
    """
    return hashlib.sha256(f"rehearsal-sign-in|{assignment_id}".encode()).hexdigest()[:20]


def read(session: Session) -> list[SignInLine]:
    """Return the sign-in lines of everyone who has a development link, by role and centre."""
    rows = session.execute(
        select(Assignment, Person, SignInLink)
        .join(Person, Person.id == Assignment.person_id)
        .join(SignInLink, SignInLink.assignment_id == Assignment.id)
        .order_by(Assignment.role, Assignment.centre_number, Person.display_name)
    ).all()
    order = list(Role)
    lines = [
        SignInLine(
            f"{person.display_name} ({ROLE_TITLES[Role(assignment.role)].lower()})",
            token_of(assignment.id),
            Role(assignment.role),
            assignment.centre_number,
            person.id,
        )
        for assignment, person, link in rows
        if link.token_sha256 == hash_token(token_of(assignment.id))
    ]
    return sorted(lines, key=lambda line: (order.index(line.role), line.centre_number or ""))
