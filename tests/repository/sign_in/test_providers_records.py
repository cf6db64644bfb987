"""Whatever claims say, in whatever order: they never bring back what an officer ended, and give nothing that no rule gives."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from repository import people
from repository.access import Actor, Role
from repository.audit import Context
from repository.sign_in import providers_records as records
from repository.sign_in.providers import CentreRule, Issuer, RoleRule, identity_of
from repository.sign_in.providers_tables import IdentityRequest
from repository.sign_in.tables import Account
from repository.tables import Assignment

START = datetime(2026, 5, 15, 10, 0, tzinfo=UTC)
SCHOOL = Issuer(
    key="school",
    name="School",
    issuer="https://login.school.example",
    client_id="nea",
    client_secret="-",
    centre=CentreRule(always="99001"),
    roles=(
        RoleRule("groups", "staff", Role.TEACHER, at_once=True),
        RoleRule("groups", "exams", Role.EXAMS_OFFICER),
        RoleRule("groups", "moderators", Role.MODERATOR, at_once=True),
    ),
    multi_factor_amr=frozenset({"mfa"}),
)
AT_ONCE = {(Role.TEACHER, "99001"), (Role.MODERATOR, None)}
SUBJECTS = count()
SIGN_IN = st.tuples(
    st.just("sign_in"), st.frozensets(st.sampled_from(["staff", "exams", "moderators", "pupils"])), st.booleans()
)
ENDING = st.tuples(st.just("end"), st.sampled_from([Role.TEACHER, Role.MODERATOR]), st.booleans())
GRANTING = st.tuples(st.just("grant"), st.sampled_from([Role.TEACHER, Role.EXAMS_OFFICER]), st.booleans())
REFUSING = st.tuples(st.just("refuse"), st.none(), st.booleans())


@pytest.fixture(scope="module")
def session(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    path = tmp_path_factory.mktemp("records") / "nea.sqlite3"
    shutil.copy(migrated_file, path)
    engine = create_engine(f"sqlite:///{path}")
    with Session(engine) as opened:
        yield opened
    engine.dispose()


@pytest.fixture(scope="module")
def officer(session: Session) -> Actor:
    made = people.add_person(session, "Officer", Role.EXAMS_OFFICER, START, centre_number="99001")
    return Actor(made.person_id, made.id, "Officer", Role.EXAMS_OFFICER, "99001")


@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(steps=st.lists(SIGN_IN | ENDING | GRANTING | REFUSING, min_size=2, max_size=12))
def test_claims_and_officers_in_any_order(
    session: Session, officer: Actor, steps: list[tuple[str, object, bool]]
) -> None:
    subject, now = f"subject-{next(SUBJECTS)}", START
    ended: set[tuple[str, str | None]] = set()
    for what, which, two in steps:
        now += timedelta(minutes=1)
        context = Context(None, now, "test")
        if what == "sign_in":
            assert isinstance(which, frozenset)
            said = {"sub": subject, "groups": sorted(which), "amr": ["mfa"] if two else []}
            identity = identity_of(SCHOOL, said)
            came_in = records.sign_in(session, context, identity, "/").attempt_token is not None
            live = standing(session, subject, now)
            assert came_in == bool(live)
            by_claims = {key for key, by in live.items() if by == SCHOOL.grantor}
            assert by_claims <= AT_ONCE
            assert by_claims <= identity.spoken_for, "what claims gave ends when they say it no longer"
            assert not by_claims & ended, "claims brought back what an officer ended"
        elif what == "end":
            row = live_row(session, subject, str(which), now)
            if row is not None:
                row.valid_to, row.ended_by = now, officer.person_id
                ended.add((row.role, row.centre_number))
                session.flush()
        else:
            request = open_request(session, subject)
            if request is not None and what == "refuse":
                records.refuse(session, context, officer, request.id)
            elif request is not None and live_row(session, subject, str(which), now) is None:
                assert isinstance(which, Role)
                records.grant(session, context, officer, request.id, which)
        requests = session.scalars(
            select(IdentityRequest)
            .join(Account, Account.id == IdentityRequest.account_id)
            .where(Account.subject == subject, IdentityRequest.decision.is_(None))
        ).all()
        assert len({one.centre_number for one in requests}) == len(requests), "somebody waits twice at one place"


def standing(session: Session, subject: str, now: datetime) -> dict[tuple[str, str | None], str | None]:
    """The roles that stand, and who gave them."""
    rows = session.scalars(
        select(Assignment)
        .join(Account, Account.person_id == Assignment.person_id)
        .where(Account.subject == subject, Assignment.valid_to.is_(None) | (Assignment.valid_to > now))
    ).all()
    found = {(one.role, one.centre_number): one.granted_by for one in rows}
    assert len(found) == len(rows), "one role twice"
    return found


def live_row(session: Session, subject: str, role: str, now: datetime) -> Assignment | None:
    return session.scalars(
        select(Assignment)
        .join(Account, Account.person_id == Assignment.person_id)
        .where(
            Account.subject == subject,
            Assignment.role == role,
            Assignment.valid_to.is_(None) | (Assignment.valid_to > now),
        )
    ).one_or_none()


def open_request(session: Session, subject: str) -> IdentityRequest | None:
    return session.scalars(
        select(IdentityRequest)
        .join(Account, Account.id == IdentityRequest.account_id)
        .where(
            Account.subject == subject,
            IdentityRequest.decision.is_(None),
            IdentityRequest.centre_number == "99001",
        )
    ).first()
