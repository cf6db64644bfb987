"""Whether everything the service stands on works, found by trying it: one line per thing, with what to do about it."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from repository import work
from repository.antivirus import ScanState
from repository.care import marks, scrubbing
from repository.documents import DocumentState
from repository.errors import SettingRefused
from repository.services import Services
from repository.tables import CareMark, DocumentRow, ScopeKeyRow, Work
from storage.backend import Backend
from storage.capabilities import Capabilities, capabilities
from storage.errors import KeyRefused, StorageError
from storage.vault import ScopeKey, Vault

GIB = 1024**3
DISK_LEAST_BYTES = 1 * GIB
DISK_LOW_BYTES = 10 * GIB
SKEW_WARNING = timedelta(minutes=1)
SKEW_LIMIT = timedelta(minutes=15)
"""Stores refuse signatures that are further off."""
READ_WITHIN = timedelta(days=30)
COLLECTED_WITHIN = timedelta(days=3)
WORK_WITHIN = timedelta(minutes=15)
PROBE_SCOPE = "care/doctor/probe"


class State(StrEnum):
    """How a thing is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried: how it is, and what a person does about it."""

    subject: str
    state: State
    says: str
    remedy: str = ""


def ok(subject: str, says: str) -> Check:
    """Return a check that passed."""
    return Check(subject, State.OK, says)


def failed(subject: str, says: str, remedy: str) -> Check:
    """Return a check that failed."""
    return Check(subject, State.FAILED, says, remedy)


def warning(subject: str, says: str, remedy: str) -> Check:
    """Return a check that passed with a reservation."""
    return Check(subject, State.WARNING, says, remedy)


async def require_fit_store(services: Services) -> Capabilities:
    """Try the store before the first request is accepted.

    Returns: what it can do.
    Raises: ``SettingRefused`` if it cannot be reached or lacks what the service cannot do without.
    """
    variable = "NEA_S3_BUCKET" if services.settings.s3 else "NEA_DATA_DIR"
    try:
        found = await asyncio.to_thread(capabilities, services.vault.backend, random=os.urandom)
    except StorageError as error:
        raise SettingRefused(
            f"The store named by {variable} does not work: {error.detail}", variable=variable
        ) from error
    lacking = _lacking(found)
    if lacking:
        raise SettingRefused(
            f"The store named by {variable} {lacking}. The service cannot start on it; see `nea doctor`.",
            variable=variable,
        )
    return found


def _lacking(found: Capabilities) -> str:
    """Return what a store does wrong that nobody can do without, or nothing."""
    faults = (
        (found.reads_after_write, "does not give back what was just written"),
        (found.reads_ranges, "does not give ranges"),
        (found.lists_all, "does not list everything"),
        (found.deletes, "does not delete"),
    )
    return " and ".join(says for passes, says in faults if not passes)


def store_checks(found: Capabilities) -> list[Check]:
    """Say what the self-test of a store means for the service."""
    lacking = _lacking(found)
    checks = [
        failed("store", f"The store {lacking}.", "Use another store: the service does not start on this one.")
        if lacking
        else ok("store", "writes, reads, ranges, heads, lists and deletes, and shows at once what was written")
    ]
    checks.append(
        ok("store: joining", "joins parts on its own side")
        if found.composes
        else warning(
            "store: joining",
            "does not join parts, so released documents stay in parts"
            + ("" if found.copies else ", copied through us"),
            "Nothing to do; releases cost more requests on this store.",
        )
    )
    unchecked = [
        name
        for name, refuses in (("SHA-256", found.refuses_wrong_checksum), ("MD5", found.refuses_wrong_md5))
        if refuses is False
    ]
    if unchecked:
        checks.append(
            warning(
                "store: transport",
                f"accepts bytes that do not match their {' or '.join(unchecked)}",
                "Documents are read back and verified before release all the same. Prefer a store that checks.",
            )
        )
    elif found.refuses_wrong_checksum:
        checks.append(ok("store: transport", "refuses bytes with a wrong SHA-256 or MD5"))
    checks += _shown("store: overwriting", found.refuses_overwrite, "keeps to If-None-Match", "ignores If-None-Match")
    if found.keeps_versions is False:
        checks.append(
            warning("store: versions", "no version protection", "Switch versioning on, or keep a replica elsewhere.")
        )
    elif found.keeps_versions:
        checks.append(ok("store: versions", "keeps old versions"))
    return checks + _shown("store: locks", found.locks_objects, "can lock objects", "no object lock (no WORM)")


def _shown(subject: str, has: bool | None, says: str, otherwise: str) -> list[Check]:
    # Nothing relies on these, so their absence is no reservation.
    return [] if has is None else [ok(subject, says if has else otherwise)]


async def clock_check(services: Services) -> Check:
    """Compare our clock with the store's."""
    ours = services.clock()
    theirs = await asyncio.to_thread(marks.store_clock, services.vault.backend)
    skew = max(abs(theirs - ours) - timedelta(seconds=2), timedelta(0))  # stores round to the second
    says = f"the store's clock differs by {_span(skew)}" if skew else "agrees with the store's"
    if skew > SKEW_WARNING:
        state = State.FAILED if skew > SKEW_LIMIT else State.WARNING
        return Check("clock", state, says, "Set this machine's clock by NTP; if it is right, the store's is wrong.")
    return ok("clock", says)


