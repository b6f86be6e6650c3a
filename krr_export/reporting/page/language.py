"""A language of the page: its words, and how it writes numbers, shares, dates and sizes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Lang = Literal["en", "nb"]
"""English, or Norwegian bokmål (BCP 47)."""

LANGUAGES: tuple[Lang, ...] = ("en", "nb")

_THIN = "\N{NARROW NO-BREAK SPACE}"
_WIDE = "\N{NO-BREAK SPACE}"
_SMALLEST, _LARGEST = 0.05, 99.95
"""Per cent that would be rounded to none and to all, and are neither."""
_SIZES = ("kB", "MB", "GB", "TB")


@dataclass(frozen=True)
class Language:
    """One language.

    Attributes:
        code: for the attribute ``lang``.
        words: sentences by key; ``{name}`` is filled in, and ``one|many`` are parted by ``n``.
        findings: what a code means and what to do, where it is not English.
        months: their names, January first.
        decimal: the sign before decimals.
        percent: what follows the number.
        dates: how a day is put together.
    """

    code: Lang
    words: Mapping[str, str]
    findings: Mapping[str, tuple[str, str]]
    months: tuple[str, ...]
    decimal: str
    percent: str
    dates: str

    def say(self, key: str, **values: object) -> str:
        """The words of a key; whole numbers are written as such."""
        words = self.words[key]
        if "n" in values and "|" in words:
            one, many = words.split("|")
            words = one if values["n"] == 1 else many
        return words.format(**{name: self._written(value) for name, value in values.items()})

    def known(self, key: str) -> str:
        """The words of a key, or nothing: for names that the register, or another schema, chose."""
        return self.words.get(key, "")

    def number(self, value: int) -> str:
        """A whole number with its thousands apart."""
        return f"{value:,}".replace(",", _THIN)

    def signed(self, value: int) -> str:
        """A change, with a sign that is as wide as a digit."""
        sign = "+" if value > 0 else "\N{MINUS SIGN}" if value < 0 else "±"
        return f"{sign}{self.number(abs(value))}"

    def fraction(self, value: float, digits: int = 1) -> str:
        """A number with decimals."""
        return f"{value:,.{digits}f}".replace(",", _THIN).replace(".", self.decimal)

    def share(self, part: int, whole: int) -> str:
        """A share in per cent; none and all are said only where they are."""
        value = 100 * part / whole if whole else 0.0
        if 0 < value < _SMALLEST:
            return f"<{self.fraction(0.1)}{self.percent}"
        if _LARGEST <= value < 100:  # noqa: PLR2004 - per cent
            return f">{self.fraction(99.9)}{self.percent}"
        return f"{self.fraction(value)}{self.percent}"

    def limit(self, asked: str) -> str:
        """A limit as the option gave it, ``12`` or ``0.5%``, as it stands in a sentence."""
        return asked.replace(".", self.decimal).replace("%", self.percent)

    def percents(self, value: float) -> str:
        """A change in per cent."""
        return f"{self.points(value)}{self.percent}"

    def points(self, value: float, digits: int = 2) -> str:
        """A change in percentage points; the sign is that of what is shown."""
        shown = round(value, digits)
        sign = "+" if shown > 0 else "\N{MINUS SIGN}" if shown < 0 else "±"
        return f"{sign}{self.fraction(abs(shown), digits)}"

    def size(self, octets: int) -> str:
        """A size in decimal units."""
        value, unit = octets / 1000, 0
        while value >= 1000 and unit < len(_SIZES) - 1:  # noqa: PLR2004 - decimal units
            value, unit = value / 1000, unit + 1
        return f"{self.fraction(value)}{_WIDE}{_SIZES[unit]}"

    def seconds(self, value: float) -> str:
        """A duration."""
        return f"{self.fraction(value)}{_WIDE}s"

    def day(self, moment: str) -> str:
        """The day of a time in ISO 8601, in Norway."""
        return self._day(_local(moment))

    def moment(self, moment: str) -> str:
        """A time in ISO 8601 as a clock in Norway shows it, to the minute."""
        local = _local(moment)
        return self.say("moment", day=self._day(local), time=f"{local:%H:%M}")

    def _day(self, local: datetime) -> str:
        return self.dates.format(day=local.day, month=self.months[local.month - 1], year=local.year)

    def _written(self, value: object) -> str:
        return self.number(value) if isinstance(value, int) else str(value)


def _local(moment: str) -> datetime:
    from krr_export.domain.times import NORWAY  # noqa: PLC0415 - the command line's help needs no zone

    instant = datetime.fromisoformat(moment)
    try:
        return instant.astimezone(NORWAY)
    except OverflowError:  # within an offset of the calendar's ends
        return instant
