"""A desk where photos are brought in: pictures drawn in code, zips as clerks and attackers make them."""

import io
import stat
import zipfile
from functools import cache
from typing import Any

import httpx
from PIL import Image

from tests.conftest import Ask
from tests.desk import SCHOOL, upload
from tests.province import Province

IMPORT = """mutation($input: ImportPhotosInput!) { importPhotos(input: $input) { photoImport { id state total taken
    unchanged refused ignored school { code } entries(first: 200) { nodes { number name outcome code message remedy
    messageEn remedyEn student { id name } } } } } }"""
REVIEW = """mutation($input: ReviewPhotosInput!) { reviewPhotos(input: $input) {
    results { photoId state error { code key field message remedy } } } }"""
OF_CLASS = """query($id: ID!) { schoolClass(id: $id) { missingPhotos { totalCount nodes { id } }
    photos { totalCount nodes { id state reason width height size student { id } link { url expiresAt } } } } }"""
TABLES = ("photos", "photo_imports", "photo_entries", "discards", "files", "students", "outbox", "requests")


@cache
def make_jpeg(shade: int = 0, size: tuple[int, int] = (358, 441), quality: int = 75, **saved: Any) -> bytes:
    """A picture that no other shade has: a gradient with a stripe."""
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    image.paste((shade % 256, shade // 256 % 256, 99), (0, 0, size[0], max(16, size[1] // 8)))
    drawn = io.BytesIO()
    image.save(drawn, "JPEG", quality=quality, **saved)
    return drawn.getvalue()


@cache
def make_noise(size: tuple[int, int] = (1200, 1600), quality: int = 85) -> bytes:
    """A picture far too large to be taken as it is."""
    drawn = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(drawn, "JPEG", quality=quality)
    return drawn.getvalue()


def make_exif(orientation: int = 1) -> bytes:
    """EXIF as a phone writes it: an orientation, and where the picture was taken."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = "secret place"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (37.0, 52.0, 12.0)
    return exif.tobytes()


def make_zip(files: dict[str, bytes], *, encoding: str | None = None) -> bytes:
    """A zip. With an encoding names are written in it and nothing says so, as Windows does in China."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as made:
        for name, data in files.items():
            info = _Plain(name, encoding) if encoding else zipfile.ZipInfo(name)
            made.writestr(info, data)
    return content.getvalue()


class _Plain(zipfile.ZipInfo):
    """An entry whose name is written in an old encoding."""

    def __init__(self, name: str, encoding: str) -> None:
        super().__init__("x")
        self.filename, self._encoding = name, encoding

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 -- zipfile's name
        return self.filename.encode(self._encoding), self.flag_bits & ~0x800


def make_link(name: str, target: str) -> bytes:
    """A zip that holds a symbolic link."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as made:
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        made.writestr(info, target)
    return content.getvalue()


class PhotoDesk:
    """A caller who brings photos in, and a leader who reviews them."""

    def __init__(self, http: httpx.AsyncClient, ask: Ask, province: Province) -> None:
        self.http, self.ask, self.province = http, ask, province

    async def answer(
        self,
        data: bytes,
        *,
        caller: str = "schoolA1",
        school: str = SCHOOL,
        name: str = "photos.zip",
        key: str | None = None,
    ) -> Any:
        file = await upload(self.http, self.province.tokens[caller], data, name)
        given = {"fileId": file, "schoolCode": school, "idempotencyKey": key}
        return await self.ask(caller, IMPORT, {"input": given})

    async def bring(self, files: dict[str, bytes] | bytes, **options: Any) -> Any:
        """The report of an import that was not refused, its lines by file name."""
        answer = await self.answer(files if isinstance(files, bytes) else make_zip(files), **options)
        assert "errors" not in answer, answer
        told = answer["data"]["importPhotos"]["photoImport"]
        told["lines"] = {line["name"]: line for line in told["entries"]["nodes"]}
        return told

    async def review(self, caller: str = "leaderA1", **given: Any) -> Any:
        answer = await self.ask(caller, REVIEW, {"input": given})
        assert "errors" not in answer, answer
        return answer["data"]["reviewPhotos"]["results"]

    async def of_class(self, caller: str = "leaderA1", short: str = "A1-1") -> Any:
        """What waits and what lacks in a class."""
        answer = await self.ask(caller, OF_CLASS, {"id": f"class:{self.province.ids[short]}"})
        assert "errors" not in answer, answer
        return answer["data"]["schoolClass"]

    async def link(self, caller: str = "leaderA1") -> str:
        """The link of the first photo of class A1-1."""
        found: str = (await self.of_class(caller))["photos"]["nodes"][0]["link"]["url"]
        return found

    async def get(self, url: str, caller: str | None) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.province.tokens[caller]}"} if caller else {}
        return await self.http.get(url, headers=headers)
