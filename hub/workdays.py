"""Working days (工作日): how the deadlines of cases are counted.

In the years whose holidays and make-up days have been announced (国务院办公厅关于节假日安排的通知, as `chinesecalendar`
keeps them) those are followed; in other years every day from Monday to Friday is a working day.
"""

from datetime import date, timedelta

import chinese_calendar

_FRIDAY = 4


def is_working(day: date) -> bool:
    """Whether offices work on a day."""
    try:
        return bool(chinese_calendar.is_workday(day))
    except NotImplementedError:  # a year that is not announced yet
        return day.weekday() <= _FRIDAY


def after(day: date, count: int) -> date:
    """The last day of so many working days; the day something began on is not counted.

    10 working days from Friday 2013-09-27 end on 2013-10-16: the seven days of National Day do not count, and the
    Sunday and the Saturday worked in their place do.
    """
    while count > 0:
        day += timedelta(days=1)
        count -= is_working(day)
    return day
