"""What each account's reads have cost lately, over all serving processes: who has spent a minute's worth waits.

Every process counts for itself and tells the others by the table `spendings`, once a second and only of those who spend
a lot: for ordinary work nothing is written. A look at what may be spent takes no statement.
"""

import asyncio
from contextlib import AbstractAsyncContextManager
from math import ceil

from sqlalchemy import text

from hub.db import Database
from hub.errors import RateLimited
from hub.rounds import rounds

_ROUND = 1.0
"""Seconds between two rounds of telling: as long may an account overspend in each further process."""
_MINUTE = 60.0
_WORTH_TELLING = 1.0
"""Seconds' worth of spending that others are told of."""
_MOST = 1_000
"""Accounts that are remembered before those who owe nothing any more are forgotten."""
_TELL = text(
    """INSERT INTO spendings AS known (account_id, until)
       SELECT id, now() + make_interval(secs => spent)
       FROM unnest(CAST(:ids AS bigint[]), CAST(:spent AS float8[])) AS told(id, spent) ORDER BY id
       ON CONFLICT (account_id) DO UPDATE
       SET until = greatest(known.until, now()) + (excluded.until - now())
       RETURNING account_id, extract(epoch FROM until - now())::float8 AS rest"""
)


class Spending:
    """The spending that one process knows of. `cost_rate` is what an account may spend in a minute, all at once or bit
    by bit; 0 lets everybody spend what they will.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.rate = database.settings.cost_rate / _MINUTE
        self._until: dict[int, float] = {}
        """When what an account has spent will be paid off, by the loop's clock."""
        self._untold: dict[int, float] = {}
        """Seconds' worth that the other processes do not know of."""

    def __len__(self) -> int:
        return len(self._until)

    def check(self, account: int) -> None:
        """Raises RateLimited for an account that has spent a minute's worth, until some of it is paid off."""
        rest = self._until.get(account, 0.0) - asyncio.get_running_loop().time() - _MINUTE
        if rest > 0:
            limit = round(self.rate * _MINUTE)
            raise RateLimited("COST_RATE", limit=limit, seconds=ceil(rest), details={"retryAfter": ceil(rest)})

    def note(self, account: int, cost: int) -> None:
        """Charge an account what a request has cost."""
        if self.rate <= 0 or cost <= 0:
            return
        seconds, now = cost / self.rate, asyncio.get_running_loop().time()
        self._until[account] = max(now, self._until.get(account, now)) + seconds
        self._untold[account] = self._untold.get(account, 0.0) + seconds
        if len(self._until) > _MOST:
            self._forget(now)

    async def tell(self) -> None:
        """Tell the other processes what was spent here, and hear what was spent in all of them."""
        told = {account: spent for account, spent in self._untold.items() if spent >= _WORTH_TELLING}
        if not told:
            return
        async with self.database.system.begin() as connection:
            found = await connection.execute(_TELL, {"ids": list(told), "spent": list(told.values())})
            rows = found.all()
        now = asyncio.get_running_loop().time()
        for account, spent in told.items():
            self._untold[account] = max(0.0, self._untold.get(account, 0.0) - spent)
        for row in rows:
            self._until[row.account_id] = now + row.rest + self._untold.get(row.account_id, 0.0)

    def telling(self) -> AbstractAsyncContextManager[None]:
        """Tell in the background while a block runs."""
        return rounds(_ROUND if self.rate > 0 else 0.0, self.tell, "spending not told")

    def _forget(self, now: float) -> None:
        self._until = {account: until for account, until in self._until.items() if until > now}
        self._untold = {account: spent for account, spent in self._untold.items() if account in self._until}
