"""The twelve lies of a store, told by a proxy before a real one: the product notices each, and receives nothing falsely.

Everything runs through the product's own S3 backend, retry, vault, upload and release.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from xml.sax.saxutils import escape

import pytest

from repository import objects
from repository.audit import Context
from repository.care import collecting
from storage.streaming import SDR1

from .life import SMALL
from .proxied import Stage
from .proxy import Answer, Forward, Request, Reset, changed, error, honest

P = SMALL.part_plain_bytes
TOLD = 20
"""So many times each lie is told in the long form."""


@pytest.fixture
async def stage(open_stage) -> AsyncIterator[Stage]:
    async with open_stage() as opened:
        yield opened


def part(request: Request, act: str, index: int = 1) -> bool:
    """Whether the request is about that part of an upload, staged or released."""
    words = request.key.split("/")
    return request.act == act and len(words) == 3 and words[2].partition(".")[0] == str(index)


lies = pytest.mark.fault("inj:F5", "att:G02", "att:G03")
pytestmark = pytest.mark.s3


@pytest.fixture(params=[1, pytest.param(TOLD, marks=pytest.mark.long)])
def rounds(request: pytest.FixtureRequest) -> range:
    """How often the lie is told."""
    return range(request.param)


@lies
@pytest.mark.fault("real:R17")
async def test_a_truncated_body_is_asked_for_again_and_never_believed(stage: Stage, rounds: range) -> None:
    async def truncate(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        return replace(answer, cut_at=len(answer.body) // 2)

    for _ in rounds:
        sent = await stage.send()
        stage.lie(lambda request: part(request, "get"), truncate)
        await stage.serving.work_once()
        await stage.not_received(sent, {"verifying"})
        assert stage.proxy.lied >= 5, "it was not asked for again"
        stage.lie(lambda request: part(request, "get"), truncate, times=2)
        await stage.serving.work()
        await stage.received(sent)


@lies
@pytest.mark.fault("real:R18", "att:F04")
async def test_flipped_bytes_hold_the_document(stage: Stage, rounds: range) -> None:
    async def flip(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        body = bytearray(answer.body)
        body[-5] ^= 4
        return replace(answer, body=bytes(body))

    for _ in rounds:
        stage.proxy.rule = honest
        sent = await stage.send()
        stage.lie(lambda request: part(request, "get"), flip)
        await stage.serving.work()
        document = await stage.not_received(sent, {"held"})
        assert document["events"]["object.tampered"] == 1


@lies
@pytest.mark.fault("att:F07")
async def test_st09_an_older_attempt_of_a_part_holds_the_document(stage: Stage, rounds: range) -> None:
    attempts: list[bytes] = []

    async def lose(request: Request, forward: Forward) -> Answer:
        attempts.append(request.body)
        await forward(request)
        raise Reset

    async def older(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        return replace(answer, body=attempts[0])

    for _ in rounds:
        # All five tries of one attempt lose their answers, so the part is sealed anew: two authentic ones exist.
        attempts.clear()
        stage.lie(lambda request: part(request, "put"), lose, times=5)
        sent = await stage.send()
        assert len(set(attempts)) == 1, "a try of one attempt sent other bytes"
        stage.lie(lambda request: part(request, "get"), older)
        await stage.serving.work()
        document = await stage.not_received(sent, {"held"})
        assert document["events"]["object.tampered"] == 1


@lies
@pytest.mark.fault("att:G13")
async def test_absent_after_it_was_put_is_not_received(stage: Stage, rounds: range) -> None:
    async def absent(request: Request, forward: Forward) -> Answer:
        return error(404, "NoSuchKey")

    for _ in rounds:
        sent = await stage.send()
        stage.lie(lambda request: part(request, "get") or part(request, "head"), absent)
        await stage.serving.work_once()
        await stage.not_received(sent, {"verifying"})
        stage.proxy.rule = honest
        await stage.serving.work()
        await stage.received(sent)


@lies
@pytest.mark.fault("real:R08")
async def test_a_put_acknowledged_and_lost_is_not_received(stage: Stage, rounds: range) -> None:
    async def lose(request: Request, forward: Forward) -> Answer:
        return Answer(200, {"etag": '"0123456789abcdef0123456789abcdef"'})

    for _ in rounds:
        stage.lie(lambda request: part(request, "put"), lose)
        sent = await stage.send()
        await stage.serving.work_once()
        await stage.not_received(sent, {"verifying"})


@lies
async def test_a_wrong_etag_is_nobodys_business(stage: Stage, rounds: range) -> None:
    async def other(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        return replace(answer, headers={**answer.headers, "etag": '"ffffffffffffffffffffffffffffffff"'})

    for _ in rounds:
        stage.lie(lambda request: request.act in {"put", "get", "head", "copy"}, other)
        sent = await stage.send()
        await stage.serving.work()
        assert stage.proxy.lied
        await stage.received(sent)


@lies
@pytest.mark.fault("att:D20", "att:G09")
async def test_each_request_delivered_twice_changes_nothing(stage: Stage, rounds: range) -> None:
    async def twice(request: Request, forward: Forward) -> Answer:
        await forward(request)
        return await forward(request)

    for _ in rounds:
        stage.lie(lambda request: request.act in {"put", "copy", "delete"}, twice)
        sent = await stage.send()
        await stage.serving.work()
        assert stage.proxy.lied
        await stage.received(sent)


@lies
async def test_a_range_ignored_is_refused(stage: Stage, rounds: range) -> None:
    async def ignore(request: Request, forward: Forward) -> Answer:
        answer = changed(await forward(request), stage.truth.get(request.key))
        kept = {name: value for name, value in answer.headers.items() if name != "content-range"}
        return replace(answer, status=200, headers=kept)

    for _ in rounds:
        stage.proxy.rule = honest
        sent = await stage.serving.send(4 * P, stage.chosen.randrange(2**32), cut="one")
        await stage.serving.work()
        stage.lie(lambda request: request.act == "get" and "range" in request.headers, ignore)
        headers = {"Authorization": f"Bearer {stage.serving.prepared.bearer}", "Range": f"bytes={P + 200}-{P + 300}"}
        url = f"{stage.serving.base}/documents/{sent.oid}/content"
        async with stage.serving.session.get(url, headers=headers) as answer:
            assert answer.status == 503
            assert stage.proxy.lied


@lies
@pytest.mark.fault("att:F14", "real:R12")
@pytest.mark.parametrize("repeats", [False, True])
async def test_st19_a_listing_that_omits_or_repeats_names_costs_nothing(
    stage: Stage, rounds: range, repeats: bool
) -> None:
    async def mislist(request: Request, forward: Forward) -> Answer:
        answer = await forward(request)
        begin, end = answer.body.find(b"<Contents>"), answer.body.find(b"</Contents>") + len(b"</Contents>")
        if begin < 0:
            return answer
        entry = answer.body[begin:end]
        return changed(answer, answer.body[:begin] + entry * (2 if repeats else 0) + answer.body[end:])

    for _ in rounds:
        stage.proxy.rule = honest
        released, half = await stage.release(), await stage.send()
        stage.truth.put(f"q/{half.oid}/0.{'ab' * 16}", b"an attempt that was never committed")
        stage.lie(lambda request: request.act == "list", mislist)
        context = Context(None, stage.serving.clock(), "collection", origin="care")
        await collecting.collect(stage.serving.services, context, grace=timedelta(0))
        assert stage.proxy.lied
        stage.proxy.rule = honest
        await stage.serving.work()
        await stage.received(released)
        await stage.received(half)
        await collecting.collect(stage.serving.services, context, grace=timedelta(0))
        assert not list(stage.truth.list("q/"))


@lies
async def test_a_copy_from_the_wrong_source_is_never_released(stage: Stage, rounds: range) -> None:
    async def wrong(request: Request, forward: Forward) -> Answer:
        source = request.headers["x-amz-copy-source"].lstrip("/").partition("/")[2]
        other = next(head.key for head in stage.truth.list(source.rpartition("/")[0]) if head.key != source)
        blob = stage.truth.get(other)[: stage.truth.head(source).size_bytes]
        metadata = {
            name.removeprefix("x-amz-meta-"): value
            for name, value in request.headers.items()
            if name.startswith("x-amz-meta-")
        }
        stage.truth.put(request.key, blob, metadata=metadata)
        etag = escape('"00000000000000000000000000000000"')
        body = f"<CopyObjectResult><ETag>{etag}</ETag></CopyObjectResult>".encode()
        return Answer(200, {"Content-Type": "application/xml"}, body)

    for _ in rounds:
        sent = await stage.serving.send(2 * P, stage.chosen.randrange(2**32), cut="one")
        stage.lie(lambda request: part(request, "copy"), wrong)
        await stage.serving.work_once()
        await stage.not_received(sent, {"scanned"})
        stage.proxy.rule = honest  # what the lie left behind has the right size and description, and is not believed
        await stage.serving.work()
        await stage.received(sent)


@lies
@pytest.mark.fault("real:R11", "real:R13", "real:R14")
@pytest.mark.parametrize("done", [True, False], ids=["done-and-lost", "200-with-an-error"])
async def test_st17_a_join_is_believed_only_when_the_store_shows_it(open_stage, done: bool) -> None:
    async def lose(request: Request, forward: Forward) -> Answer:
        if done:
            await forward(request)
            raise Reset
        return Answer(200, {"Content-Type": "application/xml"}, b"<Error><Code>InternalError</Code></Error>")

    async with open_stage(SDR1) as stage:
        sent = await stage.serving.send(SDR1.part_plain_bytes + 1, stage.chosen.randrange(2**32), cut="one")
        stage.lie(lambda request: request.act == "complete", lose, times=1)
        await stage.serving.work()
        assert stage.proxy.lied == 1
        await stage.received(sent)
        completes = [status for act, _, status in stage.proxy.seen if act == "complete"]
        assert len(completes) == (0 if done else 2), "a lost answer is a HEAD, not a second join"
        stored = await stage.serving.services.database.read(lambda s: objects.stored_object(s, sent.oid))
        assert stored.layout == "whole"
