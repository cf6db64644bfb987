"""What the service writes, in plain words: each letter once, for all who get it.

A letter has places for facts, and takes those facts and no others. Subjects are the same for everybody but for the code
of a component, since a subject is shown on locked telephones and kept in the logs of mail servers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter

Facts = Mapping[str, str | int | list[str]]
LINES = "lines"
"""The one fact that is a list: it stands as a list after the paragraph that is ``{lines}``."""
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9/ _.-]{0,19}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Letter:
    """What is written.

    ``link`` is a path in this service and the words of the link to it. ``always`` says that the letter is sent whatever
    else was sent that day. ``forgets`` says that its facts are erased once it is sent, because a link in it is a secret.
    """

    subject: str
    paragraphs: tuple[str, ...]
    link: tuple[str, str] | None = None
    always: bool = False
    forgets: bool = False

    @property
    def wants(self) -> frozenset[str]:
        """Return the names of the facts that it takes."""
        texts = (self.subject, *self.paragraphs, *(self.link or ()))
        return frozenset(name for text in texts for _, name, _, _ in Formatter().parse(text) if name)


SECURITY_END = (
    "If this was you, there is nothing to do. If it was not you, tell your exams officer or the awarding body at once."
)
IN_SERVICE = "Please sign in to the service to see more. For safety, this message does not say more."

LETTERS: Mapping[str, Letter] = {
    "receipt": Letter(
        "Receipt for component {component_code}",
        (
            "{what} Component {component_code}, {series}, centre {centre_number}.",
            "Recorded at {when} (UK time). Receipt {receipt_id}.",
            "Two files are attached: the PDF is for reading, the JSON file is the proof. Keep both with your records. "
            "Anyone can check the JSON file without this service, with the checking page that you can download from it.",
        ),
        ("/receipts/{receipt_id}", "Open the receipt"),
        always=True,
    ),
    "receipts": Letter(
        "Receipts for component {component_code}",
        (
            "Files of component {component_code}, {series}, centre {centre_number}, arrived late or were withdrawn. "
            "Each has a receipt:",
            "{lines}",
            "The receipts are attached: the PDF files are for reading, the JSON files are the proof. Keep them with your "
            "records.",
        ),
        ("/cases/{case_id}/receipts", "See all receipts of this component"),
        always=True,
    ),
    "receipt-to-fetch": Letter(
        "Receipt for component {component_code}",
        (
            "{what} Component {component_code}, {series}, centre {centre_number}.",
            "Recorded at {when} (UK time). Receipt {receipt_id}.",
            "The receipt is too large to send by mail. Please sign in and download it.",
        ),
        ("/receipts/{receipt_id}", "Open the receipt"),
        always=True,
    ),
    "reminders": Letter(
        "Reminder: work of your centre is due",
        (
            "Centre {centre_number} still has to send:",
            "{lines}",
            "What was sent since this message was written is not counted.",
        ),
        ("/", "See what is due"),
    ),
    "sample-requested": Letter(
        "A sample is asked for, component {component_code}",
        (
            "The sample for component {component_code}, {series}, centre {centre_number}, has been chosen. "
            "It is due by {due} (UK time).",
            IN_SERVICE,
        ),
        ("/cases/{case_id}/sample", "See whose work is asked for"),
    ),
    "more-work-requested": Letter(
        "More work is asked for, component {component_code}",
        (
            "The moderator asks for more work of component {component_code}, {series}, centre {centre_number}. "
            "It is due by {due} (UK time).",
            IN_SERVICE,
        ),
        ("/cases/{case_id}/sample", "See whose work is asked for"),
    ),
    "results-released": Letter(
        "Results are ready",
        ("Results of {series} have been released for centre {centre_number}.", IN_SERVICE),
        ("/results", "Open the results"),
    ),
    "script-alarm": Letter(
        "Exam scripts have not arrived",
        (
            "Scripts of centre {centre_number} have not been seen where they should be by now:",
            "{lines}",
            "Please look for them today: in the despatch log, on the register and in the secure room, and ask the person "
            "who witnessed the sealing. Then write in the service what you found, even if it is nothing.",
        ),
        ("/script-cases", "See what is asked of you"),
        always=True,
    ),
    "script-alarm-owner": Letter(
        "Exam scripts: cases that have become urgent",
        ("These cases of exam scripts are with you or your team:", "{lines}", IN_SERVICE),
        ("/script-cases?mine=yes", "Open the cases"),
    ),
    "script-located": Letter(
        "An exam script has been found, component {component_code}",
        (
            "A script of component {component_code}, centre {centre_number}, that had been declared missing has been found. "
            "Its case is closed, and its history is kept.",
            IN_SERVICE,
        ),
        ("/script-cases/{case_id}", "Open the case"),
        always=True,
    ),
    "messages": Letter(
        "New messages about moderation",
        ("New messages are waiting for you in the service, about work that you have to do with.", IN_SERVICE),
        ("/messages", "Read the messages"),
    ),
    "safeguarding": Letter(
        "Urgent: something waits for an officer",
        (
            "Somebody who reads candidates’ work has reported something that an officer of the awarding body must look "
            "at now.",
            IN_SERVICE,
        ),
        ("/safeguarding", "See what was reported"),
        always=True,
    ),
    "more-notices": Letter(
        "More has happened today",
        (
            "More notices are waiting for you than are sent by mail in one day. Nothing is lost: the service shows them all.",
        ),
        ("/", "Open the service"),
    ),
    "security-notice": Letter(
        "Security notice about your sign-in",
        ("{what}", "When: {when}.", SECURITY_END),
        always=True,
    ),
    "centre-security-notice": Letter(
        "Security notice for your centre",
        (
            "{what} Centre {centre_number}.",
            "When: {when} (UK time).",
            "If you expected this, there is nothing to do. If not, tell the awarding body at once.",
        ),
        ("/staff", "See the staff of your centre"),
        always=True,
    ),
    "invitation": Letter(
        "You are invited to the NEA Repository",
        (
            "You are invited to use the NEA Repository. The link below works once, until {expires} (UK time), "
            "and only together with what you were told in another way.",
        ),
        ("{path}", "Accept the invitation"),
        always=True,
        forgets=True,
    ),
    "reset": Letter(
        "Reset your sign-in",
        (
            "A reset of your sign-in to the NEA Repository was opened. The link below works once, until {expires} "
            "(UK time), and only together with a code that is not in this message: the one you were told in another way, "
            "or one of your recovery codes.",
            SECURITY_END,
        ),
        ("{path}", "Reset your sign-in"),
        always=True,
        forgets=True,
    ),
    "contact-code": Letter(
        "Does mail arrive here?",
        (
            "Centre {centre_number} named this address as a contact for notices of the NEA Repository. To show that mail "
            "arrives, its exams officer enters this code in the service: {code}.",
            "The code opens nothing. If you do not know the centre, ignore this message.",
        ),
        always=True,
        forgets=True,
    ),
}


@dataclass(frozen=True, slots=True)
class Written:
    """A letter with its facts filled in, as text and as a simple page of HTML."""

    subject: str
    text: str
    html: str


def check(name: str, facts: Facts) -> None:
    """Raise ``ValueError`` unless there is such a letter, and these are the facts that it takes."""
    letter = LETTERS.get(name)
    if letter is None:
        raise ValueError(f"there is no letter {name!r}")
    if letter.wants != facts.keys():
        raise ValueError(f"the letter {name!r} takes {sorted(letter.wants)}, not {sorted(facts)}")
    code = facts.get("component_code")
    if code is not None and not _CODE.fullmatch(str(code)):
        raise ValueError("the code of a component stands in the subject and must be one")


def write(name: str, facts: Facts, base_url: str) -> Written:
    """Return a letter with its facts filled in; links lead to ``base_url``."""
    from html import escape

    letter = LETTERS[name]
    plain = {key: _one_line(value) for key, value in facts.items() if not isinstance(value, list)}
    listed = facts.get(LINES, [])
    lines = [_one_line(line) for line in listed] if isinstance(listed, list) else []
    texts, pages = [], []
    for paragraph in letter.paragraphs:
        if paragraph == "{lines}":
            texts.append("\n".join(f"- {line}" for line in lines))
            pages.append("<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>")
        else:
            texts.append(paragraph.format_map(plain))
            pages.append(f"<p>{escape(texts[-1])}</p>")
    if letter.link is not None:
        address = base_url + letter.link[0].format_map(plain)
        texts.append(f"{letter.link[1]}:\n{address}")
        pages.append(f'<p><a href="{escape(address)}">{escape(letter.link[1])}</a></p>')
    closing = "This message was sent by the NEA Repository. Answers to it are not read."
    texts.append(closing)
    pages.append(f"<p>{closing}</p>")
    subject = letter.subject.format_map(plain)
    html = f'<!doctype html><html lang="en-GB"><meta charset="utf-8"><title>{escape(subject)}</title>{"".join(pages)}</html>'
    return Written(subject, "\n\n".join(texts) + "\n", html)


def _one_line(value: object) -> str:
    return _CONTROL.sub(" ", str(value)).strip()
