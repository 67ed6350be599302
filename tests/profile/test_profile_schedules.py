"""When schedules come round, against a calendar that is walked through minute by minute, and what they refuse."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from profile_demo import problems
from pydantic import TypeAdapter

from passerelle.profile.moments import moments, next_moments
from passerelle.profile.schedules import Schedule, is_frequent

PARIS = ZoneInfo("Europe/Paris")
WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
NTH = ["first", "second", "third", "fourth"]
MINUTES = {"m": 1, "h": 60, "d": 1440}


def schedule(given):
    return TypeAdapter(Schedule).validate_python(given)


def local(given, start: datetime, end: datetime, zone: str = "Europe/Paris") -> list[str]:
    return [f"{one:%m-%d %H:%M %z}" for one in moments(schedule(given), zone, start, end)]


def days(given, start: date, end: date) -> list[str]:
    begin, finish = (datetime(one.year, one.month, one.day, tzinfo=PARIS) for one in (start, end))
    return [f"{one:%Y-%m-%d}" for one in moments(schedule(given), "Europe/Paris", begin, finish)]


def test_run_3_from_8_every_5_minutes_for_12_hours():
    given = {"every_days": 1, "at": "08:00", "repeat": "5m", "during": "12h"}
    found = local(given, datetime(2026, 11, 30, tzinfo=PARIS), datetime(2026, 12, 1, tzinfo=PARIS))
    assert len(found) == 144
    assert found[:2] == ["11-30 08:00 +0100", "11-30 08:05 +0100"]
    assert found[-1] == "11-30 19:55 +0100"


def test_run_3_every_second_week_on_chosen_days():
    given = {"every_weeks": 2, "on": ["mon", "thu"], "at": "08:00", "start": "2026-01-07"}
    assert days(given, date(2026, 1, 1), date(2026, 2, 6)) == [
        "2026-01-08",
        "2026-01-19",
        "2026-01-22",
        "2026-02-02",
        "2026-02-05",
    ]


def test_run_3_what_begins_in_the_evening_goes_on_after_midnight_and_into_the_next_week():
    given = {"every_weeks": 2, "on": ["sun"], "at": "22:30", "repeat": "1h", "during": "3h", "start": "2026-01-05"}
    begin, end = datetime(2026, 1, 12, 0, 0, tzinfo=PARIS), datetime(2026, 1, 26, tzinfo=PARIS)
    assert local(given, begin, end) == ["01-12 00:30 +0100", "01-25 22:30 +0100", "01-25 23:30 +0100"]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"days": ["last"]}, ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"]),
        ({"days": [31, 1]}, ["2028-01-01", "2028-01-31", "2028-02-01", "2028-03-01", "2028-03-31", "2028-04-01"]),
        (
            {"on": ["mon"], "nth": ["fourth", "last"], "months": ["jan", "feb"]},
            ["2028-01-24", "2028-01-31", "2028-02-28"],
        ),
        (
            {"on": ["sun", "mon"], "nth": ["first"], "months": ["jan", "feb"]},
            ["2028-01-02", "2028-01-03", "2028-02-06", "2028-02-07"],
        ),
        ({"days": [15], "months": ["feb", "apr"]}, ["2028-02-15", "2028-04-15"]),
    ],
)
def test_run_3_days_and_weekdays_of_the_month(given, found):
    given = {"every_months": 1, "at": "07:00", **given}
    assert days(given, date(2028, 1, 1), date(2028, 5, 1)) == found


def test_run_3_29_february_comes_in_leap_years():
    given = {"every_months": 12, "days": [29], "at": "07:00", "start": "2025-02-01"}
    found = next_moments(schedule(given), "Europe/Paris", datetime(2026, 1, 1, tzinfo=UTC), 2)
    assert [one.date() for one in found] == [date(2028, 2, 29), date(2032, 2, 29)]


@pytest.mark.parametrize("given", ["30 2 * * *", {"every_days": 1, "at": "02:30"}])
def test_run_3_half_past_two_on_the_missing_and_on_the_doubled_hour(given):
    spring = local(given, datetime(2026, 3, 28, 12, tzinfo=PARIS), datetime(2026, 3, 30, 12, tzinfo=PARIS))
    assert spring == ["03-29 01:30 +0100", "03-30 02:30 +0200"]
    autumn = local(given, datetime(2026, 10, 24, 12, tzinfo=PARIS), datetime(2026, 10, 26, 12, tzinfo=PARIS))
    assert autumn == ["10-25 02:30 +0200", "10-26 02:30 +0100"]


def test_run_3_the_hour_that_is_missing_in_spring_is_one_with_the_hour_before():
    given = {"every_days": 1, "at": "00:00", "repeat": "30m", "during": "4h"}
    found = local(given, datetime(2026, 3, 29, 0, tzinfo=PARIS), datetime(2026, 3, 29, 12, tzinfo=PARIS))
    assert [one[6:11] for one in found] == ["00:00", "00:30", "01:00", "01:30", "03:00", "03:30"]


def test_run_3_cron_days_of_month_and_of_week_add_up():
    given = "0 5 1 * mon"
    found = days(given, date(2026, 5, 25), date(2026, 6, 16))
    assert found == ["2026-05-25", "2026-06-01", "2026-06-08", "2026-06-15"]  # the 1st is a Monday: once
    assert days("0 5 * feb fri-sun,2", date(2026, 2, 1), date(2026, 2, 8)) == [
        "2026-02-01",
        "2026-02-03",
        "2026-02-06",
        "2026-02-07",
    ]


@pytest.mark.parametrize(
    ("given", "frequent"),
    [
        ("", False),
        ("30 5 * * *", False),
        ("0 8,20 * * mon", True),
        ({"every_days": 1, "at": "08:00"}, False),
        ({"every_days": 1, "at": "08:50", "repeat": "10m", "during": "20m"}, True),
        (["30 5 * * *", {"every_months": 1, "days": ["last"], "at": "07:00"}], False),
        (["30 5 * * *", {"every_weeks": 1, "on": ["sat"], "at": "20:00", "repeat": "12h", "during": "1d"}], True),
    ],
)
def test_run_3_several_runs_a_day_are_frequent(given, frequent):
    assert is_frequent(schedule(given)) == frequent


# A calendar without dateutil: is this minute one of the timetable's?


def is_due(given, minute: datetime) -> bool:
    length = int(given["during"][:-1]) * MINUTES[given["during"][-1]] if "during" in given else 1
    step = int(given["repeat"][:-1]) * MINUTES[given["repeat"][-1]] if "repeat" in given else 1
    at = int(given["at"][:2]) * 60 + int(given["at"][3:])
    for night in (0, 1):
        since = minute.hour * 60 + minute.minute + 1440 * night - at
        if 0 <= since < length and since % step == 0 and is_day(given, minute.date() - timedelta(days=night)):
            return True
    return False


def is_day(given, day: date) -> bool:
    start = date.fromisoformat(given["start"])
    if day < start:
        return False
    if "every_days" in given:
        return (day - start).days % given["every_days"] == 0
    if "every_weeks" in given:
        weeks = (day - start + timedelta(days=start.weekday())).days // 7
        return weeks % given["every_weeks"] == 0 and WEEKDAYS[day.weekday()] in given["on"]
    passed = (day.year - start.year) * 12 + day.month - start.month
    if passed % given["every_months"] or MONTHS[day.month - 1] not in given.get("months", MONTHS):
        return False
    length = monthrange(day.year, day.month)[1]
    if "days" in given:
        return day.day in given["days"] or ("last" in given["days"] and day.day == length)
    names = {*NTH[(day.day - 1) // 7 : (day.day - 1) // 7 + 1], *(["last"] if day.day + 7 > length else [])}
    return WEEKDAYS[day.weekday()] in given["on"] and bool(names & {*given["nth"]})


def some(values):
    return st.lists(st.sampled_from(values), min_size=1, max_size=4, unique=True)


PERIODS = st.one_of(
    st.fixed_dictionaries({"every_days": st.integers(1, 10)}),
    st.fixed_dictionaries({"every_weeks": st.integers(1, 5), "on": some(WEEKDAYS)}),
    st.fixed_dictionaries({"every_months": st.integers(1, 12), "days": some([1, 15, 28, "last"])}),
    st.fixed_dictionaries({"every_months": st.integers(1, 12), "on": some(WEEKDAYS), "nth": some([*NTH, "last"])}),
    st.fixed_dictionaries({"every_months": st.just(1), "days": some([2, 29, "last"]), "months": some(MONTHS[1:])}),
)
STARTS = st.dates(date(2026, 1, 1), date(2028, 12, 31)).map(date.isoformat)
TIMES = st.times().map(lambda one: f"{one:%H:%M}")
REPEATS = st.sampled_from([("5m", "15m"), ("10m", "45m"), ("30m", "90m"), ("2h", "12h"), ("3h", "1d"), ("15m", "23h")])


@given(PERIODS, STARTS, TIMES, st.none() | REPEATS, st.integers(-20, 400))
def test_run_3_law_a_timetable_comes_round_as_a_calendar_has_it(period, start, at, repeated, later):
    given = {**period, "start": start, "at": at}
    if repeated:
        given |= {"repeat": repeated[0], "during": repeated[1]}
        if "every_months" in period:
            given["at"] = "00:05" if repeated[1] != "1d" else "00:00"
    begin = datetime.fromisoformat(start).replace(tzinfo=UTC) + timedelta(days=later, hours=5)
    span = 20 * 24 * 12
    # All times are multiples of five minutes after `at`, so that looking at those is enough.
    first = begin.replace(minute=int(given["at"][3:]) % 5)
    expected = [one for one in (first + timedelta(minutes=5 * step) for step in range(span)) if is_due(given, one)]
    found = moments(schedule(given), "UTC", begin, begin + timedelta(minutes=5 * span))
    assert found == [one for one in expected if begin <= one]


@pytest.mark.parametrize(
    ("table", "code", "said"),
    [
        ('{ at = "08:00" }', "profile-schedule-period", "schedules.stocks : une planification compte"),
        ('{ every_days = 1, every_weeks = 1, at = "08:00" }', "profile-schedule-period", "en jours, en semaines"),
        ('{ every_weeks = 1, at = "08:00" }', "profile-schedule-days", "ne vont pas avec la période"),
        ('{ every_days = 1, on = ["mon"], at = "08:00" }', "profile-schedule-days", "ne vont pas"),
        ('{ every_months = 1, on = ["mon"], at = "08:00" }', "profile-schedule-days", "ne vont pas"),
        ('{ every_months = 1, days = [1], nth = ["last"], at = "08:00" }', "profile-schedule-days", "ne vont pas"),
        ('{ every_months = 2, days = [1], months = ["jan"], at = "08:00" }', "profile-schedule-days", "ne vont pas"),
        ('{ every_days = 2, at = "08:00" }', "profile-schedule-start", "de quel jour compter"),
        ('{ every_days = 1, at = "08:00", repeat = "5m" }', "profile-schedule-repeat", "stocks.repeat : une tâche se"),
        ('{ every_days = 1, at = "08:00", repeat = "1h", during = "30m" }', "profile-schedule-repeat", "intervalle"),
        (
            '{ every_months = 1, days = [1], at = "20:00", repeat = "1h", during = "12h" }',
            "profile-schedule-midnight",
            "stocks.during : la répétition dépasse minuit",
        ),
        ('{ every_months = 1, days = [30], months = ["feb"], at = "08:00" }', "profile-schedule-never", "jamais"),
        ('"0 5 31 2 *"', "profile-schedule-never", "schedules.stocks : cette planification ne tombe jamais"),
        ('{ every_days = 1, at = "8 h" }', "profile-bad-time", "schedules.stocks.at = « 8 h » n'est pas une heure"),
        (
            '{ every_days = 1, at = "08:00", repeat = "5m", during = "25h" }',
            "profile-bad-duration",
            "stocks.during = « 25h »",
        ),
        ('["0 5 * * *", { every_months = 1, days = [32], at = "08:00" }]', "profile-bad-day", "stocks[2].days[1] = «"),
        ('{ every_days = 1, at = "08:00", repet = "5m" }', "profile-unknown-setting", "Le plus proche est « repeat »"),
        ('{ every_weeks = 1, on = ["lun"], at = "08:00" }', "profile-not-possible", "stocks.on[1]"),
        ("5", "profile-wrong-type", "un texte entre guillemets"),
    ],
)
def test_run_3_contradictory_timetables_are_refused(demo, table, code, said):
    demo.replace("[orders]", f"[schedules]\nstocks = {table}\n[orders]")
    [(found, _, french, _)] = problems(demo)
    assert found == code
    assert said in french
