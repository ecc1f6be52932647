"""One picture judged and made fit: taken as it is where it may be, else re-encoded upright and small enough.

Everything here runs on hostile bytes, inside the child process of `hub.darkroom.child`.
"""

import io
from dataclasses import dataclass

from PIL import Image, JpegImagePlugin

from hub.darkroom import jpeg
from hub.darkroom.jpeg import Damaged, Jpeg

__all__ = ["Fit", "Limits", "Unfit", "fit", "warm"]

_MEGAPIXEL = 1_000_000
_QUALITIES = (90, 85, 80, 70, 60, 50, 40)
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a picture upright, by its EXIF orientation."""
_KINDS = (
    (b"\x89PNG", "PNG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP"),
    (b"Rar!", "RAR"),
    (b"7z\xbc\xaf", "7Z"),
)
_BOXES = {b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIC", b"msf1": "HEIC", b"avif": "AVIF"}
_THUMB = 64


@dataclass(frozen=True, slots=True)
class Limits:
    """What a photo may be: under so many bytes, at most so many pixels, no side shorter than so many, and the size in
    pixels that larger ones are brought to (26 mm × 32 mm at 350 dpi).
    """

    bytes: int = 60_000
    pixels: int = 40_000_000
    shortest: int = 100
    width: int = 358
    height: int = 441


@dataclass(frozen=True, slots=True)
class Fit:
    """A photo as it is kept: its file, and its sides in pixels."""

    data: bytes
    width: int
    height: int


class Unfit(Exception):
    """Why a picture cannot be a photo: a key of the catalogue, and the values its text needs."""

    def __init__(self, key: str, **values: object) -> None:
        self.key, self.values = key, values
        super().__init__(key)


def fit(data: bytes, limits: Limits) -> Fit:
    """The photo that a file holds, without metadata. Raises Unfit.

    A JPEG under the limit that was held upright is kept as it was encoded; every other is decoded, turned, shrunk to
    the wanted size and encoded anew. All are decoded once, so that none is kept that cannot be shown.
    """
    found = _read(data)
    if found.width * found.height > limits.pixels:
        raise Unfit("PHOTO_TOO_MANY_PIXELS", width=found.width, height=found.height, limit=limits.pixels // _MEGAPIXEL)
    if min(found.width, found.height) < limits.shortest:
        raise Unfit("PHOTO_TOO_SMALL", width=found.width, height=found.height, least=limits.shortest)
    try:
        if found.orientation == 1 and found.components != 4 and len(found.plain) < limits.bytes:
            _decoded(found, (_THUMB, _THUMB))
            return Fit(found.plain, found.width, found.height)
        return _encoded(_shrunk(found, limits), limits)
    except (OSError, ValueError, SyntaxError, ArithmeticError, Image.DecompressionBombError):
        raise Unfit("PHOTO_DAMAGED") from None


def warm() -> None:
    """Make every part ready that is loaded when it is first used, as long as files can still be opened."""
    drawn = io.BytesIO()
    Image.new("RGB", (8, 8)).save(drawn, "JPEG", quality=50, optimize=True)
    _decoded(jpeg.read(drawn.getvalue()), (8, 8)).convert("RGB").resize((4, 4), Image.Resampling.LANCZOS)
    Image.MAX_IMAGE_PIXELS = None  # the frame's own sides are judged before anything is decoded


def _read(data: bytes) -> Jpeg:
    if not data:
        raise Unfit("PHOTO_EMPTY")
    if not data.startswith(b"\xff\xd8\xff"):
        raise Unfit("PHOTO_NOT_JPEG", kind=_kind(data))
    try:
        return jpeg.read(data)
    except Damaged:
        raise Unfit("PHOTO_DAMAGED") from None


def _kind(data: bytes) -> str:
    """What a file is that is no JPEG, by its first bytes."""
    if data[4:8] == b"ftyp":
        return _BOXES.get(data[8:12], "MP4")
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    return next((kind for start, kind in _KINDS if data.startswith(start)), "?")


def _decoded(found: Jpeg, least: tuple[int, int]) -> Image.Image:
    """The picture, decoded no larger than it need be to have at least this size."""
    image = JpegImagePlugin.JpegImageFile(io.BytesIO(found.plain))
    if image.size != (found.width, found.height):
        raise ValueError("two readers disagree about the size")
    image.draft(None, least)
    image.load()
    return image


def _shrunk(found: Jpeg, limits: Limits) -> Image.Image:
    turned = found.orientation >= 5
    wide, high = (found.height, found.width) if turned else (found.width, found.height)
    scale = min(1.0, limits.width / wide, limits.height / high)
    size = max(1, round(found.width * scale)), max(1, round(found.height * scale))
    image = _decoded(found, size).convert("RGB").resize(size, Image.Resampling.LANCZOS)
    return image.transpose(_UPRIGHT[found.orientation]) if found.orientation != 1 else image


def _encoded(image: Image.Image, limits: Limits) -> Fit:
    """The picture at the best quality that is small enough."""
    if min(image.size) < limits.shortest:
        raise Unfit("PHOTO_TOO_SMALL", width=image.width, height=image.height, least=limits.shortest)
    for quality in _QUALITIES:
        drawn = io.BytesIO()
        image.save(drawn, "JPEG", quality=quality, optimize=True)
        if drawn.tell() < limits.bytes:
            return Fit(drawn.getvalue(), image.width, image.height)
    raise Unfit("PHOTO_DAMAGED")
