"""The line of imports (导入队列)."""

from sqlalchemy import text

from hub.db import Database
from hub.line import Line

LINE = Line("imports", "import_order", ("QUEUED", "READING", "APPLYING", "UNDOING"), "acting_id")


async def clear(database: Database, days: int) -> int:
    """Drop the rows of imports that ended so many days ago; how many. The imports themselves stay."""
    query = text(
        """DELETE FROM import_rows WHERE import_id IN (
               SELECT id FROM imports WHERE ended_at < now() - make_interval(days => :days)
                 AND state NOT IN ('QUEUED', 'READING', 'HELD', 'APPLYING', 'UNDOING'))"""
    )
    async with database.system.begin() as connection:
        return (await connection.execute(query, {"days": days})).rowcount
