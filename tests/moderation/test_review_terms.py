"""Clocks after results count calendar days in London; terms are data and wrong ones are refused."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.errors import TermsInvalid
from moderation.review import Consent, Finding, Refusal, Service
from moderation.review_terms import choose, is_fee_due, load_terms, packaged_terms
from moderation.working_days import LONDON

BY_SERVICE = {terms.service: terms for terms in packaged_terms()}


@pytest.mark.parametrize(
    ("service", "trigger", "due"),
    [
        # 10, 15, 20 and 35 calendar days; day 0 is that of the trigger, weekends and bank holidays count.
        (Service.CLERICAL_RECHECK, "2026-08-20T08:00:00+01:00", "2026-08-30T23:59:59+01:00"),
        (Service.PRIORITY_REVIEW, "2026-08-20T08:00:00+01:00", "2026-09-04T23:59:59+01:00"),
        (Service.REVIEW_OF_MARKING, "2026-08-28T23:59:59+01:00", "2026-09-17T23:59:59+01:00"),
        (Service.REVIEW_OF_MODERATION, "2026-08-20T08:00:00+01:00", "2026-09-24T23:59:59+01:00"),
        # Across the end of summer time, 25 October 2026: the day is 25 hours long, the clock in London stays 23:59:59.
        (Service.CLERICAL_RECHECK, "2026-10-20T10:00:00+01:00", "2026-10-30T23:59:59+00:00"),
        (Service.REVIEW_OF_MODERATION, "2026-09-24T10:00:00+01:00", "2026-10-29T23:59:59+00:00"),
        # Across its beginning, 28 March 2027.
        (Service.CLERICAL_RECHECK, "2027-03-20T10:00:00+00:00", "2027-03-30T23:59:59+01:00"),
        # 23:30Z in summer is the next day in London.
        (Service.CLERICAL_RECHECK, "2026-08-19T23:30:00+00:00", "2026-08-30T23:59:59+01:00"),
        (Service.CLERICAL_RECHECK, "2026-01-19T23:30:00+00:00", "2026-01-29T23:59:59+00:00"),
        # Over Christmas nothing stops.
        (Service.REVIEW_OF_MARKING, "2026-12-18T12:00:00+00:00", "2027-01-07T23:59:59+00:00"),
    ],
)
def test_clocks(service: Service, trigger: str, due: str) -> None:
    assert BY_SERVICE[service].due_at(datetime.fromisoformat(trigger)) == datetime.fromisoformat(due)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_a_clock_ends_so_many_days_later_at_the_end_of_the_day_in_london(trigger: datetime) -> None:
    due = BY_SERVICE[Service.REVIEW_OF_MODERATION].due_at(trigger)
    assert due is not None
    local = due.astimezone(LONDON)
    assert (local.hour, local.minute, local.second) == (23, 59, 59)
    assert local.date() - trigger.astimezone(LONDON).date() == timedelta(days=35)


def test_windows() -> None:
    out = datetime(2026, 8, 18, 23, 1, tzinfo=UTC)  # 00:01 on 19 August
    terms = BY_SERVICE[Service.REVIEW_OF_MODERATION]
    assert terms.why_not_now(out, out) is None
    last = datetime(2026, 9, 23, 22, 59, 59, tzinfo=UTC)
    assert terms.why_not_now(out, last) is None
    assert terms.why_not_now(out, last + timedelta(seconds=1)) is Refusal.WINDOW_CLOSED
    script = BY_SERVICE[Service.SCRIPT]
    assert script.opens_at(out) == datetime(2026, 9, 24, 23, 0, tzinfo=UTC)
    assert script.why_not_now(out, out) is Refusal.WINDOW_NOT_OPEN
    # Access with priority ends before the window for reviews does.
    assert BY_SERVICE[Service.SCRIPT_PRIORITY].closes_at(out) < terms.closes_at(out)


def test_an_appeal_has_thirty_days_or_fifteen_after_reasons() -> None:
    given_at = datetime(2026, 9, 10, 12, 0, tzinfo=UTC)
    first, second = BY_SERVICE[Service.APPEAL_STAGE_1], BY_SERVICE[Service.APPEAL_STAGE_2]
    assert first.closes_at(given_at).astimezone(LONDON).date() == date(2026, 10, 10)
    assert first.closes_at(given_at, reasons_asked=True).astimezone(LONDON).date() == date(2026, 9, 25)
    assert second.closes_at(given_at).astimezone(LONDON).date() == date(2026, 9, 24)
    assert not first.verified
    assert not second.verified


def test_what_ships() -> None:
    assert set(BY_SERVICE) == set(Service)
    assert BY_SERVICE[Service.REVIEW_OF_MODERATION].consent is Consent.NONE
    assert all(terms.source for terms in BY_SERVICE.values())
    consents = [terms for terms in BY_SERVICE.values() if terms.consent is Consent.WRITTEN]
    assert {terms.service for terms in consents} == {
        Service.CLERICAL_RECHECK,
        Service.REVIEW_OF_MARKING,
        Service.PRIORITY_REVIEW,
    }
    assert all("go down, go up or stay the same" in terms.consent_wording for terms in consents)
    assert all(terms.keep_consent_months >= 6 for terms in BY_SERVICE.values())


def test_fees() -> None:
    assert is_fee_due(Service.CLERICAL_RECHECK, Finding.NO_CHANGE, grade_changed=False)
    assert is_fee_due(Service.REVIEW_OF_MARKING, Finding.MARK_CHANGED, grade_changed=False)
    assert not is_fee_due(Service.REVIEW_OF_MARKING, Finding.MARK_CHANGED, grade_changed=True)
    assert is_fee_due(Service.REVIEW_OF_MODERATION, Finding.UPHELD, grade_changed=False)
    assert not is_fee_due(Service.REVIEW_OF_MODERATION, Finding.CENTRE_MARKS_REINSTATED, grade_changed=False)


def test_the_most_exact_terms_hold() -> None:
    row = BY_SERVICE[Service.SCRIPT].as_json()

    def read(**changes: Any) -> Any:
        return load_terms(json.dumps({"terms": [{**row, **changes}]}))[0]

    body, series = read(awarding_body="01"), read(series="01-6A26")
    both = read(awarding_body="01", series="01-6A26")
    rows = (*packaged_terms(), body, series, both)
    assert choose(rows, "01", "01-6A26", Service.SCRIPT) is both
    assert choose(rows[:-1], "01", "01-6A26", Service.SCRIPT) is series
    assert choose(rows[:-2], "01", "01-6A26", Service.SCRIPT) is body
    assert choose(rows, "02", "02-6A26", Service.SCRIPT) is BY_SERVICE[Service.SCRIPT]
    assert choose((body,), "02", "02-6A26", Service.SCRIPT) is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"terms": {}}', '{"terms": [1]}', '{"terms": [{}]}', "[" * 100_000],
)
def test_a_file_that_holds_no_terms_is_refused(text: str) -> None:
    with pytest.raises(TermsInvalid):
        load_terms(text)
