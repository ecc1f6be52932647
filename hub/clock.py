"""The hub's only clock: nothing else reads the wall clock."""

from datetime import date, datetime, timedelta, timezone

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")


def now() -> datetime:
    """The present moment, at +08:00."""
    return datetime.now(SHANGHAI)


def today() -> date:
    """The present date in China, whatever the server's own zone is."""
    return now().date()


def school_year(day: date) -> int:
    """The school year (学年) a day belongs to, named by its autumn: it turns over on 1 September.

    2013-08-31 belongs to 2012, 2013-09-01 to 2013.
    """
    return day.year if day.month >= 9 else day.year - 1
