import asyncio
import io
import re
import struct
import sys
import time
import zipfile
from contextlib import suppress
from datetime import date
from itertools import accumulate
from pathlib import Path

import openpyxl
import pytest
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from pupils import CLASS_NUMBERS, CLASSES, SCHOOL, SLOTS, TODAY, make_row, make_workbook, rebuild

from hub.errors import BadInput, HubError, TooLarge
from hub.intake import beside, check, readers, sheet, template, workbook
from hub.intake.container import Limits

SHEET = "xl/worksheets/sheet1.xml"
GOOD = make_workbook(make_row(), make_row(1))


def parts_of(data, *, abreast=False, **limits):
    async def collect():
        school = {"school_code": SCHOOL, "class_numbers": CLASS_NUMBERS, "today": TODAY, "beside": abreast}
        return [part async for part in workbook.examine(data, Limits(**limits), **school)]

    return asyncio.run(collect())


def examine(data, **limits):
    [checked] = parts_of(data, **limits)
    return checked


def refusal(data, **limits):
    with pytest.raises(HubError) as caught:
        workbook.read(data, Limits(**limits))
    for language in ("zh", "en"):
        assert "{" not in caught.value.text(language) + caught.value.remedy(language)
    return caught.value.key


def edit(change):
    """The good workbook, changed in place by openpyxl."""
    book = openpyxl.load_workbook(io.BytesIO(GOOD))
    change(book[sheet.TITLE])
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def faults_of(checked):
    return [(fault.row, fault.column, fault.slot, fault.key) for fault in checked.faults]


def test_what_is_filled_in_is_read_back():
    rows = [make_row(), make_row(1, strengths="=1+1", former_name="-", home_page="@x")]
    read = workbook.read(make_workbook(*rows))
    assert (read.header_row, read.version, read.school_code, read.unknown) == (1, sheet.VERSION, SCHOOL, [])
    assert [number for number, _ in read.rows] == [2, 3]
    for (_, cells), row in zip(read.rows, rows, strict=True):
        assert cells == [row.get(slot) for slot in SLOTS]
    assert read.oddities == {}


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "#N/A", "#REF!", "=cmd|' /C calc'!A0"])
def test_text_that_begins_like_a_formula_stays_text(text):
    data = make_workbook(make_row(strengths=text))
    cell = openpyxl.load_workbook(io.BytesIO(data))[sheet.TITLE].cell(2, SLOTS.index("strengths") + 1)
    assert (cell.value, cell.data_type) == (text, "s")
    checked = examine(data)
    assert checked.faults == []
    assert checked.rows[0].values["strengths"] == text


def test_a_template_shows_its_school_its_options_and_its_version():
    target = io.BytesIO()
    template.write(template.SchoolSheet(SCHOOL, "=平阳路小学", CLASSES), target)
    book = openpyxl.load_workbook(target)
    page = book[sheet.TITLE]
    assert [cell.value for cell in page[1]] == [column.header for column in sheet.COLUMNS]
    assert [cell.font.bold for cell in page[1]] == [True] * 71
    red = {cell.value for cell in page[1] if cell.fill.fgColor.rgb == "00FFC7CE"}
    assert red == {column.header for column in sheet.COLUMNS if column.required}
    assert page.freeze_panes == "C2"
    assert page.max_row == 1
    assert page.column_dimensions["M"].number_format == "@"
    offered = {str(choice.sqref).split(":")[0]: choice.formula1 for choice in page.data_validations.dataValidation}
    for place, expected in {"A2": [SCHOOL], "P2": CLASS_NUMBERS, "C2": ["男", "女"], "Y2": ["是", "否"]}.items():
        first, last = re.fullmatch(r"'代码表'!\$(\w+\$\d+):\$(\w+\$\d+)", offered[place]).groups()
        cells = book["代码表"][f"{first}:{last}".replace("$", "")]
        assert [row[0].value for row in cells] == expected
    assert book["代码表"].sheet_state == "hidden"
    assert book["填表说明"].max_row >= 73
    assert {item.name: item.value for item in book.custom_doc_props} == {
        "template-version": sheet.VERSION,
        "school-code": SCHOOL,
    }
    assert workbook.read(target.getvalue()).rows == []


