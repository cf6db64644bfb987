"""``nea set-up``: a link while fewer than two officers can sign in, the newest one alone, and none after that."""

from __future__ import annotations

import re

from sqlalchemy import func, select

from repository.access import Role
from repository.audit import Context
from repository.services import Services
from repository.sign_in import local, set_up
from repository.sign_in.local_tables import SetUpLink
from repository.tables import Assignment

from .installation import Installation, installation

__all__ = ["installation"]


def test_links_are_printed_until_two_officers_can_sign_in(installation: Installation) -> None:
    tokens = []
    for _ in range(2):
        status, out, err = installation.nea("set-up")
        assert (status, err) == (0, "")
        found = re.search(r"^  http://127\.0\.0\.1:\d+/set-up/(\S{43})$", out, re.MULTILINE)
        assert found is not None, out
        tokens.append(found[1])
    assert tokens[0] != tokens[1]

    async def accounts(services: Services) -> int:
        now = services.clock()

        def write(session):
            set_up.require_open(session, tokens[1], now)
            officers = session.scalars(select(Assignment).where(Assignment.role == Role.AB_OFFICER)).all()
            for officer in officers:
                context = Context(None, now, "a test")
                local.add_account(session, context, officer.person_id, f"{officer.person_id}@x.org", "x")
            return session.scalar(select(func.count()).select_from(SetUpLink))

        return int(await services.database.write(write))

    assert installation.within(accounts) == 1, "an earlier link is over with the next"
    status, out, err = installation.nea("set-up")
    assert (status, out) == (1, "")
    assert "They invite everybody else" in err
    assert installation.events().count("set_up.link_made") == 2
