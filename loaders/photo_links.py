"""Links to photos: signed for the session that asks, whatever edge a photo was reached by."""

from typing import Any

import orjson
from aiodataloader import DataLoader

from hub import photos
from hub.links import Link
from loaders.seam import Shape

NAME = "photoLinks"

Found = dict[int, list[str]]
"""Of each file its link as JSON, in each of the shapes that are wanted."""


class PhotoLinkLoader(DataLoader[tuple[int, ...], Found]):
    """The links of photos by the numbers of their files, asked for list by list. One for each request, never longer.

    Who is shown a photo at all the statement has decided; the bytes are judged anew when the link is used.
    """

    def __init__(self, reading: Any, _most: int, shapes: tuple[Shape, ...]) -> None:
        super().__init__()
        self._reading, self._shapes = reading, shapes

    async def batch_load_fn(self, keys: list[tuple[int, ...]]) -> list[Found]:
        """The link of each file. Raises Unavailable."""
        reading = self._reading
        found: Found = {}
        for file in dict.fromkeys(file for each in keys for file in each):
            link = await reading.reader.links.make(reading.caller, photos.KIND, str(file))
            found[file] = [_shaped(shape, link) for shape in self._shapes]
        return [found] * len(keys)


def _shaped(shape: Shape, link: Link) -> str:
    told = {"__typename": shape.kind, "url": link.url, "expiresAt": link.expires_at}
    return orjson.dumps({part.key: told[part.name] for part in shape.parts}).decode()