def test_an_unknown_slot_is_an_error_of_the_caller():
    with pytest.raises(KeyError, match="nickname"):
        make_workbook({"nickname": "x"})


def test_a_control_character_is_written_and_told_of_its_cell():
    checked = examine(make_workbook(make_row(), make_row(1, name="王\x00明")))
    assert faults_of(checked) == [(3, "B", "name", "CONTROL_CHARACTERS")]


def test_the_order_of_columns_is_free_and_headers_are_read_leniently():
    def shuffle(page):
        page.insert_cols(1)
        page["A1"] = "备注"
        page["C1"] = " 姓 名★"
        page["AH1"] = "上下学（交通）方式"
        page.insert_rows(1)
        page["A1"] = "平阳路小学 学生基本信息"

    data = edit(shuffle)
    headers = {cell.value for cell in openpyxl.load_workbook(io.BytesIO(data))[sheet.TITLE][2]}
    assert "上下学（交通）方式" in headers
    read = workbook.read(data)
    assert (read.header_row, read.letters["name"], read.unknown) == (2, "C", ["备注"])
    checked = examine(edit(lambda page: (shuffle(page), page.__setitem__("D3", "未知"))))
    assert faults_of(checked) == [(3, "D", "sex", "UNKNOWN_OPTION")]


def test_a_missing_column_is_named():
    with pytest.raises(BadInput) as caught:
        workbook.read(edit(lambda page: page.delete_cols(2)))
    assert caught.value.key == "WRONG_TEMPLATE"
    assert "：姓名。" in caught.value.text()


def test_a_template_of_another_version_is_read_or_says_so():
    other = {"xl/worksheets/sheet4.xml": lambda xml: xml.replace(sheet.VERSION.encode(), b"2012.9")}
    assert workbook.read(rebuild(GOOD, other)).version == "2012.9"
    assert refusal(rebuild(edit(lambda page: page.delete_cols(2)), None)) == "WRONG_TEMPLATE"
    renamed = other | {SHEET: lambda xml: xml.replace("<t>姓名</t>".encode(), "<t>名字</t>".encode())}
    assert refusal(rebuild(GOOD, renamed)) == "TEMPLATE_TOO_OLD"


def test_a_column_twice_is_refused():
    assert refusal(edit(lambda page: page.__setitem__("BT1", "姓名"))) == "DUPLICATE_COLUMN"


def test_cells_of_other_types_are_read_as_what_they_are():
    def change(page):
        page["D2"] = date(2006, 1, 2)
        page["W2"] = 13900000001
        page["M3"] = 140105200601030016
        page["AB3"] = True
        page["AL2"] = CellRichText("绘", TextBlock(InlineFont(b=True), "画"))

    checked = examine(edit(change))
    assert checked.rows[0].values["birth_date"] == date(2006, 1, 2)
    assert checked.rows[0].values["phone"] == "13900000001"
    assert checked.rows[0].values["strengths"] == "绘画"
    assert faults_of(checked) == [
        (3, "M", "id_number", "NUMBER_LOST_DIGITS"),
        (3, "AB", "needs_aid", "WRONG_TYPE"),
    ]


def test_formulas_and_errors_are_faults_of_their_cells_with_and_without_a_stored_value():
    def change(page):
        page["B2"] = "=A1"
        page["AC2"] = "#N/A"
        page["AL3"] = "=1+1"

    checked = examine(edit(change))
    assert faults_of(checked) == [
        (2, "B", "name", "FORMULA_NOT_ALLOWED"),
        (2, "AC", "living_allowance", "ERROR_CELL"),
        (3, "AL", "strengths", "FORMULA_NOT_ALLOWED"),
    ]
    stored = rebuild(GOOD, {SHEET: lambda xml: re.sub(rb'<c r="X3"[^>]*>.*?</c>', cached_cell, xml, count=1)})
    assert faults_of(examine(stored)) == [(3, "X", "post_code", "FORMULA_NOT_ALLOWED")]


def cached_cell(_match):
    return b'<c r="X3" t="str"><f>A1</f><v>030032</v></c>'


