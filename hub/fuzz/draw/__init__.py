"""Random documents for random callers, drawn from the graph itself: a new field is asked for without a line here.

A `drawer` draws the caller and the root fields, `selections` what is selected below, `arguments` the pages, orders and
filters of it, `values` what they compare with; all of it with one `hand`.

Everything comes from one `random.Random`. The command seeds it; in tests hypothesis stands behind it, which can make
what it has drawn smaller.
"""

from hub.fuzz.draw.drawer import UNREAD, Asking, Drawer

__all__ = ["UNREAD", "Asking", "Drawer"]
