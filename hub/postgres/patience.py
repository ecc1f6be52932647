"""Waiting for a server: long, as long as something moves, and not in silence."""

import logging
import time
from collections.abc import Callable

STEP, NOTICE, LIMIT = 0.02, 5.0, 600.0
_log = logging.getLogger(__name__)


class Patience:
    """Waits in small steps, logs every few seconds that it does, and is at its end when `size()`, the length of what
    the server has written, has not changed for ten minutes.
    """

    def __init__(self, doing: str, size: Callable[[], int]) -> None:
        self._doing, self._size, self._seen = doing, size, -1
        self._begun = self._noticed = self._moved = time.monotonic()

    def wait(self) -> bool:
        """Waits one step; False when it is at its end."""
        time.sleep(STEP)
        now = time.monotonic()
        if now - self._noticed > NOTICE:
            _log.info("PostgreSQL: %s, %d s", self._doing, now - self._begun)
            self._noticed, size = now, self._size()
            if size != self._seen:
                self._seen, self._moved = size, now
        return now - self._moved < LIMIT
