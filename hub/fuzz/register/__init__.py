"""A small register in which everything odd happens: for the fuzz alone, in a database of its own.

`places`, `people` and `paperwork` are planted in one `bed`, in this order.
"""

from random import Random

import asyncpg

from hub.fuzz.register import paperwork, people, places
from hub.fuzz.register.bed import Bed


async def plant(connection: asyncpg.Connection, *, seed: int = 2013, pupils: int = 120) -> None:
    """Fill an empty, migrated and seeded database, as hub_system."""
    bed = Bed(connection, Random(seed))  # noqa: S311 -- a register of nobody
    async with connection.transaction():
        for at in range(4):
            bed.accounts.append(await bed.put("accounts", username=f"fuzz{at}", name=f"fuzz{at}"))
        await places.plant(bed)
        await people.plant(bed, pupils)
        await paperwork.plant(bed)
