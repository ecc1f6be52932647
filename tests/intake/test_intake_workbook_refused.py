"""Files that are no plain workbook: each refused by name, bombs before they are unpacked, damage without a crash."""

import io
import re
import struct
import zipfile

import pytest
from pupils import rebuild
from reading import GOOD, SHEET, examine, refusal

from hub.errors import BadInput, TooLarge
from hub.intake import workbook
from hub.intake.container import Limits


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (b"", "FILE_EMPTY"),
        ("学校标识码,姓名\n2114000123,王小明\n".encode("gb18030"), "WRONG_TEMPLATE"),
        (b"<html><table><tr><td>1</td></tr></table></html>", "NOT_A_WORKBOOK"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "FILE_OLD_FORMAT"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le"),
            "FILE_ENCRYPTED",
        ),
        (GOOD[: len(GOOD) // 2], "FILE_UNREADABLE"),
        (GOOD[:-10], "FILE_UNREADABLE"),
        (b"PK\x03\x04", "FILE_UNREADABLE"),
        (rebuild(GOOD, add={"xl/vbaProject.bin": b"x"}), "FILE_HAS_MACROS"),
        (rebuild(GOOD, add={"xl/macrosheets/sheet1.xml": b"<x/>"}), "FILE_HAS_MACROS"),
        (
            rebuild(GOOD, {"[Content_Types].xml": lambda xml: xml.replace(b"sheet.main", b"sheet.macroEnabled.main")}),
            "FILE_HAS_MACROS",
        ),
        (rebuild(GOOD, drop=["xl/workbook.xml"]), "NOT_A_WORKBOOK"),
        (rebuild(GOOD, drop=["[Content_Types].xml"]), "NOT_A_WORKBOOK"),
        (
            rebuild(
                GOOD, add={"mimetype": b"application/vnd.oasis.opendocument.spreadsheet"}, drop=["xl/workbook.xml"]
            ),
            "NOT_A_WORKBOOK",
        ),
        (rebuild(GOOD, add={"a.zip": b"x"}), "FILE_TOO_LARGE_UNPACKED"),
        (rebuild(GOOD, add={"xl/media/image1.png": GOOD}), "FILE_TOO_LARGE_UNPACKED"),
        (rebuild(GOOD, add={f"xl/{n}.xml": b"" for n in range(10_000)}), "FILE_TOO_LARGE_UNPACKED"),
        (rebuild(GOOD, add={"XL/WORKBOOK.XML": b"<workbook/>"}), "FILE_UNREADABLE"),
        (rebuild(GOOD, {SHEET: lambda xml: xml[:-200]}), "FILE_UNREADABLE"),
        (rebuild(GOOD, {"xl/workbook.xml": lambda xml: xml[:-20]}), "FILE_UNREADABLE"),
        (rebuild(GOOD, {SHEET: lambda xml: xml.decode().encode("utf-16")}), "FILE_UNREADABLE"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_plain_workbook_is_named(data, key):
    assert refusal(data) == key


def test_limits_of_size_rows_and_columns_are_named():
    assert refusal(GOOD, size=1_000) == "FILE_TOO_LARGE"
    assert refusal(GOOD, unpacked=10_000) == "FILE_TOO_LARGE_UNPACKED"
    assert refusal(GOOD, rows=1) == "TOO_MANY_ROWS"
    assert refusal(GOOD, columns=70) == "TOO_MANY_COLUMNS"
    assert len(workbook.read(GOOD, Limits(rows=2, columns=71)).rows) == 2


BILLION_LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
EXTERNAL = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("part", [SHEET, "xl/workbook.xml", "[Content_Types].xml", "xl/styles.xml"])
@pytest.mark.parametrize("declaration", [BILLION_LAUGHS, EXTERNAL])
def test_declared_entities_are_refused(part, declaration):
    assert refusal(rebuild(GOOD, {part: lambda xml: declaration + xml})) == "FILE_UNREADABLE"


def bomb(size=300_000_000):
    with_room = rebuild(GOOD, {SHEET: lambda xml: xml.replace(b"</sheetData>", b" " * size + b"</sheetData>")})
    assert len(with_room) < size // 500
    return with_room


def test_a_bomb_is_refused_before_it_is_unpacked():
    data = bomb()
    assert refusal(data) == "FILE_TOO_LARGE_UNPACKED"


def test_a_directory_that_understates_a_part_is_refused():
    data = bytearray(bomb(20_000_000))
    entry = data.index(b"PK\x01\x02", data.index(SHEET.encode()))
    while data[entry + 46 : entry + 46 + len(SHEET)] != SHEET.encode():
        entry = data.index(b"PK\x01\x02", entry + 4)
    struct.pack_into("<L", data, entry + 24, 900_000)
    assert refusal(bytes(data)) == "FILE_TOO_LARGE_UNPACKED"


@pytest.mark.parametrize("reference", ["XFD1048576", "B1048576", "ZZ2", "EB3"])
def test_a_cell_far_outside_is_refused_quickly(reference):
    row = re.sub("[A-Z]", "", reference)
    far = f'<row r="{row}"><c r="{reference}" t="n"><v>1</v></c></row></sheetData>'.encode()
    key = refusal(rebuild(GOOD, {SHEET: lambda xml: xml.replace(b"</sheetData>", far)}))
    assert key in {"TOO_MANY_ROWS", "TOO_MANY_COLUMNS"}


@pytest.mark.parametrize("cell", [b'<c s=">" r="XFD1048576"><v>1</v></c>', b"<x:c r='XFD1048576'><x:v>1</x:v></x:c>"])
def test_a_far_cell_hidden_from_the_search_ends_with_the_process(cell):
    hidden = b'<row r="5"><c r="B5"><v>1</v></c>' + cell + b'<c r="C5"><v>1</v></c></row></sheetData>'
    data = rebuild(GOOD, {SHEET: lambda xml: xml.replace(b"</sheetData>", hidden)})
    assert refusal(data) in {"FILE_TOO_LARGE_UNPACKED", "FILE_UNREADABLE", "TOO_MANY_ROWS", "TOO_MANY_COLUMNS"}


def test_a_false_dimension_and_blank_formatted_rows_do_no_harm():
    def pad(xml):
        xml = re.sub(rb"<sheetData>", b'<dimension ref="A1:XFD1048576"/><sheetData>', xml)
        return xml.replace(b"</sheetData>", b'<row r="1048576"><c r="A1048576" s="1"/></row></sheetData>')

    assert examine(rebuild(GOOD, {SHEET: pad})).total == 2


def test_a_million_rows_are_refused_by_the_limit_of_rows():
    rows = b"".join(b'<row r="%d"><c r="A%d"><v>1</v></c></row>' % (n, n) for n in range(4, 1_048_577, 5))
    data = rebuild(GOOD, {SHEET: lambda xml: xml.replace(b"</sheetData>", rows + b"</sheetData>")})
    with pytest.raises(TooLarge) as caught:
        workbook.read(data)
    assert caught.value.key == "TOO_MANY_ROWS"
    assert "60000" in caught.value.text()


@pytest.mark.parametrize("place", range(0, 60, 7))
def test_a_damaged_file_is_refused_or_read_but_never_crashes(place):
    data = bytearray(GOOD)
    for step in range(place, len(data), 997):
        data[step] ^= 0x55
    with pytest.raises((BadInput, TooLarge)):
        workbook.read(bytes(data))


def test_parts_packed_in_other_ways_are_refused():
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(GOOD)) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_LZMA) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))
    assert refusal(target.getvalue()) == "FILE_UNREADABLE"