def test_a_cell_of_too_much_text_is_a_fault():
    checked = examine(edit(lambda page: page.__setitem__("AL2", "长" * 32_767)))
    assert faults_of(checked) == [(2, "AL", "strengths", "CELL_TOO_LONG")]
    huge = {
        SHEET: lambda xml: xml.replace("<t>健康或良好</t>".encode(), b"<t>" + bytes(range(97, 122)) * 400_000 + b"</t>")
    }
    assert {key for *_, key in faults_of(examine(rebuild(GOOD, huge), ratio=100_000))} == {"CELL_TOO_LONG"}


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


def test_a_file_may_be_given_as_a_path(tmp_path):
    path = tmp_path / "学生.xlsx"
    path.write_bytes(GOOD)
    assert workbook.read(path) == workbook.read(GOOD) == workbook.read(str(path))


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


def test_the_deadline_and_the_memory_limit_end_the_process():
    rows = [make_row(place) for place in range(300)]
    data = make_workbook(*rows)
    assert refusal(data, seconds=0) == "FILE_TOO_LARGE_UNPACKED"
    assert refusal(data, memory=10_000_000) in {"FILE_TOO_LARGE_UNPACKED", "FILE_UNREADABLE"}
    assert len(workbook.read(data, Limits(seconds=30)).rows) == 300


def test_checking_in_the_other_process_answers_the_same():
    data = make_workbook(make_row(), make_row(1, sex="?"), make_row(), make_row(2, distance_km="0.25"))
    read = workbook.read(data)
    [here] = check.check(read, school_code=SCHOOL, class_numbers=CLASS_NUMBERS, today=TODAY)
    assert examine(data) == here
    assert (len(here.rows), len(here.faults)) == (2, 2)


def test_a_long_sheet_comes_in_parts_that_together_are_the_whole():
    rows = [make_row(place) for place in range(900)]
    data = make_workbook(*rows, make_row(0))
    [whole] = check.check(workbook.read(data), school_code=SCHOOL, class_numbers=CLASS_NUMBERS, today=TODAY)
    parts = parts_of(data)
    assert len(parts) > 2
    assert [row for part in parts for row in part.rows] == whole.rows
    assert [fault for part in parts for fault in part.faults] == whole.faults
    assert faults_of(whole) == [(902, "M", "id_number", "DUPLICATE_IN_FILE")]
    assert all(
        750 < done + part.coming < 1_050 for done, part in zip(accumulate(p.total for p in parts), parts, strict=True)
    )
    assert [part.coming > 0 for part in parts] == [True] * (len(parts) - 1) + [False]


def test_parts_nobody_awaits_end_the_other_process():
    async def leave():
        school = {"school_code": SCHOOL, "class_numbers": CLASS_NUMBERS, "today": TODAY}
        process = readers.take()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(readers, "take", lambda: process)
            parts = workbook.examine(make_workbook(*(make_row(place) for place in range(900))), **school)
            await anext(parts)
            await parts.aclose()
        return process

    assert asyncio.run(leave()).returncode is not None
    assert examine(GOOD).total == 2


def late(data):
    """A workbook whose last row is out of order."""

    def spoil(content):
        before, _, last = content.rpartition(b'<row r="')
        return before + b'<row r="3"' + last[last.index(b'"') + 1 :]

    return rebuild(data, {SHEET: spoil})


@pytest.mark.parametrize("abreast", [False, True])
def test_what_is_wrong_with_the_last_row_is_told_after_what_came_before(abreast):
    data, taken = late(make_workbook(*(make_row(place) for place in range(300)))), []

    async def collect():
        school = {"school_code": SCHOOL, "class_numbers": CLASS_NUMBERS, "today": TODAY, "beside": abreast}
        async for part in workbook.examine(data, **school):
            taken.append(part.total)  # noqa: PERF401 -- what came before is wanted

    with pytest.raises(BadInput, match="FILE_UNREADABLE"):
        asyncio.run(collect())
    assert 0 < sum(taken) < 300