async def key_checks(services: Services) -> list[Check]:
    """Wrap and unwrap a fresh scope key, and unwrap one of the database under every root key version."""
    subject, vault = "keys", services.vault
    try:
        kid = await asyncio.to_thread(_round_trip, vault)
    except StorageError as error:
        return [failed(subject, error.detail, "Check the key provider's settings and that it can be reached.")]
    rows = await services.database.read(_one_per_version)
    checks = [ok(subject, f"wraps and unwraps under {kid}")]
    for row in rows:
        try:
            await asyncio.to_thread(vault.rewrap_scope_key, row)
        except KeyRefused:
            checks.append(
                failed(
                    "keys: older",
                    f"keys wrapped under {row.kid} do not open",
                    "This is not the key provider they were made with, or a version was retired too early. "
                    "Restore the key backup.",
                )
            )
        except StorageError as error:
            checks.append(failed("keys: older", error.detail, "Check that the key provider can be reached."))
    return checks


def _round_trip(vault: Vault) -> str:
    return vault.rewrap_scope_key(vault.new_scope_key(PROBE_SCOPE)).kid


def _one_per_version(session: Session) -> list[ScopeKey]:
    newest = (
        select(func.max(ScopeKeyRow.sk_id))
        .where(ScopeKeyRow.shredded_at.is_(None), ScopeKeyRow.blob != b"")
        .group_by(ScopeKeyRow.kid)
    )
    rows = session.scalars(select(ScopeKeyRow).where(ScopeKeyRow.sk_id.in_(newest)).order_by(ScopeKeyRow.kid))
    return [ScopeKey(row.sk_id, row.scope, row.kid, row.blob) for row in rows]


def sandbox_check(services: Services) -> Check:
    """Say how strangers' files are opened."""
    if services.inspection.sandbox:
        return ok("sandbox", "strangers' files are opened under bubblewrap")
    return warning(
        "sandbox",
        "strangers' files are opened in a child process without a sandbox",
        "Install bubblewrap, and allow unprivileged user namespaces.",
    )


async def program_checks(services: Services) -> list[Check]:
    """Say which kinds of files can be shown for which a program is needed."""
    found = await services.inspection.programs()
    packages = {
        "office": ("LibreOffice turns office documents into pages", "office documents are held: LibreOffice cannot be started",
                   "Install libreoffice-writer-nogui, libreoffice-calc-nogui and libreoffice-impress-nogui."),
        "recordings": ("ffmpeg makes recordings playable", "sound and film are held: ffmpeg cannot be started",
                       "Install ffmpeg."),
        "text": ("plain text is drawn onto pages", "text files are held: there is no font to draw them with",
                 "Install fonts-dejavu-core."),
    }  # fmt: skip
    return [
        ok(subject, works) if subject in found else warning(subject, lacks, remedy)
        for subject, (works, lacks, remedy) in packages.items()
    ]


async def antivirus_check(services: Services) -> Check:
    """Try the virus scanner: whether it can be believed."""
    found = await services.antivirus.examine()
    if found.state is ScanState.CLEAN:
        return ok("antivirus", f"{found.engine} finds the test string, plain and packed deep")
    if found.state is ScanState.NONE:
        return warning(
            "antivirus",
            "no virus scanner is configured: files are shown as “not virus-scanned”, as pictures of their pages only",
            "Install clamav-daemon and clamav-freshclam, and name the socket in NEA_CLAMD_SOCKET.",
        )
    return failed(
        "antivirus",
        f"the scanner cannot be believed: {found.why}. Files are held until it can.",
        "See infra/docs/antivirus.md; then what is held for it is scanned again by itself.",
    )


