"""Mail over a real server: taken once, put off, refused; the server down, slow, gone in the middle, or not the right one."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from repository.mail import records
from repository.mail.composing import Enclosure
from repository.mail.queueing import State
from repository.mail.sending import Limits

from ...patience import PATIENCE_SECONDS
from ...servers.mail import PASSWORD, USER, RawServer, make_certificates, running_mail_server
from .conftest import SENDER, Post, wait_for

A, B, C = "officer@school.example", "teacher@school.example", "head@school.example"


@contextlib.asynccontextmanager
async def raw(how: str) -> AsyncIterator[RawServer]:
    server = RawServer(how)
    listening = await asyncio.start_server(server.speak, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server


async def test_what_is_queued_arrives_as_text_and_page_from_a_named_sender(post: Post) -> None:
    await post.queue(A)
    with running_mail_server() as server:
        assert await post.sender(server.port).send_due() is None
        (message,) = server.to(A)
    assert message["From"] == f"NEA Repository <{SENDER}>"
    assert message["To"] == A
    assert message["Auto-Submitted"] == "auto-generated"
    text, page = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert page is not None
    assert "Your password was changed." in text.get_content()
    assert "<p>Your password was changed.</p>" in page.get_content()
    (row,) = await post.rows()
    assert row.state == State.SENT
    assert message["Message-ID"] == row.message_id == f"<{row.id}@board.example>"


@pytest.mark.fault("att:G12")
async def test_a_server_that_is_down_loses_nothing_and_doubles_nothing(post: Post) -> None:
    with running_mail_server() as server:
        port = server.port
    for address in (A, B, C):
        await post.queue(address)
    sender = post.sender(port)
    for _ in range(3):
        assert "cannot be reached" in (await sender.send_due() or "")
        post.later(seconds=30)
    figures = await post.write(records.figures)
    assert figures.counts[State.QUEUED] == 3
    assert figures.trouble
    assert figures.trouble_since is not None
    with running_mail_server(port=port) as server:
        assert await sender.send_due() is None
        assert await sender.send_due() is None
        assert sorted(address for address, _ in server.taken) == sorted([A, B, C])
    figures = await post.write(records.figures)
    assert figures.counts[State.SENT] == 3
    assert figures.trouble is None


@pytest.mark.fault("att:G12")
async def test_what_the_server_puts_off_is_tried_again_at_growing_intervals(post: Post) -> None:
    await post.queue(A)
    await post.queue(B)
    with running_mail_server() as server:
        server.to_recipient[A] = ["451 4.3.0 Try later", "452 4.2.2 Mailbox full"]
        sender = post.sender(server.port)
        await sender.send_due()
        assert await post.states() == {A: State.QUEUED, B: State.SENT}
        await sender.send_due()  # not due yet
        assert len(server.to_recipient[A]) == 1
        post.later(seconds=61)
        await sender.send_due()
        (row,) = [row for row in await post.rows() if row.to_address == A]
        assert "452" in (row.last_reply or "")
        assert (row.available_at - post.now).total_seconds() == 120
        post.later(seconds=121)
        await sender.send_due()
        assert len(server.to(A)) == 1
        assert await post.states() == {A: State.SENT, B: State.SENT}


@pytest.mark.fault("att:G12")
@pytest.mark.parametrize("where", ["recipient", "data"])
async def test_what_is_refused_for_good_is_kept_for_a_person_to_see_and_not_tried_again(post: Post, where: str) -> None:
    await post.queue(A, centre_number="64001")
    await post.queue(B, centre_number="64001")
    with running_mail_server() as server:
        if where == "recipient":
            server.to_recipient[A] = ["550 5.1.1 No such mailbox"]
        else:
            server.to_data = ["554 5.7.1 Looks like spam"]
        sender = post.sender(server.port)
        await sender.send_due()
        post.later(days=1)
        await sender.send_due()
        assert len(server.taken) == 1
    (lost,) = await post.write(lambda s: records.failed(s, "64001", 10))
    assert lost.state == State.REFUSED
    assert (lost.last_reply or "").startswith(("550", "554"))
    assert await post.write(lambda s: records.failed(s, "64002", 10)) == []


async def test_a_person_can_have_a_failed_message_tried_again_and_nobody_of_another_centre(post: Post) -> None:
    await post.queue(A, centre_number="64001")
    with running_mail_server() as server:
        server.to_recipient[A] = ["550 5.1.1 No such mailbox"]
        sender = post.sender(server.port)
        await sender.send_due()
        (row,) = await post.rows()
        assert not await post.write(lambda s: records.try_again(s, row.id, "64002", post.now))
        assert await post.write(lambda s: records.try_again(s, row.id, "64001", post.now))
        await sender.send_due()
        assert len(server.to(A)) == 1
        assert not await post.write(lambda s: records.try_again(s, row.id, "64001", post.now))  # it was sent


@pytest.mark.fault("att:G12")
async def test_after_five_days_a_message_is_given_up(post: Post) -> None:
    await post.queue(A)
    with running_mail_server() as server:
        server.to_recipient[A] = ["451 Try later"] * 500
        sender = post.sender(server.port)
        tries = 0
        while (await post.states())[A] == State.QUEUED:
            await sender.send_due()
            tries += 1
            post.later(minutes=61)
    assert await post.states() == {A: State.GIVEN_UP}
    assert 100 < tries < 130


@pytest.mark.fault("att:G12")
async def test_a_line_that_breaks_in_the_middle_of_a_message_puts_it_off(post: Post) -> None:
    await post.queue(A)
    async with raw("goes") as server:
        assert "connection" in (await post.sender(server.port).send_due() or "").lower()
    assert await post.states() == {A: State.QUEUED}
    post.later(minutes=2)
    with running_mail_server() as good:
        await post.sender(good.port).send_due()
        assert len(good.to(A)) == 1


@pytest.mark.fault("att:G12")
async def test_a_message_that_was_taken_without_an_answer_comes_again_under_the_same_id(post: Post) -> None:
    """At least once: nobody can know whether it was taken, so it is sent again, and the id tells that it is one."""
    await post.queue(A)
    with running_mail_server() as server:
        server.to_data = [None]
        sender = post.sender(server.port)
        assert await sender.send_due() is not None
        post.later(minutes=2)
        assert await sender.send_due() is None
        first, second = server.to(A)
    assert first["Message-ID"] == second["Message-ID"]
    assert first.as_bytes().replace(b"\r\n", b"\n").split(b"\n\n")[0].count(b"Message-ID") == 1


@pytest.mark.fault("att:G12")
@pytest.mark.parametrize("how", ["silent", "swallows"])
async def test_a_server_that_hangs_holds_nothing_for_long(post: Post, how: str) -> None:
    await post.queue(A)
    async with raw(how) as server:
        async with asyncio.timeout(PATIENCE_SECONDS):
            said = await post.sender(server.port, limits=Limits(step=0.3, message=0.6)).send_due()
    assert said is not None
    assert await post.states() == {A: State.QUEUED}


@pytest.mark.fault("att:G12")
async def test_a_sender_that_died_while_sending_leaves_the_message_to_the_next(post: Post) -> None:
    await post.queue(A)
    claimed = await post.write(lambda s: records.claim(s, post.now, "board.example"))
    assert claimed is not None
    with running_mail_server() as server:
        sender = post.sender(server.port)
        await sender.send_due()
        assert server.taken == []  # it may still be sending
        post.later(minutes=11)
        await sender.send_due()
        assert [message["Message-ID"] for message in server.to(A)] == [claimed.message_id]
    await post.write(lambda s: records.note_put_off(s, claimed, post.now, "late news of the first"))
    assert await post.states() == {A: State.SENT}


async def test_two_senders_share_the_queue_and_send_nothing_twice(post: Post) -> None:
    for number in range(30):
        await post.queue(f"one{number}@school.example")
    with running_mail_server() as server:
        await asyncio.gather(*(post.sender(server.port).send_due() for _ in range(3)))
        addresses = [address for address, _ in server.taken]
    assert len(addresses) == len(set(addresses)) == 30


async def test_with_starttls_what_is_sent_is_encrypted_and_the_password_goes_over_no_open_line(
    post: Post, certificates: Path
) -> None:
    await post.queue(A)
    ca, own = make_certificates(certificates)
    with running_mail_server(tls="starttls", certificate=own, asks_password=True) as server:
        sender = post.sender(server.port, tls="starttls", ca_file=ca, user=USER, password=PASSWORD)
        assert await sender.send_due() is None
        assert server.encrypted == [True]
    assert await post.states() == {A: State.SENT}


async def test_with_implicit_tls_the_line_is_encrypted_from_the_start(post: Post, certificates: Path) -> None:
    await post.queue(A)
    ca, own = make_certificates(certificates)
    with running_mail_server(tls="implicit", certificate=own) as server:
        assert await post.sender(server.port, tls="implicit", ca_file=ca).send_due() is None
        assert server.encrypted == [True]


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize("wrong", ["authority", "name", "expired"])
async def test_a_certificate_that_is_not_the_servers_is_not_trusted(
    post: Post, certificates: Path, tls: str, wrong: str
) -> None:
    await post.queue(A)
    ca, own = make_certificates(
        certificates, host="other.example" if wrong == "name" else "127.0.0.1", days=-1 if wrong == "expired" else 1
    )
    if wrong == "authority":
        ca, _ = make_certificates(certificates, host="third.example")
    with running_mail_server(tls=tls, certificate=own) as server:
        said = await post.sender(server.port, tls=tls, ca_file=ca).send_due()
        assert server.taken == []
    assert "certificate" in (said or "")
    assert await post.states() == {A: State.QUEUED}


async def test_a_server_that_offers_no_starttls_is_not_used_unprotected(post: Post) -> None:
    await post.queue(A)
    with running_mail_server() as server:
        assert await post.sender(server.port, tls="starttls").send_due() is not None
        assert server.taken == []
    assert await post.states() == {A: State.QUEUED}


async def test_a_wrong_password_is_our_fault_and_no_messages(post: Post, certificates: Path) -> None:
    await post.queue(A)
    await post.queue(B)
    ca, own = make_certificates(certificates)
    with running_mail_server(tls="starttls", certificate=own, asks_password=True) as server:
        said = await post.sender(server.port, tls="starttls", ca_file=ca, user=USER, password="wrong").send_due()
        assert server.taken == []
    assert "535" in (said or "")
    assert PASSWORD not in (said or "")
    assert await post.states() == {A: State.QUEUED, B: State.QUEUED}


async def test_a_sender_address_that_the_server_refuses_is_our_fault_and_no_messages(post: Post) -> None:
    await post.queue(A)
    with running_mail_server() as server:
        server.to_sender = ["550 5.7.1 You may not send as this"]
        assert "550" in (await post.sender(server.port).send_due() or "")
    assert await post.states() == {A: State.QUEUED}


async def test_a_receipt_waits_for_its_proof_and_then_goes_with_its_files(post: Post) -> None:
    facts = {
        "what": "Marks were submitted.",
        "component_code": "7552/C",
        "series": "June 2026",
        "centre_number": "64001",
        "when": "15 May 2026, 10:00",
        "receipt_id": "r1",
    }
    await post.queue(A, letter="receipt", facts=facts, receipt_ids=["r1"])
    post.files = [
        Enclosure("receipt.json", "application/json", b'{"a": 1}'),
        Enclosure("receipt.pdf", "application/pdf", b"%PDF-"),
    ]
    post.complete = False
    with running_mail_server() as server:
        sender = post.sender(server.port)
        await sender.send_due()
        assert server.taken == []
        post.complete = True
        post.later(seconds=6)
        await sender.send_due()
        (message,) = server.to(A)
    assert message["Subject"] == "Receipt for component 7552/C"
    assert [(part.get_filename(), part.get_payload(decode=True)) for part in message.iter_attachments()] == [
        ("receipt.json", b'{"a": 1}'),
        ("receipt.pdf", b"%PDF-"),
    ]
    (row,) = await post.rows()
    assert row.attempts == 1


async def test_a_message_whose_files_cannot_be_made_keeps_no_other_from_going(post: Post) -> None:
    facts = {
        "what": "A sample was submitted.",
        "component_code": "7552/C",
        "series": "June 2026",
        "centre_number": "64001",
        "when": "15 May 2026, 10:00",
        "receipt_id": "r1",
    }
    await post.queue(A, letter="receipt", facts=facts, receipt_ids=["r1"])
    post.later(seconds=1)
    await post.queue(B)
    post.broken = True
    with running_mail_server() as server:
        await post.sender(server.port).send_due()
        assert [address for address, _ in server.taken] == [B]
        post.broken = False
        post.later(minutes=2)
        await post.sender(server.port).send_due()
        assert len(server.to(A)) == 1


async def test_a_receipt_too_large_for_mail_is_announced_and_not_attached(post: Post) -> None:
    facts = {
        "what": "A sample was submitted.",
        "component_code": "7552/C",
        "series": "June 2026",
        "centre_number": "64001",
        "when": "15 May 2026, 10:00",
        "receipt_id": "r1",
    }
    await post.queue(A, letter="receipt", facts=facts, receipt_ids=["r1"])
    post.files = [Enclosure("receipt.json", "application/json", b"x" * (6 << 20))]
    with running_mail_server() as server:
        await post.sender(server.port).send_due()
        (message,) = server.to(A)
    assert list(message.iter_attachments()) == []
    text = message.get_body(("plain",))
    assert text is not None
    assert "too large" in text.get_content()
    assert "https://nea.example/receipts/r1" in text.get_content()


async def test_the_sender_keeps_sending_and_comes_back_to_a_server_that_was_away(post: Post) -> None:
    with running_mail_server() as server:
        port = server.port
    await post.queue(A)
    task = asyncio.create_task(post.sender(port).keep())
    try:
        await asyncio.sleep(0)
        with running_mail_server(port=port) as server:
            await wait_for(lambda: len(server.taken) == 1)
            await post.queue(B)
            await wait_for(lambda: len(server.taken) == 2)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
