"""Whether mail goes out: the server is tried, nothing is sent; and how many messages will not arrive."""

from __future__ import annotations

from repository.care.health import Check, failed, ok, warning
from repository.mail import records
from repository.mail.queueing import FAILED
from repository.mail.sending import Sender
from repository.services import Services

SUBJECT = "mail"


async def mail_checks(services: Services, sender: Sender | None) -> list[Check]:
    """Try the mail server, as sending would; ``sender`` is None where no mail is sent."""
    if sender is None:
        return [ok(SUBJECT, "none is sent: receipts, reminders and notices are shown in the service only")]
    trouble = await sender.examine()
    if trouble is not None:
        remedy = "Start it, or correct the NEA_MAIL_ settings. What is queued waits and is not lost."
        return [failed(SUBJECT, trouble, remedy)]
    figures = await services.database.read(records.figures)
    lost = sum(figures.counts[state] for state in FAILED)
    if lost:
        return [
            warning(SUBJECT, f"{lost} messages did not arrive", "See which on the page /mail, and correct the address.")
        ]
    return [ok(SUBJECT, "the mail server answers and takes our name and password")]
