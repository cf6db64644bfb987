"""A message as it goes over the line. Headers are made by the standard library, which refuses what would end one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from repository.mail.letters import Written

SENDER_NAME = "NEA Repository"


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A file that goes along."""

    name: str
    media_type: str
    data: bytes


def compose(
    written: Written, *, sender: str, to: str, message_id: str, sent_at: datetime, enclosures: Iterable[Enclosure] = ()
) -> EmailMessage:
    """Return the message: plain text, the same as HTML, and the files that go along.

    Raises: ``ValueError`` for an address or a subject that would end its header.
    """
    message = EmailMessage(policy=policy.SMTP.clone(cte_type="7bit"))
    message["From"] = Address(SENDER_NAME, addr_spec=sender)
    message["To"] = Address(addr_spec=to)
    message["Subject"] = written.subject
    message["Date"] = format_datetime(sent_at)
    message["Message-ID"] = message_id
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: so that no machine answers it
    message.set_content(written.text)
    message.add_alternative(written.html, subtype="html")
    for one in enclosures:
        main, _, sub = one.media_type.partition("/")
        message.add_attachment(one.data, maintype=main, subtype=sub, filename=one.name)
    return message
