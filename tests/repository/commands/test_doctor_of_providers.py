"""What `nea doctor` says of identity providers: that they answer, that they are down, that they are somebody else."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp import web

from repository.care.health import State
from repository.commands.doctor import provider_checks
from tests.repository.web.signing_in_elsewhere import running_elsewhere


@pytest.mark.parametrize(
    ("issuer", "state", "words"),
    [
        (None, State.OK, "answers"),
        ("https://elsewhere.example", State.FAILED, "discovery_issuer"),
    ],
)
async def test_a_provider_answers_as_itself_or_not(
    tmp_path: Path, migrated_file: Path, issuer: str | None, state: State, words: str
) -> None:
    async with running_elsewhere(tmp_path, migrated_file) as one:
        if issuer is not None:
            one.school.metadata = {"issuer": issuer}
        school, other = await provider_checks(one.service.services)
        assert (school.subject, school.state) == ("identity provider school", state)
        assert words in school.says
        assert other.state is State.OK


async def test_a_provider_that_is_down_is_a_warning(tmp_path: Path, migrated_file: Path) -> None:
    """People of other providers still sign in, and the service is well."""
    async with running_elsewhere(tmp_path, migrated_file) as one:
        one.other.answers["/keys"] = lambda: web.Response(status=503)
        _, other = await provider_checks(one.service.services)
        assert other.state is State.WARNING
        assert "does not answer" in other.says