async def work_check(services: Services) -> Check:
    """Say how background work stands: what waits, and what was set aside for a person."""
    now = services.clock()
    found = await services.database.read(lambda session: work.standing(session, now))
    set_aside = await services.database.read(_set_aside)
    says = f"{found.waiting} pieces of work wait"
    if set_aside:
        return failed(
            "work",
            f"{says}; {set_aside} failed so often that they were set aside",
            "See “Held files” as an officer; the log says why they failed. Mend that, then inspect them again.",
        )
    if found.oldest_at is not None and now - found.oldest_at > WORK_WITHIN:
        return warning(
            "work",
            f"{says}, the oldest for {_span(now - found.oldest_at)}",
            "See whether `nea serve` or `nea work` runs, and start `nea work` on a further machine.",
        )
    return ok("work", says)


def _set_aside(session: Session) -> int:
    """Return how many documents wait for a person; of one that was withdrawn or replaced, nobody waits for anything."""
    waits = (DocumentState.HELD, DocumentState.RELEASED)
    counted = (
        select(func.count())
        .select_from(Work)
        .join(DocumentRow, DocumentRow.id == Work.subject_id)
        .where(Work.set_aside_at.is_not(None), DocumentRow.state.in_(waits))
    )
    return session.scalar(counted) or 0


def disk_check(folder: Path) -> Check:
    """Say how much room the data folder's disk has."""
    free = shutil.disk_usage(folder).free
    says = f"{free / GIB:.1f} GiB free in {folder}"
    if free >= DISK_LOW_BYTES:
        return ok("disk", says)
    return Check("disk", State.FAILED if free < DISK_LEAST_BYTES else State.WARNING, says, "Make room, or add a disk.")


async def care_checks(services: Services) -> list[Check]:
    """Say how care over time stands: the collector, what scrubs found, and what has not been read for long."""
    now = services.clock()
    off = await services.database.read(marks.collector_off)
    known, ran_at = await services.database.read(_runs)
    stored = await asyncio.to_thread(marks.runs_stored, services.vault.backend)
    since = await services.database.read(scrubbing.oldest_unread_since)
    faults = await services.database.read(scrubbing.faults)
    return [_collector(off, marks.same_age(known, stored), ran_at, now), _faults(faults), _oldest(since, now)]


def _runs(session: Session) -> tuple[int, datetime | None]:
    row = session.get(CareMark, marks.RUNS)
    return marks.runs_known(session), row.changed_at if row else None


def _collector(off: marks.CollectorOff | None, same_age: bool, ran_at: datetime | None, now: datetime) -> Check:
    subject = "collector"
    if off is not None or not same_age:
        reason = off.reason if off else marks.DIFFERENT_AGE
        return warning(subject, f"off: {reason}", "Run `nea reconcile`; when it passes, the collector is on again.")
    if ran_at is None:
        return ok(subject, "on; it has not run yet")
    says = f"on; last run {_span(now - ran_at)} ago"
    if now - ran_at > COLLECTED_WITHIN:
        return warning(subject, says, "Run `nea gc`; the service does so nightly unless something stops it.")
    return ok(subject, says)


def _faults(faults: Mapping[str, int]) -> Check:
    if not faults:
        return ok("objects", "no damage known")
    counted = ", ".join(f"{count} × {mark}" for mark, count in sorted(faults.items()))
    return failed("objects", f"damaged: {counted}", "See infra/docs/care.md; restore them, then `nea scrub`.")


def _oldest(since: datetime | None, now: datetime) -> Check:
    if since is None:
        return ok("scrub", "no objects yet")
    says = f"every object was read within {_span(now - since)}"
    if now - since > READ_WITHIN:
        return warning("scrub", f"an object has not been read for {_span(now - since)}", "Run `nea scrub`.")
    return ok("scrub", says)


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} seconds"


def probe(backend: Backend) -> list[Check]:
    """Try a store, with no retries around it, and say what was found."""
    try:
        return store_checks(capabilities(backend, random=os.urandom))
    except StorageError as error:
        return [failed("store", error.detail, "Check the store's address, bucket, keys, permissions and free room.")]
