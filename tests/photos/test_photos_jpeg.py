"""A JPEG without its metadata: what goes, what stays to the byte, what is no whole JPEG."""

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hub.darkroom import jpeg, picture
from hub.darkroom.jpeg import Damaged
from hub.darkroom.picture import Limits, Unfit
from tests.photos.pictures import make_exif, make_jpeg, make_noise

EMPTY = b"\xff\xd8\xff\xd9"


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def with_segment(data: bytes, added: bytes) -> bytes:
    return data[:2] + added + data[2:]


def pixels(data: bytes) -> bytes:
    return Image.open(io.BytesIO(data)).convert("RGB").tobytes()


def why(data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(Unfit) as unfit:
        picture.fit(data, limits or Limits())
    return unfit.value.key


def test_a_plain_photo_stays_as_it_is_to_the_byte() -> None:
    assert picture.fit(make_jpeg(1), Limits()).data == make_jpeg(1)


@pytest.mark.parametrize("saved", [{}, {"progressive": True}, {"optimize": True}, {"subsampling": 0}])
def test_metadata_go_and_the_picture_is_not_encoded_again(saved: dict[str, object]) -> None:
    image = Image.open(io.BytesIO(make_jpeg(2)))
    drawn = io.BytesIO()
    image.save(
        drawn, "JPEG", quality=70, exif=make_exif(), comment=b"secret place", icc_profile=b"secret" * 20, **saved
    )
    data = with_segment(drawn.getvalue(), segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<secret/>"))
    assert b"secret" in data
    kept = picture.fit(data, Limits()).data
    assert b"secret" not in kept
    assert b"Exif" not in kept
    assert pixels(kept) == pixels(data)
    read = jpeg.read(kept)
    assert read.plain == kept


def test_a_photo_made_large_by_metadata_alone_is_not_encoded_again() -> None:
    padded = make_jpeg(3)
    for _ in range(4):
        padded = with_segment(padded, segment(0xE5, b"x" * 20_000))
    assert len(padded) > Limits().bytes
    assert picture.fit(padded, Limits()).data == make_jpeg(3)


def test_the_thumbnail_of_jfif_goes() -> None:
    data = make_jpeg(4)
    assert data[2:4] == b"\xff\xe0"
    thumbed = data[:2] + segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\2\2" + b"secret thumb") + data[20:]
    kept = picture.fit(thumbed, Limits()).data
    assert b"secret" not in kept
    assert pixels(kept) == pixels(data)


@pytest.mark.parametrize(
    "tail", [b"PK\x03\x04evil", b"<script>alert(1)</script>", b"\xff\xd8\xff\xe1again", b"\0" * 999]
)
def test_what_follows_the_end_of_a_picture_goes(tail: bytes) -> None:
    assert picture.fit(make_jpeg(5) + tail, Limits()).data == make_jpeg(5)


def test_a_page_hidden_in_a_comment_goes() -> None:
    data = with_segment(make_jpeg(6), segment(0xFE, b"<script>alert(1)</script>"))
    assert picture.fit(data, Limits()).data == make_jpeg(6)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_picture_that_was_held_otherwise_is_turned_upright(orientation: int) -> None:
    upright = Image.open(io.BytesIO(make_jpeg(7)))
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
    held = io.BytesIO()
    upright.transpose(Image.Transpose(back)).save(held, "JPEG", quality=90, exif=make_exif(orientation))
    made = picture.fit(held.getvalue(), Limits())
    assert (made.width, made.height) == (358, 441)
    assert b"Exif" not in made.data
    shown = Image.open(io.BytesIO(made.data))
    for place in ((179, 10), (20, 430), (340, 430)):
        near = zip(upright.getpixel(place), shown.getpixel(place), strict=True)
        assert max(abs(one - other) for one, other in near) < 25, place


def test_a_large_picture_is_brought_to_size() -> None:
    assert len(make_noise()) > 500_000
    made = picture.fit(make_noise(), Limits())
    assert len(made.data) < 60_000
    assert made.width <= 358
    assert made.height == 441
    assert jpeg.read(made.data).plain == made.data


def test_cmyk_becomes_rgb() -> None:
    drawn = io.BytesIO()
    Image.new("CMYK", (358, 441), (9, 99, 199, 0)).save(drawn, "JPEG")
    made = picture.fit(drawn.getvalue(), Limits())
    assert Image.open(io.BytesIO(made.data)).mode == "RGB"


def test_a_flood_of_pixels_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "_decoded", None)
    data = bytearray(make_jpeg(8))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", 60_000, 60_000)
    assert why(bytes(data)) == "PHOTO_TOO_MANY_PIXELS"


@pytest.mark.parametrize("size", [(99, 441), (358, 99), (16, 16)])
def test_a_tiny_picture_is_refused(size: tuple[int, int]) -> None:
    assert why(make_jpeg(9, size)) == "PHOTO_TOO_SMALL"


@pytest.mark.parametrize("size", [(154, 189), (260, 320), (358, 441), (480, 640)])
def test_the_sizes_that_notices_ask_for_are_taken_as_they_are(size: tuple[int, int]) -> None:
    assert picture.fit(make_jpeg(10, size), Limits()).data == make_jpeg(10, size)


def test_a_strip_that_would_shrink_to_nothing_is_refused() -> None:
    assert why(make_noise((6_000, 400), 90)) == "PHOTO_TOO_SMALL"


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "WEBP", "TIFF"])
def test_another_kind_of_picture_is_told_by_its_name(kind: str) -> None:
    drawn = io.BytesIO()
    Image.new("RGB", (358, 441)).save(drawn, kind)
    with pytest.raises(Unfit) as unfit:
        picture.fit(drawn.getvalue(), Limits())
    assert (unfit.value.key, unfit.value.values) == ("PHOTO_NOT_JPEG", {"kind": kind})


