"""An upload of photos in the hands of the other process: names, bombs, links, and files that kill it."""

import io
import os
import signal
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hub.darkroom import archive, picture
from hub.darkroom.archive import Archive, Limits
from hub.darkroom.room import Darkroom, Developed, Spoilt
from hub.errors import BadInput, HubError, TooLarge
from hub.photos import roster
from hub.photos.roster import Roster
from tests.photos.pictures import make_jpeg, make_link, make_zip


def opened(data: bytes, name: str = "photos.zip", **limits: int) -> Archive:
    return Archive(data, name, Limits(**limits))


def bars(data: bytes, **limits: int) -> dict[str, str | None]:
    return {entry.name: entry.bar for entry in opened(data, **limits).entries}


def refused(data: bytes, name: str = "photos.zip", **limits: int) -> HubError:
    with pytest.raises(HubError) as refusal:
        opened(data, name, **limits)
    return refusal.value


@pytest.mark.parametrize("encoding", [None, "gbk", "utf-8"])
def test_chinese_names_are_read_whoever_wrote_them(encoding: str | None) -> None:
    name = "一年级/2114000001_2000001_王鉢誠.jpg"
    if encoding != "gbk":
        assert [*bars(make_zip({name: b"x"}, encoding=encoding))] == [name]
    else:
        name = "一年级/2114000001_2000001_王乗.jpg"
        assert b"\\" in "乗".encode("gbk"), "its second byte is a backslash"
        assert [*bars(make_zip({name: b"x"}, encoding="gbk"))] == [name]


def test_backslashes_part_folders_too() -> None:
    assert [*bars(make_zip({"班\\x.jpg": b"x"}, encoding="gbk"))] == ["班/x.jpg"]


@pytest.mark.parametrize(
    ("name", "bar"),
    [
        ("x.jpg", None),
        ("a/b/c/X.JPEG", None),
        ("x.png", None),
        ("Thumbs.db", "PHOTO_STRAY"),
        ("班/thumbs.db", "PHOTO_STRAY"),
        (".DS_Store", "PHOTO_STRAY"),
        ("__MACOSX/._x.jpg", "PHOTO_STRAY"),
        ("班/._x.jpg", "PHOTO_STRAY"),
        ("desktop.ini", "PHOTO_STRAY"),
        ("readme.txt", "PHOTO_STRAY"),
        ("名单.xls", "PHOTO_STRAY"),
        ("more.zip", "PHOTO_NESTED_ARCHIVE"),
        ("more.rar", "PHOTO_NESTED_ARCHIVE"),
        ("名单.xlsx", "PHOTO_NESTED_ARCHIVE"),
        ("../../x.jpg", "PHOTO_NAME_UNSAFE"),
        ("a/../x.jpg", "PHOTO_NAME_UNSAFE"),
        ("/etc/x.jpg", "PHOTO_NAME_UNSAFE"),
        ("C:\\x.jpg", "PHOTO_NAME_UNSAFE"),
        ("x\u202egpj.exe.jpg", "PHOTO_NAME_UNSAFE"),
        ("x\n.jpg", "PHOTO_NAME_UNSAFE"),
    ],
)
def test_each_file_is_judged_by_its_name(name: str, bar: str | None) -> None:
    assert [*bars(make_zip({name: b"x"})).values()] == [bar]


def test_a_name_in_a_report_holds_no_control_characters() -> None:
    (name,) = bars(make_zip({"x\x1b[31m\u202e.jpg": b"x"}))
    assert name == "x\ufffd[31m\ufffd.jpg"


def test_folders_are_no_files() -> None:
    assert bars(make_zip({"班/": b"", "班/x.jpg": b"x"})) == {"班/x.jpg": None}


def test_a_link_is_not_followed() -> None:
    assert bars(make_link("x.jpg", "/etc/passwd")) == {"x.jpg": "PHOTO_LINK"}


def test_one_picture_needs_no_zip() -> None:
    assert bars(make_jpeg(1)) == {"photos.zip": "PHOTO_STRAY"}
    (entry,) = opened(make_jpeg(1), "C1.jpg").entries
    assert (entry.name, entry.bar) == ("C1.jpg", None)
    assert opened(make_jpeg(1), "C1.jpg").unpack(0) == make_jpeg(1)


