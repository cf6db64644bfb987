"""Instants, days and sizes in words, in each language; instants in UK time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from babel.dates import format_date

from repository.web.languages import ENGLISH, Language

LONDON = ZoneInfo("Europe/London")
_WITH_WEEKDAY, _DAY = "EEEE d MMMM y", "d MMMM y"


@dataclass(frozen=True, slots=True)
class Wording:
    """How one language says times and sizes. Source of other languages' words: the Unicode CLDR, by Babel."""

    language: Language

    def instant(self, instant: datetime | None) -> str:
        """Return an instant as people say it, in UK time: ``Wednesday 20 May 2026, 11:59pm``."""
        if instant is None:
            return ""
        local = instant.astimezone(LONDON)
        return f"{self._of(local, _WITH_WEEKDAY)}, {self.hour(local)}"

    def moment(self, instant: datetime, weekday: bool = False) -> str:
        """Return an instant with its hour first, in UK time: ``4:05pm on 5 May 2026``."""
        local = instant.astimezone(LONDON)
        joint = " on " if self.language is ENGLISH else ", "
        return f"{self.hour(local)}{joint}{self._of(local, _WITH_WEEKDAY if weekday else _DAY)}"

    def day(self, day: date | None, weekday: bool = False) -> str:
        """Return a day as people say it: ``20 May 2026``."""
        return "" if day is None else self._of(day, _WITH_WEEKDAY if weekday else _DAY)

    def short_day(self, day: date) -> str:
        """Return a day as an axis has room for it: ``20 May``."""
        return (
            f"{day.day} {day:%b}" if self.language is ENGLISH else format_date(day, "d MMM", locale=self.language.code)
        )

    @staticmethod
    def hour(local: datetime) -> str:
        """Return the time of day: ``4:05pm``."""
        return f"{local.hour % 12 or 12}:{local:%M}{'am' if local.hour < 12 else 'pm'}"

    def size(self, size_bytes: int | None) -> str:
        """Return a size in the largest unit that keeps it readable, as the uploader says it: ``1.2 MB``."""
        if size_bytes is None:
            return ""
        if size_bytes < 1000:
            return f"{size_bytes} {'bytes' if self.language is ENGLISH else 'beit'}"
        if size_bytes < 1_000_000:
            return f"{size_bytes / 1000:.0f} kB"
        if size_bytes < 1_000_000_000:
            return f"{size_bytes / 1_000_000:.1f} MB"
        return f"{size_bytes / 1_000_000_000:.2f} GB"

    def _of(self, day: date, pattern: str) -> str:
        if self.language is ENGLISH:
            weekday = f"{day:%A} " if pattern == _WITH_WEEKDAY else ""
            return f"{weekday}{day.day} {day:%B %Y}"
        return format_date(day, pattern, locale=self.language.code)
