"""Acts on sites: the places of ours where packets are scanned, and to which of them the packets of a component go."""

from __future__ import annotations

import re
from dataclasses import dataclass
from zoneinfo import available_timezones

from sqlalchemy import select
from sqlalchemy.orm import Session

from repository import access, audit
from repository.access import Action
from repository.acts.cases import actor_of
from repository.audit import Context
from repository.errors import FieldRefused
from scripts.labels import COMPONENT
from scripts.tables import Site, SiteRoute

CODE = re.compile(r"[A-Z0-9][A-Z0-9\-]{0,19}")
BODY = re.compile(r"[0-9A-Z]{2}")
KINDS = ("scanning", "hub", "centre")
"""A scanning site opens packets, a hub passes them on; a centre is a place of theirs that is tracked as one of ours."""
SCANNING = "scanning"


@dataclass(frozen=True, slots=True)
class SitesView:
    """Every site, those out of use too, and every route."""

    sites: tuple[Site, ...]
    routes: tuple[SiteRoute, ...]


def listed(session: Session, context: Context) -> SitesView:
    """Return every site and every route."""
    access.require(actor_of(context), Action.SITTING_OPEN)
    order = (SiteRoute.awarding_body, SiteRoute.component_code)
    return SitesView(
        tuple(session.scalars(select(Site).order_by(Site.is_active.desc(), Site.name, Site.code))),
        tuple(session.scalars(select(SiteRoute).order_by(*order))),
    )


def save(
    session: Session, context: Context, *, code: str, name: str, kind: str, time_zone: str, is_active: bool
) -> Site:
    """Add a site, or change the one that has this code; a site is never removed, as events name it.

    Raises: ``FieldRefused`` naming the field; also for a site to which a route leads, taken out of use or made a hub.
    """
    access.require(actor_of(context), Action.SITTING_OPEN)
    if CODE.fullmatch(code) is None:
        raise FieldRefused("The code of a site has 1 to 20 capital letters, digits and hyphens.", field="code")
    if not name.isprintable():
        raise FieldRefused("The name of a site is written in letters, digits and spaces.", field="name")
    if kind not in KINDS:
        raise FieldRefused("Choose what kind of site it is.", field="kind")
    if time_zone not in available_timezones():
        raise FieldRefused("The time zone is a name such as Europe/London.", field="time_zone")
    routed = session.scalar(select(SiteRoute.awarding_body).where(SiteRoute.site_code == code).limit(1))
    if routed is not None and (kind != SCANNING or not is_active):
        raise FieldRefused("Packets are sent to this site. Send them to another one first, below.", field="code")
    row = session.get(Site, code)
    if row is None:
        row = Site(code=code)
        session.add(row)
    row.name, row.kind, row.time_zone, row.is_active = name, kind, time_zone, is_active
    session.flush()
    audit.record(session, context, "site.save", "site", code, kind=kind, in_use=is_active)
    return row


def set_route(session: Session, context: Context, *, awarding_body: str, component_code: str, site_code: str) -> None:
    """Say to which scanning site the packets of a component go, or of all others of an awarding body (an empty code).

    Takes: ``site_code`` empty: nothing is laid down any more.
    Raises: ``FieldRefused`` naming the field.
    """
    access.require(actor_of(context), Action.SITTING_OPEN)
    if BODY.fullmatch(awarding_body) is None:
        raise FieldRefused("An awarding body is two characters, such as 01.", field="body")
    if component_code and COMPONENT.fullmatch(component_code) is None:
        raise FieldRefused("A component code is at most 12 letters, digits, / or -.", field="component")
    site = session.get(Site, site_code) if site_code else None
    if site_code and (site is None or site.kind != SCANNING or not site.is_active):
        raise FieldRefused("Choose a scanning site that is in use.", field="site")
    row = session.get(SiteRoute, (awarding_body, component_code))
    if site is None:
        if row is not None:
            session.delete(row)
    elif row is None:
        session.add(SiteRoute(awarding_body=awarding_body, component_code=component_code, site_code=site.code))
    else:
        row.site_code = site.code
    session.flush()
    subject = f"{awarding_body}/{component_code or '*'}"
    audit.record(session, context, "site.route", "awarding_body", subject, site=site_code)