@pytest.mark.parametrize("data", [b"", b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c", b"%PDF-1.4", b"name,photo"])
def test_what_is_neither_zip_nor_picture_is_refused(data: bytes) -> None:
    assert refused(data).key == "NOT_PHOTOS"


def test_a_zip_that_breaks_off_is_refused() -> None:
    data = make_zip({"x.jpg": make_jpeg(1)})
    assert refused(data[: len(data) // 2]).key == "PHOTOS_UNREADABLE"


def test_too_many_files_are_refused_before_the_directory_is_read() -> None:
    data = make_zip({f"{at}.jpg": b"" for at in range(30)})
    refusal = refused(data, entries=29)
    assert (refusal.key, refusal.values["entries"]) == ("PHOTOS_TOO_LARGE_UNPACKED", 29)


def bomb(size: int) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("x.jpg", b"\0" * size)
    return content.getvalue()


def test_a_bomb_is_refused_unopened() -> None:
    assert len(bomb(30_000_000)) < 40_000
    assert refused(bomb(30_000_000)).key == "PHOTOS_TOO_LARGE_UNPACKED"


def test_a_bomb_that_understates_itself_is_never_unpacked() -> None:
    data = bomb(30_000_000).replace((30_000_000).to_bytes(4, "little"), (30_000).to_bytes(4, "little"))
    archived = opened(data)
    with pytest.raises(TooLarge):
        archived.unpack(0)


def test_a_file_too_large_to_be_a_photo_is_not_unpacked() -> None:
    data = make_zip({"x.jpg": os.urandom(2_000)})
    assert bars(data, entry=1_999) == {"x.jpg": "PHOTO_FILE_TOO_LARGE"}


def test_an_encrypted_file_is_told_apart() -> None:
    data = bytearray(make_zip({"x.jpg": make_jpeg(1)}))
    for sign, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(sign) + place] |= 1
    assert bars(bytes(data)) == {"x.jpg": "PHOTO_ENCRYPTED"}


# The other process.


def room(data: bytes, name: str = "photos.zip", **limits: int) -> Darkroom:
    async def parts() -> AsyncIterator[bytes]:
        for at in range(0, len(data), 10_000):
            yield data[at : at + 10_000]

    return Darkroom(parts, len(data), name, Limits(**limits), picture.Limits())


async def developed(data: bytes) -> list[Developed | Spoilt]:
    async with room(data) as darkroom:
        return [one async for one in darkroom.develop([entry.ordinal for entry in darkroom.entries])]


async def test_the_other_process_gives_back_each_photo_or_why_it_is_none() -> None:
    made = await developed(
        make_zip({"a.jpg": make_jpeg(1), "b.jpg": b"", "c.jpg": b"\x89PNG\r\n", "d.jpg": make_zip({"x": b"x"})})
    )
    assert [getattr(one, "key", "sound") for one in made] == ["sound", "PHOTO_EMPTY", "PHOTO_NOT_JPEG", "PHOTO_DAMAGED"]
    assert made[0].data == make_jpeg(1)


async def test_an_upload_refused_as_a_whole_is_refused_here_too() -> None:
    with pytest.raises(BadInput, match="NOT_PHOTOS"):
        async with room(b"nothing"):
            raise AssertionError
    with pytest.raises(TooLarge, match="PHOTOS_TOO_LARGE"):
        async with room(b"x" * 11, size=10):
            raise AssertionError


async def test_a_file_that_kills_the_process_spoils_itself_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_zip({f"{at}.jpg": make_jpeg(at) for at in range(4)})
    async with room(data) as darkroom:
        answer, asked = darkroom._answer, 0

        async def dying() -> Any:
            nonlocal asked
            asked += 1
            if asked == 2:
                process: Any = darkroom._process
                process.send_signal(signal.SIGKILL)
                await process.wait()
                while await answer() is not None:
                    pass  # what it wrote before it died
                return None
            return await answer()

        monkeypatch.setattr(darkroom, "_answer", dying)
        made = [one async for one in darkroom.develop([0, 1, 2, 3])]
    assert [(one.ordinal, getattr(one, "key", None)) for one in made] == [
        (0, None), (1, "PHOTO_DAMAGED"), (2, None), (3, None),
    ]  # fmt: skip


async def test_a_process_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.darkroom.room._MOST_DEATHS", 1)
    async with room(make_zip({"a.jpg": make_jpeg(1), "b.jpg": make_jpeg(2)})) as darkroom:
        monkeypatch.setattr("hub.darkroom.room._PATIENCE", 0.5)
        process: Any = darkroom._process
        process.send_signal(signal.SIGSTOP)
        made = [one async for one in darkroom.develop([0, 1])]
    assert made == [Spoilt(0, "PHOTO_DAMAGED"), Spoilt(1, "PHOTO_DAMAGED")]
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("told", "data"),
    [
        ({"key": "NO_SUCH_KEY", "values": {}}, b""),
        ({"key": "PHOTO_TOO_SMALL", "values": {}}, b""),
        ({"key": ["PHOTO_EMPTY"], "values": {}}, b""),
        ({"width": 1, "height": 1, "source": "0"}, b"<script>"),
        ({"width": 1, "height": 1, "source": "0"}, b"\xff\xd8\xff" + b"x" * 60_000),
        ({"width": "wide", "height": 1, "source": "0"}, make_jpeg(1)),
        (["not", "an", "answer"], make_jpeg(1)),
        (7, b""),
    ],
)
async def test_a_process_that_was_taken_over_is_not_believed(
    told: Any, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with room(make_zip({"a.jpg": make_jpeg(1)})) as darkroom:

        async def lying() -> Any:
            return told, data

        monkeypatch.setattr(darkroom, "_answer", lying)
        assert [one async for one in darkroom.develop([0])] == [Spoilt(0, "PHOTO_DAMAGED")]


async def test_the_process_can_open_no_file_and_sees_no_environment() -> None:
    async with room(make_zip({"a.jpg": make_jpeg(1)})) as darkroom:
        process: Any = darkroom._process
        about = Path(f"/proc/{process.pid}")
        told = (about / "limits").read_text().splitlines()[1:]
        limits = {line[:26].strip(): line[26:].split()[0] for line in told}
        assert (about / "environ").read_text() == ""
        assert limits["Max open files"] == "3"
        assert limits["Max file size"] == "0"
        assert int(limits["Max address space"]) <= 2_000_000_000


# Whose photo it is.

ROSTER = Roster(
    "2114000001",
    {"14010520150315001X": [1], "140105201503150028": [2, 3], "E12345678": [4]},
    {"2000001": {"王一": [1], "李明": [5, 6], "买买提阿里": [7]}, "2000002": {"王一": [8]}},
)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("14010520150315001X.jpg", 1),
        ("14010520150315001x.JPG", 1),
        ("一班/ 14010520150315001x .jpg", 1),
        ("１４０１０５２０１５０３１５００１Ｘ.jpg", 1),
        ("e12345678.jpg", 4),
        ("2114000001_2000001_王一.jpg", 1),
        ("2114000001_2000002_王一.jpg", 8),
        ("x/2114000001_2000001_ 买买提・阿里.jpg", 7),
        ("140105201503150028.jpg", "PHOTO_AMBIGUOUS"),
        ("2114000001_2000001_李明.jpg", "PHOTO_AMBIGUOUS"),
        ("140105201503159999.jpg", "PHOTO_NO_PUPIL"),
        ("2114000001_2000001_赵七.jpg", "PHOTO_NO_PUPIL"),
        ("2114000002_2000001_王一.jpg", "PHOTO_NO_PUPIL"),
        ("2114000001_2000009_王一.jpg", "PHOTO_UNKNOWN_CLASS"),
        ("王一.jpg", "PHOTO_BAD_NAME"),
        ("IMG_0001.jpg", "PHOTO_BAD_NAME"),
        (".jpg", "PHOTO_BAD_NAME"),
    ],
)
def test_a_file_is_its_pupils_by_its_name(name: str, found: int | str) -> None:
    pupil, key, _ = ROSTER.find(name)
    assert (pupil or key) == found


def test_several_photos_of_one_pupil_are_all_refused_and_name_each_other() -> None:
    entries = [
        archive.Entry(0, "14010520150315001X.jpg", None),
        archive.Entry(1, "b/2114000001_2000001_王一.jpg", None),
        archive.Entry(2, "E12345678.jpg", None),
    ]
    matched = roster.match(ROSTER, entries)
    assert matched.pupils == {2: 4}
    assert matched.known == {0: 1, 1: 1}
    files = {"files": "14010520150315001X.jpg、b/2114000001_2000001_王一.jpg"}
    assert matched.spoilt == [Spoilt(0, "PHOTO_TWICE", files), Spoilt(1, "PHOTO_TWICE", files)]
