"""The queue: written with the act or not at all, the same never twice, a day's notices capped, nothing where mail is off."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from repository.mail import records
from repository.mail.queueing import DAILY_LIMIT, State
from repository.mail.records import enqueue

from .conftest import Post

A = "officer@school.example"
RESULTS = {"series": "June 2026", "centre_number": "64001"}


async def test_without_a_mail_server_nothing_is_queued(post: Post) -> None:
    await post.write(lambda s: records.set_sent_here(s, False, post.now))
    assert not await post.queue(A)
    assert await post.rows() == []
    figures = await post.write(records.figures)
    assert not figures.is_on


async def test_an_act_that_fails_leaves_no_mail(post: Post) -> None:
    def act(session: Any) -> None:
        enqueue(session, post.context(), A, "results-released", RESULTS)
        raise RuntimeError("the act failed")

    with pytest.raises(RuntimeError, match="the act failed"):
        await post.write(act)
    assert await post.rows() == []


async def test_the_same_is_queued_once_however_often_and_by_however_many(post: Post) -> None:
    assert await post.queue(A, key="released:2026-06")
    assert not await post.queue(A, key="released:2026-06")
    assert not await post.queue(A.upper(), key="released:2026-06")
    assert await post.queue("other@school.example", key="released:2026-06")
    done = await asyncio.gather(*(post.queue(A, key="another") for _ in range(8)))
    assert done.count(True) == 1
    assert len(await post.rows()) == 3


async def test_nobody_without_an_address_is_written_to(post: Post) -> None:
    assert not await post.write(lambda s: enqueue(s, post.context(), None, "results-released", RESULTS))
    assert not await post.queue("")
    assert await post.rows() == []


async def test_an_address_that_is_none_stops_no_act_and_is_shown(post: Post) -> None:
    assert await post.queue("a@b.example\r\nBcc: everybody@b.example", centre_number="64001")
    (row,) = await post.write(lambda s: records.failed(s, "64001", 10))
    assert (row.state, row.to_address) == (State.REFUSED, "")
    assert not await post.write(lambda s: records.try_again(s, row.id, None, post.now))


@pytest.mark.fault("att:C18")
async def test_a_storm_of_notices_ends_in_one_that_says_so(post: Post) -> None:
    for _ in range(DAILY_LIMIT + 30):
        await post.queue(A, letter="results-released", facts=RESULTS)
    letters = [row.letter for row in await post.rows()]
    assert letters.count("results-released") == DAILY_LIMIT
    assert letters.count("more-notices") == 1
    assert await post.queue(A)  # a security notice always goes
    await post.queue("other@school.example", letter="results-released", facts=RESULTS)
    post.later(days=1)
    assert await post.queue(A, letter="results-released", facts=RESULTS)


async def test_a_link_that_is_a_secret_is_forgotten_when_it_was_sent(post: Post) -> None:
    await post.queue(A, letter="invitation", facts={"path": "/invitations/secret", "expires": "1 June 2026"})
    claimed = await post.write(lambda s: records.claim(s, post.now, "board.example"))
    await post.write(lambda s: records.note_sent(s, claimed, post.now, "250 OK"))
    (row,) = await post.rows()
    assert (row.state, row.facts) == (State.SENT, {})
