"""Sending what is queued, over SMTP, one message after the other on one connection.

What the server says about a message is kept with it; what it says about us (it is away, our password is wrong, its
certificate is not one we trust) is kept once, and the whole queue waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import aiosmtplib
from aiosmtplib import SMTP
from sqlalchemy.orm import Session

from repository.database import Database
from repository.mail import records
from repository.mail.composing import Enclosure, compose
from repository.mail.letters import write
from repository.mail.records import Claimed
from repository.settings import MailSettings

logger = logging.getLogger(__name__)

STEP_SECONDS = 30.0
"""So long one answer of the server may take."""
MESSAGE_SECONDS = 120.0
"""So long one message may take in all, however slowly the server answers."""
LOOK_SECONDS = 2.0
FIRST_PAUSE_SECONDS = 5.0
LAST_PAUSE_SECONDS = 300.0
ENCLOSURES_LIMIT_BYTES = 5 * 1024 * 1024
PROOF_WAIT = timedelta(hours=1)
"""So long a receipt waits for its proof from the log before it goes without."""
PROOF_LOOK = timedelta(seconds=5)
HANG_UP_SECONDS = 5.0
TO_FETCH = {"receipt": "receipt-to-fetch"}
"""The letter that is sent instead where the files are too large for mail."""
ABOUT_US = frozenset({502, 503, 504, 530, 534, 535, 538})
"""Replies that say something about us or about the connection, not about the message (RFC 5321, RFC 4954)."""
SERVICE_CLOSING = 421

Enclose = Callable[[str], Awaitable[tuple[Sequence[Enclosure], bool]]]
"""Receipt → the files that go along, and whether they are complete."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long the server may take, in seconds."""

    step: float = STEP_SECONDS
    message: float = MESSAGE_SECONDS
    look: float = LOOK_SECONDS
    first_pause: float = FIRST_PAUSE_SECONDS


class ServerAway(Exception):
    """The mail server cannot be used: nothing is wrong with any message."""


class PutOff(Exception):
    """The server did not take this message now. ``ended`` says that the connection is of no more use."""

    def __init__(self, reply: str, *, ended: bool = False) -> None:
        super().__init__(reply)
        self.ended = ended


class Refused(Exception):
    """The server will never take this message."""


