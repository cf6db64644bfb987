"""The links of the header: a person sees those that the policy gives an entry, under menus where they are many."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from types import MappingProxyType

from repository.access import Action, Actor, Role, scope_of

MANY = 9
"""So many links still stand side by side."""
NAVIGATION: tuple[tuple[Action, str, str], ...] = (
    (Action.HOME, "/", "Home"),
    (Action.READINESS_READ, "/readiness", "What is missing"),
    (Action.MARKS_READ, "/cases", "Marks and samples"),
    (Action.WORKLIST_READ, "/worklist", "Worklist"),
    (Action.CHECK_LIST, "/checks", "Checks"),
    (Action.STANDARDISATION, "/standardisation", "Standardisation"),
    (Action.HELD_READ, "/held-files", "Held files"),
    (Action.OUTSTANDING_READ, "/outstanding", "Outstanding"),
    (Action.EXTENSION_GRANT, "/requests", "Requests"),
    (Action.MESSAGE_READ, "/messages", "Messages"),
    (Action.SITTING_READ, "/scripts", "Exam scripts"),
    (Action.PACKET_WRITE, "/despatch-log", "Despatch log"),
    (Action.TRACKING_EVENT, "/tracking", "Tracking station"),
    (Action.BUNDLE_WRITE, "/scans", "Scans"),
    (Action.RESULTS_READ, "/results", "Results"),
    (Action.REVIEW_READ, "/reviews", "Reviews"),
    (Action.HOLD_READ, "/holds", "Holds"),
    (Action.SAFEGUARDING_READ, "/safeguarding", "Safeguarding"),
    (Action.CONFLICT_DECLARE, "/conflicts", "Conflicts of interest"),
    (Action.REFERENCE_IMPORT, "/series", "Series data"),
    (Action.RULES_WRITE, "/rules", "Sample rules"),
    (Action.ENTRIES_IMPORT, "/imports", "Import files"),
    (Action.EXPORT_READ, "/exports", "Download files"),
    (Action.RECEIPT_READ, "/receipts", "Receipts"),
    (Action.WHO_LOOKED, "/who-looked", "Who looked"),
    (Action.AUDIT_READ, "/audit", "Audit log"),
    (Action.MAIL_READ, "/mail", "Mail"),
    (Action.PEOPLE_READ_CENTRE, "/staff", "Staff"),
    (Action.PEOPLE_READ_BODY, "/people", "People"),
    (Action.CONTACTS_READ, "/contacts", "Contacts"),
    (Action.TOKEN_READ, "/tokens", "School systems"),
    (Action.PRACTICE, "/practice", "Practice"),
)
MENU_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "/readiness": "Coursework",
        "/cases": "Coursework",
        "/standardisation": "Coursework",
        "/held-files": "Coursework",
        "/outstanding": "Coursework",
        "/requests": "Coursework",
        "/scripts": "Exam scripts",
        "/despatch-log": "Exam scripts",
        "/results": "Results",
        "/reviews": "Results",
        "/holds": "Concerns",
        "/safeguarding": "Concerns",
        "/conflicts": "Concerns",
        "/series": "Files and data",
        "/rules": "Files and data",
        "/imports": "Files and data",
        "/exports": "Files and data",
        "/receipts": "Records",
        "/who-looked": "Records",
        "/audit": "Records",
        "/mail": "Records",
        "/staff": "People",
        "/people": "People",
        "/contacts": "People",
        "/tokens": "People",
    }
)
"""The menu under which a link stands for who has many; those of one menu follow each other above."""
NOT_FOR: frozenset[tuple[Role, str]] = frozenset(
    (role, "/cases") for role in (Role.MODERATOR, Role.TEAM_LEADER, Role.PRINCIPAL_MODERATOR)
)
"""A moderator reaches cases through the worklist, and who checks moderators through the list of checks."""


def entries(actor: Actor, path: str) -> list[dict[str, object]]:
    """Return the entries of the header for somebody who looks at a path.

    Returns: links (``href``, ``text``, ``current``) and menus of links (``text``, ``current``, ``links``), in order.
    """
    links: list[dict[str, object]] = [
        {"href": href, "text": text, "current": path == href or (href != "/" and path.startswith(href))}
        for action, href, text in NAVIGATION
        if scope_of(actor, action) is not None and (actor.role, href) not in NOT_FOR
    ]
    if len(links) <= MANY:
        return links
    found: list[dict[str, object]] = []
    for title, members in groupby(links, key=lambda link: MENU_TITLES.get(str(link["href"]))):
        several = list(members)
        if title is None or len(several) == 1:
            found += several
        else:
            current = any(link["current"] for link in several)
            found.append({"text": title, "current": current, "links": several})
    return found
