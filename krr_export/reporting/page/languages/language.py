"""A language of the page: its texts, and its formats of numbers, shares, dates and sizes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from krr_export.findings.detail import DetailWords

Lang = Literal["en", "nb"]
"""English, or Norwegian bokmål (BCP 47)."""

LANGUAGES: tuple[Lang, ...] = ("en", "nb")

_THIN = "\N{NARROW NO-BREAK SPACE}"
_WIDE = "\N{NO-BREAK SPACE}"
_SMALLEST, _LARGEST = 0.05, 99.95
"""Percentages below and above these would be rounded to 0 and 100, and are neither."""
_SIZES = ("kB", "MB", "GB", "TB")


@dataclass(frozen=True)
class Language:
    """One language.

    Attributes:
        code: for the attribute ``lang``.
        texts: by key; ``{name}`` is filled in, and ``one|many`` is selected by ``n``.
        findings: meaning and what to do, by code; empty for English.
        details: texts of masked details.
        months: their names, January first.
        decimal: the decimal separator.
        percent: the per cent sign, with any space before it.
        dates: the format of a day.
    """

    code: Lang
    texts: Mapping[str, str]
    findings: Mapping[str, tuple[str, str]]
    details: DetailWords
    months: tuple[str, ...]
    decimal: str
    percent: str
    dates: str

    def say(self, key: str, **values: object) -> str:
        """Return the text of a key with these values; whole numbers are formatted."""
        words = self.texts[key]
        if "n" in values and "|" in words:
            one, many = words.split("|")
            words = one if values["n"] == 1 else many
        return words.format(**{name: self._format_value(value) for name, value in values.items()})

    def lookup(self, key: str) -> str:
        """Return the text of a key, or an empty string: for names from the register or from another schema."""
        return self.texts.get(key, "")

    def number(self, value: int) -> str:
        """Format a whole number with spaces between thousands."""
        return f"{value:,}".replace(",", _THIN)

    def signed(self, value: int) -> str:
        """Format a change, with a sign as wide as a digit."""
        sign = "+" if value > 0 else "\N{MINUS SIGN}" if value < 0 else "±"
        return f"{sign}{self.number(abs(value))}"

    def fraction(self, value: float, digits: int = 1) -> str:
        """Format a number with decimals."""
        return f"{value:,.{digits}f}".replace(",", _THIN).replace(".", self.decimal)

    def share(self, part: int, whole: int) -> str:
        """Format a share in per cent; 0 and 100 are shown only if they are exact."""
        value = 100 * part / whole if whole else 0.0
        if 0 < value < _SMALLEST:
            return f"<{self.fraction(0.1)}{self.percent}"
        if _LARGEST <= value < 100:  # noqa: PLR2004 - per cent
            return f">{self.fraction(99.9)}{self.percent}"
        return f"{self.fraction(value)}{self.percent}"

    def limit(self, asked: str) -> str:
        """Format a limit from an option, ``12`` or ``0.5%``."""
        return asked.replace(".", self.decimal).replace("%", self.percent)

    def percents(self, value: float) -> str:
        """Format a change in per cent."""
        return f"{self.points(value)}{self.percent}"

    def points(self, value: float, digits: int = 2) -> str:
        """Format a change in percentage points; the sign is that of the rounded number."""
        shown = round(value, digits)
        sign = "+" if shown > 0 else "\N{MINUS SIGN}" if shown < 0 else "±"
        return f"{sign}{self.fraction(abs(shown), digits)}"

    def size(self, octets: int) -> str:
        """Format a size in decimal units."""
        value, unit = octets / 1000, 0
        while value >= 1000 and unit < len(_SIZES) - 1:  # noqa: PLR2004 - decimal units
            value, unit = value / 1000, unit + 1
        return f"{self.fraction(value)}{_WIDE}{_SIZES[unit]}"

    def seconds(self, value: float) -> str:
        """Format a duration."""
        return f"{self.fraction(value)}{_WIDE}s"

    def day(self, moment: str) -> str:
        """Format the day, in Norway, of a time in ISO 8601."""
        return self._day(_local(moment))

    def moment(self, moment: str) -> str:
        """Format a time in ISO 8601 in Norwegian local time, to the minute."""
        local = _local(moment)
        return self.say("moment", day=self._day(local), time=f"{local:%H:%M}")

    def _day(self, local: datetime) -> str:
        return self.dates.format(day=local.day, month=self.months[local.month - 1], year=local.year)

    def _format_value(self, value: object) -> str:
        return self.number(value) if isinstance(value, int) else str(value)


def _local(moment: str) -> datetime:
    from krr_export.domain.times import NORWAY  # noqa: PLC0415 - the command line's help needs no zone

    instant = datetime.fromisoformat(moment)
    try:
        return instant.astimezone(NORWAY)
    except OverflowError:  # within an offset of the first or the last day of the calendar
        return instant
