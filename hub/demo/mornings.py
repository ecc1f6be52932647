"""The mornings of the demonstration: a week of attendance in one county, so that rates are numbers."""

from datetime import timedelta

import asyncpg

from hub import clock, workdays

BACK = 9
"""How many days back the week reaches."""


async def mark(connection: asyncpg.Connection, county: str) -> None:
    """A week of marked mornings in the demonstration's county; today's are left to the class teachers."""
    marker: int = await connection.fetchval("SELECT id FROM accounts WHERE username = 'school'")
    days = [clock.today() - timedelta(days=back) for back in range(BACK, 0, -1)]
    schooldays = [day for day in days if workdays.is_working(day)]
    await connection.execute(_EVERYBODY, county, schooldays, marker)
    await connection.execute(_WHO_WAS_ABSENT, county, schooldays)
    await connection.execute(_TOTALS, schooldays)


_EVERYBODY = """
    INSERT INTO class_days (class_id, day, path, grade, expected, absent, late, on_leave, marked_by)
    SELECT c.id, day, c.path, c.grade, count(s.id), 0, 0, 0, $3
    FROM classes c JOIN schools h ON h.id = c.school_id JOIN students s ON s.class_id = c.id AND s.state = 'IN_SCHOOL',
         unnest($2::date[]) AS day
    WHERE h.territory = $1 AND c.closed IS NULL GROUP BY c.id, day ON CONFLICT DO NOTHING"""
_WHO_WAS_ABSENT = """
    INSERT INTO absences (class_day_id, day, student_id, path, kind)
    SELECT d.id, d.day, s.id, d.path,
           (ARRAY['SICK_LEAVE', 'SICK_LEAVE', 'PERSONAL_LEAVE', 'LATE', 'ABSENT'])[1 + (s.id * 7 + d.number) % 5]
    FROM (SELECT *, day - DATE '2000-01-01' AS number FROM class_days WHERE day = ANY ($2)) AS d
    JOIN students s ON s.class_id = d.class_id AND s.state = 'IN_SCHOOL'
    JOIN schools h ON h.id = s.school_id AND h.territory = $1
    WHERE (s.id * 31 + d.number * 17) % 41 = 0 ON CONFLICT DO NOTHING"""
_TOTALS = """
    UPDATE class_days d SET absent = n.absent, late = n.late, on_leave = n.on_leave
    FROM (SELECT class_day_id, count(*) FILTER (WHERE kind = 'ABSENT') AS absent,
                 count(*) FILTER (WHERE kind = 'LATE') AS late,
                 count(*) FILTER (WHERE kind LIKE '%LEAVE') AS on_leave
          FROM absences WHERE day = ANY ($1) GROUP BY 1) AS n
    WHERE d.id = n.class_day_id"""
