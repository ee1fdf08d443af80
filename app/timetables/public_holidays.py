"""A country's public holidays and shifted working days, as a proposal for the school calendar.

The rules come from the `holidays` package; nothing of it is in force before somebody confirms it. Days that a country
has not announced yet (China's shifted working days come in autumn, for the next year) are not in it.
"""

import re
from dataclasses import dataclass
from datetime import date

import holidays

from app.timetables.calendar import DayKind, SpecialDay

_LANGUAGES = {"zh": "zh_CN", "en": "en_US"}
_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True)
class ProposedDay:
    """A day that a country's rules make special."""

    date: date
    wanted: SpecialDay
    name: str


class UnknownCountry(Exception):
    """The package has no rules for this country."""


def proposed_days(country: str, language: str, first_day: date, last_day: date) -> list[ProposedDay]:
    """The special days of a span, both ends included, in order.

    `country` is its ISO 3166-1 code; `language` is zh or en, where the package speaks it.
    """
    if country not in holidays.list_supported_countries(include_aliases=False):
        raise UnknownCountry(country)
    # A holiday of one year is made up for in another one: 4 January for 2 January, but also 28 December.
    years = range(first_day.year - 1, last_day.year + 2)
    home = holidays.country_holidays(country).default_language  # without one it takes the server's locale
    plain = holidays.country_holidays(country, years=years, language=home)
    wanted = _LANGUAGES[language]
    spoken = wanted if wanted in plain.supported_languages else home
    named = holidays.country_holidays(country, years=years, language=spoken)
    found = [ProposedDay(day, SpecialDay(DayKind.HOLIDAY), name[:100]) for day, name in named.items()]
    for day_off, name in plain.items():
        # Only the entry's own words say which working day was given for it: 休息日（由 2026-09-20 调休）.
        given = _ISO_DAY.search(name)
        if given and (worked := date.fromisoformat(given[0])) in plain.weekend_workdays:
            followed = SpecialDay(DayKind.MAKE_UP_DAY, day_off.isoweekday())
            found.append(ProposedDay(worked, followed, named[day_off][:100]))
    within = (each for each in found if first_day <= each.date <= last_day)
    return sorted(within, key=lambda each: each.date)