def test_the_phone_format_is_told_by_its_name() -> None:
    with pytest.raises(Unfit) as unfit:
        picture.fit(b"\0\0\0\x18ftypheic" + b"\0" * 99, Limits())
    assert unfit.value.values == {"kind": "HEIC"}


def test_nothing_is_empty() -> None:
    assert why(b"") == "PHOTO_EMPTY"


@pytest.mark.parametrize("part", [0.02, 0.1, 0.3, 0.5, 0.9, 0.999])
def test_a_picture_that_breaks_off_is_damaged(part: float) -> None:
    data = make_jpeg(11)
    assert why(data[: int(len(data) * part)]) == "PHOTO_DAMAGED"


@pytest.mark.parametrize(
    "data",
    [
        EMPTY,
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xe0\x00\x01",
        b"\xff\xd8\xff\xe0\xff\xffJFIF",
        b"\xff\xd8" + segment(0xC0, b"\x08\0\1\0\1\3") + b"\xff\xd9",
        make_jpeg(12)[:-2] + make_jpeg(12)[2:],
        with_segment(make_jpeg(12), segment(0xC3, b"\x08\1\0\1\0\3")),
        with_segment(make_jpeg(12), segment(0xF3, b"odd")),
    ],
)
def test_what_is_no_whole_jpeg_is_damaged(data: bytes) -> None:
    with pytest.raises(Damaged):
        jpeg.read(data)


@given(st.integers(0, 20_000), st.integers(0, 255), st.integers(0, 3))
def test_a_byte_changed_anywhere_never_breaks_the_reader(at: int, value: int, cut: int) -> None:
    data = bytearray(make_jpeg(13))
    data[at % len(data)] = value
    del data[at % len(data) : at % len(data) + cut]
    try:
        kept = picture.fit(bytes(data), Limits())
    except Unfit:
        return
    assert jpeg.read(kept.data).plain == kept.data


@given(st.binary(max_size=300))
def test_odd_exif_means_upright(tiff: bytes) -> None:
    data = with_segment(make_jpeg(14), segment(0xE1, b"Exif\0\0" + tiff))
    assert jpeg.read(data).plain == make_jpeg(14)
