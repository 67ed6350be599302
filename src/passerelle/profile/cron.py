"""Cron expressions: five fields for minute, hour, day of month, month and day of week.

Source: spec RUN-3.
"""

from __future__ import annotations

import re
from datetime import date

from dateutil.rrule import DAILY, rrule
from pydantic_core import PydanticCustomError

_FIELDS: tuple[tuple[range, tuple[str, ...]], ...] = (
    (range(60), ()),
    (range(24), ()),
    (range(1, 32), ()),
    (range(1, 13), ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    (range(8), ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)
"""The numbers and names of each field; Sunday is 0 and 7."""
_PART = re.compile(r"(?:\*|(\w+)(?:-(\w+))?)(?:/([1-9]\d?))?")


def rules(text: str, since: date) -> list[rrule]:
    """Give the recurrence rules of an expression from a day on; none when it is empty.

    Days of the month and of the week add up, as cron has it: there are two rules, without a common moment.

    Raises:
        PydanticCustomError: ``profile-bad-schedule``, with the part that is wrong.
    """
    fields = text.lower().split()
    if not fields:
        return []
    if len(fields) != len(_FIELDS):
        raise PydanticCustomError("profile-bad-schedule", "no cron expression", {"part": text})
    minutes, hours, days, months, sunday_first = map(_values, fields, _FIELDS)
    weekdays = {(day - 1) % 7 for day in sunday_first}
    kinds: list[tuple[list[int] | None, set[int]]] = [(None if fields[2] == "*" else days, weekdays)]
    if fields[2] != "*" and fields[4] != "*":
        kinds = [(None, weekdays), (days, {*range(7)} - weekdays)]
    return [
        rrule(
            DAILY,
            dtstart=since,
            bymonth=None if fields[3] == "*" else months,
            bymonthday=of_month,
            byweekday=None if len(of_week) == 7 else sorted(of_week),
            byhour=hours,
            byminute=minutes,
            bysecond=0,
        )
        for of_month, of_week in kinds
        if of_week
    ]


def _values(field: str, known: tuple[range, tuple[str, ...]]) -> list[int]:
    """Give the numbers that a field stands for; a range may go round the end, as ``22-2``."""
    numbers, names = known
    low, size = numbers.start, len(names) or len(numbers)
    found: set[int] = set()
    for part in field.split(","):
        match = _PART.fullmatch(part)
        if not match:
            raise PydanticCustomError("profile-bad-schedule", "no cron expression", {"part": part})
        first, last, step = match.groups()
        begin = _number(first, known, part) if first else low
        last = last or (None if step else first)
        end = _number(last, known, part) if last else low + size - 1
        after = end + 1 if end >= begin else end + 1 + size
        found |= {(one - low) % size + low for one in range(begin, after, int(step or 1))}
    return sorted(found)


def _number(text: str, known: tuple[range, tuple[str, ...]], part: str) -> int:
    numbers, names = known
    if text in names:
        return numbers.start + names.index(text)
    if text.isdecimal() and int(text) in numbers:
        return int(text)
    raise PydanticCustomError("profile-bad-schedule", "no cron expression", {"part": part})