@pytest.mark.skipif(not beside.POSSIBLE, reason="this system knows no forks")
def test_reading_beside_checking_answers_the_same():
    rows = [make_row(place, **({"sex": "?"} if place % 7 == 0 else {})) for place in range(400)]
    book = openpyxl.load_workbook(io.BytesIO(make_workbook(*rows, make_row(0))))
    page = book[sheet.TITLE]
    page.cell(5, SLOTS.index("birth_date") + 1).value = date(2006, 1, 2)
    page.cell(9, SLOTS.index("strengths") + 1).value = "=1+1"
    target = io.BytesIO()
    book.save(target)
    alone, both = parts_of(target.getvalue()), parts_of(target.getvalue(), abreast=True)
    assert [part.total for part in both] == [part.total for part in alone]
    for name in ("rows", "faults", "warnings", "mended", "refused", "letters", "unknown", "tokens"):
        assert [getattr(part, name) for part in both] == [getattr(part, name) for part in alone], name
    assert [part.coming > 0 for part in both] == [True] * (len(both) - 1) + [False]


@pytest.mark.skipif(not beside.POSSIBLE, reason="this system knows no forks")
@pytest.mark.parametrize("limits", [{"seconds": 0}, {"memory": 10_000_000}, {"rows": 100}])
def test_the_limits_hold_for_both_processes(limits):
    data = make_workbook(*(make_row(place) for place in range(300)))
    with pytest.raises((BadInput, TooLarge)):
        parts_of(data, abreast=True, **limits)


@pytest.mark.skipif(sys.platform != "linux", reason="told by /proc")
def test_who_leaves_ends_both_processes():
    def of_group(group):
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                if int(fields[2]) == group and fields[0] != "Z":
                    found.append(stat.parent.name)
        return found

    async def leave():
        process = readers.take()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(readers, "take", lambda: process)
            rows = (make_row(place) for place in range(3_000))
            school = {"school_code": SCHOOL, "class_numbers": CLASS_NUMBERS, "today": TODAY, "beside": True}
            parts = workbook.examine(make_workbook(*rows), **school)
            await anext(parts)
            during = len(of_group(process.pid))
            await parts.aclose()
        return process.pid, during

    group, during = asyncio.run(leave())
    assert during == 2
    for _ in range(100):
        if not of_group(group):
            break
        time.sleep(0.05)
    assert of_group(group) == []


def test_a_waiting_process_that_died_is_replaced():
    readers.prepare()
    waiting = readers.take()
    readers.end(waiting)
    readers._ready.append(waiting)
    assert examine(GOOD).total == 2


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


def test_grades_founder_and_switches_reach_the_other_process():
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in "030032")
    rows = [make_row(), make_row(1, post_code=wide, entry_month="201209"), make_row(2, bought_place="是")]
    rows += [make_row(3, travel_mode="校车")]
    asked = {
        "school_code": SCHOOL,
        "class_numbers": {number: [1] for number in CLASS_NUMBERS},
        "today": TODAY,
        "founder": "EDUCATION_DEPARTMENT",
        "first_grades": (1, 6, 10),
        "rules": {"SCHOOL_BUS_DISAGREES": "REFUSE"},
    }

    async def collect():
        return [part async for part in workbook.examine(make_workbook(*rows), **asked)]

    [there] = asyncio.run(collect())
    [here] = check.check(workbook.read(make_workbook(*rows)), **asked)
    assert there == here
    assert [(fault.row, fault.key) for fault in there.faults] == [
        (4, "BOUGHT_PLACE_AT_PUBLIC_SCHOOL"),
        (5, "SCHOOL_BUS_DISAGREES"),
    ]
    assert [(warning.row, warning.key) for warning in there.warnings] == [(3, "ENTRY_UNUSUAL_FOR_GRADE")]
    assert [(mend.row, mend.code, mend.written) for mend in there.mended] == [(3, "MENDED_FULL_WIDTH", wide)]
    assert [len(row.mended) for row in there.rows] == [0, 1]


def test_switches_that_are_none_are_refused_before_a_file_is_read():
    async def collect():
        parts = workbook.examine(b"", school_code=SCHOOL, class_numbers=[], today=TODAY, rules={"REQUIRED": "OFF"})
        return [part async for part in parts]

    with pytest.raises(ValueError, match="REQUIRED"):
        asyncio.run(collect())
