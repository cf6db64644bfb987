"""Terms of post-results services as data: windows, clocks, fees and consent for each awarding body, series and service."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any

from moderation.errors import TermsInvalid
from moderation.review import Consent, Finding, Refusal, Service, Trigger
from moderation.working_days import LONDON, due_after_calendar_days, end_of_day

ANY = "*"
DAYS_LIMIT = 400
PENCE_LIMIT = 10_000_00


@dataclass(frozen=True, slots=True)
class ServiceTerms:
    """On what terms a service is offered.

    Takes: ``awarding_body`` (two characters) and ``series`` (key) for which they hold, ``*`` for every;
    ``fee_pence``, or ``None`` where no fee is known; ``clock_days`` in calendar days from ``clock_trigger``, or
    ``None`` where no target is published; ``opens_days`` and ``window_days``, calendar days after results are out for
    the centre (after the outcome complained of, for an appeal), or ``closes_on``, a date of the series;
    ``window_days_with_reasons``, where reasons were asked for; ``levels`` for which a priority review is offered;
    ``keep_consent_months``, how long a consent is kept after the outcome.
    Source: each row's own ``source``; ``verified`` says whether that source was seen.
    """

    awarding_body: str
    series: str
    service: Service
    version: int
    fee_pence: int | None
    consent: Consent
    consent_wording: str
    clock_days: int | None
    clock_trigger: Trigger
    window_days: int
    source: str
    verified: bool
    opens_days: int = 0
    closes_on: date | None = None
    window_days_with_reasons: int | None = None
    levels: tuple[str, ...] = ()
    keep_consent_months: int = 6

    def __post_init__(self) -> None:
        name = f"Service {self.service} of {self.awarding_body}, {self.series}"
        days = (self.window_days, self.opens_days, self.clock_days or 0, self.window_days_with_reasons or 0)
        if any(not 0 <= one <= DAYS_LIMIT for one in days) or self.opens_days > self.window_days:
            raise TermsInvalid(f"{name}: a number of days lies outside 0 to {DAYS_LIMIT}, or opens after it closes.")
        if self.fee_pence is not None and not 0 <= self.fee_pence <= PENCE_LIMIT:
            raise TermsInvalid(f"{name}: the fee must be from 0 to {PENCE_LIMIT} pence.")
        if self.version < 1 or not 6 <= self.keep_consent_months <= 120:
            raise TermsInvalid(f"{name}: the version starts at 1, and a consent is kept for 6 to 120 months.")
        if self.consent is not Consent.NONE and not self.consent_wording.strip():
            raise TermsInvalid(f"{name}: the wording of the consent is missing.")
        if self.closes_on is not None and self.series == ANY:
            raise TermsInvalid(f"{name}: a closing date belongs to one series.")

    def opens_at(self, out_at: datetime) -> datetime:
        """Return from when the service can be asked for.

        Takes: ``out_at``, when results, or the outcome complained of, were out for the centre.
        """
        if not self.opens_days:
            return out_at
        return end_of_day(out_at.astimezone(LONDON).date() + timedelta(days=self.opens_days)) + timedelta(seconds=1)

    def closes_at(self, out_at: datetime, *, reasons_asked: bool = False) -> datetime:
        """Return the last instant at which the service can be asked for: 23:59:59 in London of the last day."""
        if self.closes_on is not None:
            return end_of_day(self.closes_on)
        days = self.window_days
        if reasons_asked and self.window_days_with_reasons is not None:
            days = self.window_days_with_reasons
        return due_after_calendar_days(out_at, days)

    def why_not_now(self, out_at: datetime, now: datetime, *, reasons_asked: bool = False) -> Refusal | None:
        """Return whether the window is shut, or ``None``."""
        if now < self.opens_at(out_at):
            return Refusal.WINDOW_NOT_OPEN
        return Refusal.WINDOW_CLOSED if now > self.closes_at(out_at, reasons_asked=reasons_asked) else None

    def due_at(self, trigger_at: datetime) -> datetime | None:
        """Return by when the outcome is due: calendar days, day 0 that of the trigger, 23:59:59 in London.

        Source: days as ``source`` says; counting is project policy.
        """
        return None if self.clock_days is None else due_after_calendar_days(trigger_at, self.clock_days)

    def as_json(self) -> dict[str, Any]:
        """Return the terms as they are written in a file."""
        row: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        row["closes_on"] = None if self.closes_on is None else self.closes_on.isoformat()
        row["levels"] = list(self.levels)
        return {
            name: value.value if isinstance(value, Service | Consent | Trigger) else value
            for name, value in row.items()
        }


def is_fee_due(service: Service, finding: Finding, *, grade_changed: bool) -> bool:
    """Say whether the fee is charged: none where the grade changes, or where the centre's marks are reinstated.

    Source: JCQ-board terms as restated by boards (copy); OCR service 3. An appeal that is allowed costs nothing:
    project policy.
    """
    if finding in {Finding.CENTRE_MARKS_REINSTATED, Finding.APPEAL_ALLOWED}:
        return False
    return service is Service.REVIEW_OF_MODERATION or not grade_changed


def load_terms(text: str) -> tuple[ServiceTerms, ...]:
    """Return the terms written in a JSON text; raises ``TermsInvalid`` naming the row and what is wrong with it."""
    try:
        rows = json.loads(text)["terms"]
        if not isinstance(rows, list) or not rows:
            raise TermsInvalid("The file holds no terms: `terms` must be a list with at least one row.")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise TermsInvalid(f"The terms of services cannot be read: {error}") from error
    found = tuple(terms_from(row, f"Row {number}") for number, row in enumerate(rows, 1))
    keys = [(one.awarding_body, one.series, one.service) for one in found]
    if len(set(keys)) != len(keys):
        raise TermsInvalid("Two rows are about the same awarding body, series and service. Keep one of them.")
    return found


def terms_from(row: Any, place: str = "The row") -> ServiceTerms:
    """Return one row of terms; raises ``TermsInvalid``."""
    try:
        if not isinstance(row, Mapping):
            raise TypeError("it is not an object")
        values = dict(row)
        for name in ("clock_days", "window_days", "opens_days", "window_days_with_reasons", "fee_pence", "version"):
            value = values.get(name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
                raise TypeError(f"{name} must be a whole number")
        for name in ("awarding_body", "series", "consent_wording", "source"):
            if not isinstance(values.get(name, ""), str):
                raise TypeError(f"{name} must be text")
        if not isinstance(values.get("verified"), bool):
            raise TypeError("verified must be true or false")
        levels = values.get("levels", [])
        if not isinstance(levels, list) or not all(isinstance(one, str) for one in levels):
            raise TypeError("levels must be a list of texts")
        values |= {
            "service": Service(values["service"]),
            "consent": Consent(values["consent"]),
            "clock_trigger": Trigger(values["clock_trigger"]),
            "closes_on": None if values.get("closes_on") is None else date.fromisoformat(values["closes_on"]),
            "levels": tuple(levels),
        }
        return ServiceTerms(**values)
    except (ValueError, KeyError, TypeError) as error:
        raise TermsInvalid(f"{place} of the terms is wrong: {error}.") from error


@cache
def packaged_terms() -> tuple[ServiceTerms, ...]:
    """Return the terms that ship with the package: stated defaults."""
    return load_terms(resources.files("moderation.data").joinpath("post_results.json").read_text("utf-8"))


@cache
def retention_margin_days() -> int:
    """Return how many days work is kept after the last event that keeps it; ships with the package."""
    text = resources.files("moderation.data").joinpath("post_results.json").read_text("utf-8")
    return int(json.loads(text)["retention"]["margin_days"])


def choose(rows: Sequence[ServiceTerms], awarding_body: str, series: str, service: Service) -> ServiceTerms | None:
    """Return the terms that say most exactly what holds: for the series, then the awarding body, then everybody.

    Takes: ``rows``, those that count more first; of equally exact ones the first holds.
    """
    for wanted in ((awarding_body, series), (ANY, series), (awarding_body, ANY), (ANY, ANY)):
        for row in rows:
            if row.service is service and (row.awarding_body, row.series) == wanted:
                return row
    return None