class Sender:
    """Sends what is queued.

    Takes: ``enclose``, which makes the files of a receipt.
    """

    def __init__(
        self,
        settings: MailSettings,
        base_url: str,
        database: Database,
        clock: Callable[[], datetime],
        enclose: Enclose,
        limits: Limits | None = None,
    ) -> None:
        self._settings = settings
        self._base_url = base_url
        self._database = database
        self._clock = clock
        self._enclose = enclose
        self._limits = limits or Limits()

    async def keep(self) -> None:
        """Send for ever what is due; ends when cancelled. A server that is away is asked again at growing intervals."""
        pause = 0.0
        task = asyncio.current_task()
        # A cancellation that arrives while a line is being ended can be lost there; it must not keep the service from stopping.
        while task is None or not task.cancelling():
            try:
                trouble = None
                if await self._database.read(lambda s: records.is_due(s, self._clock())):
                    trouble = await self.send_due()
                pause = min(max(pause * 2, self._limits.first_pause), LAST_PAUSE_SECONDS) if trouble else 0.0
            except Exception:
                # Mail that is queued must go out some day, whatever went wrong today.
                logger.exception("mail: the queue could not be worked on")
                pause = self._limits.first_pause
            await asyncio.sleep(pause or self._limits.look)
        raise asyncio.CancelledError

    async def send_due(self) -> str | None:
        """Send everything that is due; returns why the server could not be used, or None."""
        line: SMTP | None = None
        try:
            while (claimed := await self._database.write(self._claim)) is not None:
                try:
                    enclosures, complete = await self._enclosures(claimed)
                except Exception:
                    # One message whose files cannot be made must not keep the others from going.
                    logger.exception("mail: the files of a message could not be made")
                    words = "The files that go along could not be made."
                    await self._note(records.note_put_off, claimed, now=self._clock(), reply=words)
                    continue
                if not complete and self._clock() - claimed.created_at < PROOF_WAIT:
                    await self._note(records.give_back, claimed, available_at=self._clock() + PROOF_LOOK)
                    continue
                try:
                    line = line or await self._connect()
                except ServerAway as error:
                    await self._note(records.give_back, claimed, available_at=self._clock())
                    return await self._trouble(str(error))
                try:
                    reply = await self._transmit(line, claimed, enclosures)
                except Refused as error:
                    await self._note(records.note_refused, claimed, now=self._clock(), reply=str(error))
                except PutOff as error:
                    await self._note(records.note_put_off, claimed, now=self._clock(), reply=str(error))
                    if error.ended:
                        return await self._trouble(str(error))
                else:
                    await self._note(records.note_sent, claimed, now=self._clock(), reply=reply)
            return await self._trouble(None) if line else None
        finally:
            if line is not None:
                await _hang_up(line)

    async def examine(self) -> str | None:
        """Try the server without sending anything; returns why it could not be used, or None."""
        try:
            line = await self._connect()
        except ServerAway as error:
            return str(error)
        await _hang_up(line)
        return None

    def _claim(self, session: Session) -> Claimed | None:
        return records.claim(session, self._clock(), self._settings.sender.rpartition("@")[2])

    async def _note(self, note: Callable[..., None], claimed: Claimed, **facts: object) -> None:
        # What happened to a message is noted even if we are told to stop right now, lest it be sent twice.
        await asyncio.shield(self._database.write(lambda session: note(session, claimed, **facts)))

    async def _trouble(self, reason: str | None) -> str | None:
        if reason is not None:
            logger.warning("mail: the mail server cannot be used")
        await self._database.write(lambda session: records.note_server(session, reason, self._clock()))
        return reason

    async def _enclosures(self, claimed: Claimed) -> tuple[list[Enclosure], bool]:
        made = [await self._enclose(receipt_id) for receipt_id in claimed.receipt_ids]
        return [one for files, _ in made for one in files], all(complete for _, complete in made)

    async def _connect(self) -> SMTP:
        settings = self._settings
        tls = settings.tls
        line = SMTP(
            hostname=settings.host,
            port=settings.port,
            timeout=self._limits.step,
            use_tls=tls == "implicit",
            start_tls=tls == "starttls",  # with it, a server that does not offer it is not used at all
            tls_context=_trust(settings.ca_file) if tls != "none" else None,
            username=settings.user or None,
            password=settings.password or None,
        )
        try:
            async with asyncio.timeout(self._limits.message):
                await line.connect()
        except ssl.SSLCertVerificationError as error:
            raise ServerAway(f"Its certificate is not one we trust: {error.verify_message}.") from error
        except aiosmtplib.SMTPAuthenticationError as error:
            raise ServerAway(f"It refused our name and password ({_reply(error)}).") from error
        except aiosmtplib.SMTPResponseException as error:
            raise ServerAway(_reply(error)) from error
        except TimeoutError as error:
            raise ServerAway("It did not answer in time.") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise ServerAway(f"It cannot be reached: {_said(error)}") from error
        return line

    async def _transmit(self, line: SMTP, claimed: Claimed, enclosures: Sequence[Enclosure]) -> str:
        """Hand one message over; returns what the server answered."""
        letter = claimed.letter
        if sum(len(one.data) for one in enclosures) > ENCLOSURES_LIMIT_BYTES:
            enclosures, letter = (), TO_FETCH.get(letter, letter)
        try:
            message = compose(
                write(letter, claimed.facts, self._base_url),
                sender=self._settings.sender,
                to=claimed.to_address,
                message_id=claimed.message_id,
                sent_at=claimed.created_at,
                enclosures=enclosures,
            )
        except (ValueError, KeyError) as error:
            raise Refused("The message could not be written.") from error
        try:
            async with asyncio.timeout(self._limits.message):
                _, reply = await line.sendmail(self._settings.sender, [claimed.to_address], message.as_bytes())
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _judged(error.recipients[0]) from error
        except aiosmtplib.SMTPSenderRefused as error:
            raise PutOff(_reply(error), ended=True) from error  # our own address is wrong, not this message
        except aiosmtplib.SMTPResponseException as error:
            raise _judged(error) from error
        except TimeoutError as error:
            raise PutOff("The server did not answer in time.", ended=True) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise PutOff(f"The connection broke: {_said(error)}", ended=True) from error
        return reply


def _judged(error: aiosmtplib.SMTPResponseException) -> PutOff | Refused:
    """Return what a reply means: 5xx is for good, except for what is said of us; anything else is for now."""
    if 500 <= error.code < 600 and error.code not in ABOUT_US:
        return Refused(_reply(error))
    return PutOff(_reply(error), ended=error.code in ABOUT_US or error.code == SERVICE_CLOSING)


def _reply(error: aiosmtplib.SMTPResponseException) -> str:
    return f"{error.code} {' '.join(str(error.message).split())}"


def _said(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def _hang_up(line: SMTP) -> None:
    with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
        if line.is_connected:
            await line.quit(timeout=HANG_UP_SECONDS)
    line.close()
