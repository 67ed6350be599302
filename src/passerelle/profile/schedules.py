"""When a task runs by itself: a cron expression, a table that says it in words, or a list of such.

What a schedule means are its recurrence rules (RFC 5545), which Prefect takes as they are.

Source: spec RUN-3; seeds (the tool's page on scheduled tasks).
"""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Literal, Self, get_args

from dateutil.rrule import DAILY, MONTHLY, WEEKLY, rrule, weekday
from pydantic import AfterValidator, Discriminator, Field, PlainValidator, Tag, model_validator
from pydantic_core import PydanticCustomError

from passerelle.exchange.options import Options
from passerelle.profile import cron

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Nth = Literal["first", "second", "third", "fourth", "last"]
Month = Literal["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
Repeat = Literal["5m", "10m", "15m", "30m", "1h", "2h", "3h", "6h", "12h"]

_WEEKDAYS: tuple[str, ...] = get_args(Weekday)
_MONTHS: tuple[str, ...] = get_args(Month)
_NTH = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}
_MINUTES = {"m": 1, "h": 60, "d": 1440}
_DAY = 1440
_AT = r"^([01]\d|2[0-3]):[0-5]\d$"
_DURING = r"^[1-9]\d{0,3}[mhd]$"
_REFERENCE = date(2026, 1, 1)
_YEARS = 60
"""Whatever happens, happens within: 29 February every eleven months takes 44 years."""


def _at(text: str) -> str:
    if not re.fullmatch(_AT, text):
        raise PydanticCustomError("profile-bad-time", "no time of day")
    return text


def _during(text: str) -> str:
    if not (re.fullmatch(_DURING, text) and 15 <= _minutes(text) <= _DAY):
        raise PydanticCustomError("profile-bad-duration", "no duration")
    return text


def _day_of_month(given: Any) -> Any:
    if given != "last" and not (type(given) is int and 1 <= given <= 31):
        raise PydanticCustomError("profile-bad-day", "no day of the month")
    return given


def _minutes(duration: str) -> int:
    return int(duration[:-1]) * _MINUTES[duration[-1]]


DayOfMonth = Annotated[
    int | Literal["last"],
    PlainValidator(_day_of_month, json_schema_input_type=Annotated[int, Field(ge=1, le=31)] | Literal["last"]),
]


