"""SF-08: whoever reads every mailbox, and nothing else, never comes to a session, a password or a role.

A machine plays a service whose people invite, reset, forget and accept in any order, while somebody reads all mail that is
sent and tries everything that can be done with it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from repository import people
from repository.access import Action, Actor, Role
from repository.acts import people_links, people_resets, people_roles
from repository.audit import Context
from repository.database import Database
from repository.errors import FieldRefused, LinkOver
from repository.mail import records as mail
from repository.mail.tables import MailMessage
from repository.people import hash_token
from repository.sign_in import attempts, invitations, local, one_time_codes, resets
from repository.sign_in.limits import Limits
from repository.sign_in.local_tables import LocalPassword
from repository.sign_in.paired_links import Wrong
from repository.sign_in.people_tables import Invitation, Reset
from repository.sign_in.tables import SignInAttempt
from repository.tables import Assignment, WebSession

START = datetime(2026, 5, 15, 10, 0, tzinfo=UTC)
CENTRE = "99001"
THIEFS = "hash-of-the-thief"
THIEFS_CLAIM = "claim-of-the-thief"


class Mailbox(RuleBasedStateMachine):
    """Honest people, and a thief who reads their mail."""

    path: Path

    def __init__(self) -> None:
        super().__init__()
        self.engine = Database(f"sqlite:///{self.path}").sync_engine
        self.connection = self.engine.connect()
        self.transaction = self.connection.begin()
        self.session = Session(self.connection, join_transaction_mode="create_savepoint")
        self.now = START
        self.count = 0
        self.told: list[str] = []
        """Codes that were told by another way than mail: the thief never hears them, and guesses none."""

    def teardown(self) -> None:
        self.session.close()
        self.transaction.rollback()
        self.connection.close()
        self.engine.dispose()

    def token(self) -> str:
        self.count += 1
        return f"token-{self.count:08}-of-this-run"

    def context(self, actor: Actor | None = None) -> Context:
        return Context(actor, self.now, "test")

    @initialize()
    def begin(self) -> None:
        mail.set_sent_here(self.session, True, self.now)
        made = people.add_person(self.session, "Olive", Role.EXAMS_OFFICER, self.now, centre_number=CENTRE)
        self.officer = Actor(made.person_id, made.id, "Olive", Role.EXAMS_OFFICER, CENTRE)
        teacher = people.add_person(self.session, "Tara", Role.TEACHER, self.now, centre_number=CENTRE)
        email = "tara@school.example"
        self.account = local.add_account(self.session, self.context(), teacher.person_id, "tara", "honest", email=email)
        random = [bytes([n]) * 10 for n in range(10)]
        self.recovery = one_time_codes.make_recovery_codes(self.session, self.context(), self.account, random)
        self.session.commit()

    def links(self, letter: str) -> list[str]:
        rows = self.session.scalars(select(MailMessage).where(MailMessage.letter == letter))
        return sorted(str(row.facts["path"]).rpartition("/")[2] for row in rows)

    # Honest people

    @rule()
    def somebody_is_invited(self) -> None:
        given = people_roles.invite(
            self.session,
            self.context(self.officer),
            Action.PEOPLE_MANAGE_CENTRE,
            self.token,
            role=Role.TEACHER,
            name="Ada",
            email="ada@school.example",
        )
        self.told.append(given.spoken_code.replace(" ", ""))
        assert given.path is None

    @rule()
    def a_reset_is_opened(self) -> None:
        given = people_resets.start(
            self.session, self.context(self.officer), Action.PEOPLE_MANAGE_CENTRE, self.account, self.token
        )
        self.told.append(given.spoken_code.replace(" ", ""))

    @rule()
    def tara_forgets_her_password(self) -> None:
        people_resets.start_alone(self.session, self.context(), "tara", self.token)

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def somebody_honest_claims(self, data: st.DataObject) -> None:
        """The code was told to the right person; it is right for one of the links, at most."""
        code = data.draw(st.sampled_from(self.told))
        for token in self.links("invitation"):
            self.quietly(lambda token=token: invitations.claim(self.session, self.context(), token, code, self.token()))

    @rule(hours=st.sampled_from([1, 12, 24, 24 * 14]))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    # Whoever reads the mail

    @rule(data=st.data())
    def the_thief_looks(self, data: st.DataObject) -> None:
        for letter, table in (("invitation", invitations), ("reset", resets)):
            if found := self.links(letter):
                token = data.draw(st.sampled_from(found))
                self.quietly(lambda token=token, table=table: table.looked_at(self.session, token, self.now))

    @rule(data=st.data(), guess=st.integers(0, 10**8 - 1).map(lambda number: f"{number:08}"))
    def the_thief_guesses(self, data: st.DataObject, guess: str) -> None:
        if guess in self.told:
            return
        for letter, table in (("invitation", invitations), ("reset", resets)):
            if found := self.links(letter):
                token = data.draw(st.sampled_from(found))
                answer = self.quietly(
                    lambda token=token, table=table: table.claim(
                        self.session, self.context(), token, guess, THIEFS_CLAIM
                    )
                )
                assert answer is None or isinstance(answer, Wrong)
                if answer is None:
                    assert self.refused

    @rule(data=st.data())
    def the_thief_shows_a_token_as_what_it_is_not(self, data: st.DataObject) -> None:
        every = [THIEFS_CLAIM, *self.links("invitation"), *self.links("reset")]
        token = data.draw(st.sampled_from(every))
        for attempt in (
            lambda: people_links.accept_locally(self.session, self.context(), token, "thief", THIEFS),
            lambda: people_links.accept_signed_in(self.session, self.context(), token, self.account),
            lambda: people_resets.complete(self.session, self.context(), token, THIEFS),
            lambda: people_links.claimed_invitation(self.session, self.context(), token),
            lambda: resets.claimed(self.session, token, self.now),
        ):
            self.quietly(attempt)
            assert self.refused
        assert people.find_session(self.session, token, self.now, Limits()) is None
        with pytest.raises(Exception, match="took too long"):
            attempts.standing(self.session, token, self.now)

    def quietly(self, work: Callable[[], object]) -> object:
        """Do something as a transaction of its own; note whether it was refused."""
        self.refused = False
        try:
            with self.session.begin_nested():
                return work()
        except (LinkOver, FieldRefused):
            self.refused = True
            return None

    @invariant()
    def nothing_was_given_to_the_thief(self) -> None:
        count = self.session.scalar
        assert count(select(func.count()).select_from(WebSession)) == 0
        assert count(select(func.count()).select_from(SignInAttempt)) == 0
        assert count(select(func.count()).select_from(Assignment)) == 2
        assert count(select(func.count()).where(LocalPassword.phc == THIEFS)) == 0
        for table in (Invitation, Reset):
            assert count(select(func.count()).where(table.claim_sha256 == hash_token(THIEFS_CLAIM))) == 0
            assert count(select(func.count()).where(table.used_at.is_not(None))) == 0


@pytest.mark.fault("att:E11")
def test_sf08_mail_alone_never_opens_anything(migrated_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "nea.sqlite3"
    shutil.copy(migrated_file, path)
    machine = type("OverThisFile", (Mailbox,), {"path": path})
    run_state_machine_as_test(machine, settings=settings(max_examples=40, stateful_step_count=25, deadline=None))
