"""Deadlines: counted in working days, by the holidays that are announced and the Sundays worked instead."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import workdays


@pytest.mark.parametrize(
    ("day", "count", "last"),
    [
        (date(2013, 9, 27), 10, date(2013, 10, 16)),  # seven days off, a Sunday and a Saturday worked instead
        (date(2026, 11, 24), 10, date(2026, 12, 8)),
        (date(2026, 11, 27), 1, date(2026, 11, 30)),
        (date(2099, 1, 1), 2, date(2099, 1, 5)),  # nothing is announced: Monday to Friday
        (date(2013, 9, 27), 0, date(2013, 9, 27)),
    ],
)
def test_a_deadline_counts_working_days(day: date, count: int, last: date) -> None:
    assert workdays.after(day, count) == last


@given(st.dates(date(2004, 1, 1), date(2040, 1, 1)), st.integers(1, 40))
def test_a_deadline_is_itself_a_working_day_and_never_sooner_than_its_count(day: date, count: int) -> None:
    last = workdays.after(day, count)
    assert workdays.is_working(last)
    assert (last - day).days >= count
    days = [day + timedelta(days=at) for at in range(1, (last - day).days + 1)]
    assert sum(map(workdays.is_working, days)) == count