class Timetable(Options):
    """A schedule in words: every so many days, weeks or months, once or again and again for a while."""

    every_days: Annotated[int, Field(ge=1, le=366)] | None = Field(None, description="Every so many days.")
    every_weeks: Annotated[int, Field(ge=1, le=52)] | None = Field(
        None, description="Every so many weeks, which begin on Monday, on the days of `on`."
    )
    every_months: Annotated[int, Field(ge=1, le=12)] | None = Field(
        None, description="Every so many months, on `days`, or on the weekdays of `on` that `nth` says."
    )
    on: tuple[Weekday, ...] = Field((), description="Days of the week.")
    nth: tuple[Nth, ...] = Field((), description="Which of these weekdays of the month.")
    days: tuple[DayOfMonth, ...] = Field(
        (), description="Days of the month; a month that does not have the day is left out, `last` is in every month."
    )
    months: tuple[Month, ...] = Field((), description="With `every_months = 1`: these months only; empty: all.")
    start: Annotated[date, Field(ge=date(2000, 1, 1), lt=date(2080, 1, 1))] | None = Field(
        None, description="The first day, from which days, weeks or months are counted; needed when they are several."
    )
    at: Annotated[str, AfterValidator(_at), Field(json_schema_extra={"pattern": _AT})] = Field(
        description="Time of day, in the profile's time zone.", examples=["08:00"]
    )
    repeat: Repeat | None = Field(None, description="Again each time so long after, while `during` lasts.")
    during: Annotated[str, AfterValidator(_during), Field(json_schema_extra={"pattern": _DURING})] | None = Field(
        None, description="How long it is repeated, from 15 minutes to a day; its end is no run.", examples=["12h"]
    )

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        counts = [count for count in (self.every_days, self.every_weeks, self.every_months) if count]
        if len(counts) != 1:
            raise PydanticCustomError("profile-schedule-period", "days, weeks or months")
        given = tuple(name for name in ("on", "nth", "days") if getattr(self, name))
        if given not in self._day_settings() or (self.months and self.every_months != 1):
            raise PydanticCustomError("profile-schedule-days", "days that do not fit the period")
        if counts != [1] and not self.start:
            raise PydanticCustomError("profile-schedule-start", "counted from which day")
        if bool(self.repeat) != bool(self.during) or self._length < self._step:
            raise PydanticCustomError("profile-schedule-repeat", "repeat and during", {"at": ("repeat",)})
        if self.every_months and self._first + self._length > _DAY:
            raise PydanticCustomError("profile-schedule-midnight", "beyond the day of a month", {"at": ("during",)})
        if not _happens(self.rules(_REFERENCE)):
            raise PydanticCustomError("profile-schedule-never", "no day at all")
        return self

    def _day_settings(self) -> tuple[tuple[str, ...], ...]:
        """Give the sets of settings that say the days of this period."""
        if self.every_months:
            return ("days",), ("on", "nth")
        return (("on",),) if self.every_weeks else ((),)

    @property
    def _first(self) -> int:
        """The first run of a day, in minutes after midnight."""
        return int(self.at[:2]) * 60 + int(self.at[3:])

    @property
    def _step(self) -> int:
        return _minutes(self.repeat) if self.repeat else 1

    @property
    def _length(self) -> int:
        return _minutes(self.during) if self.during else 1

    def rules(self, since: date) -> list[rrule]:
        """Give the recurrence rules from a day on; no moment is in two of them, and they begin near that day.

        A rule has the same minutes in all its hours, so that several may be needed: for hours that are not repeated
        in whole, and for what comes after midnight.
        """
        hours: dict[int, list[int]] = defaultdict(list)
        for minute in range(self._first, self._first + self._length, self._step):
            hours[minute // 60].append(minute % 60)
        alike: dict[tuple[int, tuple[int, ...]], list[int]] = defaultdict(list)
        for hour, minutes in hours.items():
            alike[hour // 24, tuple(minutes)].append(hour % 24)
        return [self._rule(since, night, of_day, minutes) for (night, minutes), of_day in alike.items()]

    def _rule(self, since: date, night: int, hours: list[int], minutes: tuple[int, ...]) -> rrule:
        """Give the rule of some hours of the days, or of the days after them when ``night`` is 1."""
        yesterday = since - timedelta(days=1)
        start = self.start or yesterday
        if self.every_days:
            frequency, count, counted, days = DAILY, self.every_days, start, {}
        elif self.every_weeks:
            chosen = [(_WEEKDAYS.index(day) + night) % 7 for day in self.on]
            frequency, count, counted = WEEKLY, self.every_weeks, start - timedelta(days=start.weekday())
            days = {"byweekday": chosen, "wkst": night}
        else:
            frequency, count, counted = MONTHLY, self.every_months or 1, start.replace(day=1)
            days = self._days_of_month()
        # Prefect goes through a rule from its beginning whenever it looks for the next runs.
        near = rrule(frequency, dtstart=counted, interval=count).before(_midnight(yesterday), inc=True)
        begin = max(_midnight(start), near or _midnight(start)) + timedelta(days=night)
        return rrule(frequency, dtstart=begin, interval=count, byhour=hours, byminute=minutes, bysecond=0, **days)

    def _days_of_month(self) -> dict[str, Any]:
        months = [_MONTHS.index(month) + 1 for month in self.months] or None
        if self.days:
            return {"bymonth": months, "bymonthday": [-1 if day == "last" else day for day in self.days]}
        weekdays = [weekday(_WEEKDAYS.index(day), _NTH[nth]) for day in self.on for nth in self.nth]
        return {"bymonth": months, "byweekday": weekdays}


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def _happens(rules: list[rrule]) -> bool:
    """Tell whether rules give any moment; without an end, dateutil looks for one until the year 9999."""
    return any(True for rule in rules for _ in rule.replace(until=_midnight(_REFERENCE) + timedelta(days=_YEARS * 366)))


def _cron(text: str) -> str:
    rules = cron.rules(text, _REFERENCE)
    if rules and not _happens(rules):
        raise PydanticCustomError("profile-schedule-never", "no day at all")
    return text


def _form(given: Any) -> str:
    if isinstance(given, dict | Timetable):
        return "[table]"
    return "[list]" if isinstance(given, list | tuple) else "[text]"


def _any_of(schema: dict[str, Any]) -> None:
    """Name the alternatives as all other unions of the JSON Schema."""
    schema["anyOf"] = schema.pop("oneOf")


_Cron = Annotated[str, AfterValidator(_cron)]
_One = Annotated[
    Annotated[_Cron, Tag("[text]")] | Annotated[Timetable, Tag("[table]")],
    Discriminator(_form),
    Field(json_schema_extra=_any_of),
]
Schedule = Annotated[
    Annotated[_Cron, Tag("[text]")] | Annotated[Timetable, Tag("[table]")] | Annotated[tuple[_One, ...], Tag("[list]")],
    Discriminator(_form),
    Field(json_schema_extra=_any_of),
]
"""A cron expression, empty for none; a timetable; or several of them."""


def rules(schedule: Schedule, since: date) -> list[rrule]:
    """Give the recurrence rules of a schedule, in local time, from a day on; they begin near that day."""
    return [rule for part in _parts(schedule) for rule in _rules(part, since)]


def is_frequent(schedule: Schedule) -> bool:
    """Tell whether a task runs several times a day: what one run leaves, the next one does soon."""
    found = (_rules(part, _REFERENCE) for part in _parts(schedule))
    day = timedelta(days=1)
    return any(rule.between(rules[0][0], rules[0][0] + day) for rules in found for rule in rules)


def _parts(schedule: Schedule) -> tuple[str | Timetable, ...]:
    return schedule if isinstance(schedule, tuple) else (schedule,)


def _rules(part: str | Timetable, since: date) -> list[rrule]:
    return cron.rules(part, since) if isinstance(part, str) else part.rules(since)
