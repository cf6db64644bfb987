from __future__ import annotations

from collections.abc import Iterator

import pytest

from repository import acting
from repository.care.health import State
from repository.care.mail_health import mail_checks
from repository.mail import records
from repository.settings import Settings

from ...servers.mail import running_mail_server
from ..mail.conftest import Post, post

__all__ = ["post"]


@pytest.fixture(autouse=True)
def as_the_command() -> Iterator[None]:
    with acting.as_service("command"):
        yield


class Opened:
    """What the check needs of a composed service."""

    def __init__(self, post: Post) -> None:
        self.database = post.database
        self.settings: Settings | None = None


async def test_without_mail_nothing_is_wrong(post: Post) -> None:
    (check,) = await mail_checks(Opened(post), None)
    assert check.state is State.OK
    assert "none is sent" in check.says


async def test_a_server_that_is_away_is_a_failed_line_and_nothing_is_sent_to_one_that_answers(post: Post) -> None:
    with running_mail_server() as server:
        port = server.port
        (check,) = await mail_checks(Opened(post), post.sender(port))
        assert check.state is State.OK
        assert server.taken == []
        server.to_recipient["a@b.example"] = ["550 No"]
        await post.queue("a@b.example")
        await post.sender(port).send_due()
        (check,) = await mail_checks(Opened(post), post.sender(port))
        assert (check.state, check.says) == (State.WARNING, "1 messages did not arrive")
    (check,) = await mail_checks(Opened(post), post.sender(port))
    assert check.state is State.FAILED
    assert "cannot be reached" in check.says
    assert len(await post.write(lambda s: records.failed(s, None, 10))) == 1
