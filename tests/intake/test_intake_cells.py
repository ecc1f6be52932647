"""Workbooks as Excel, WPS, LibreOffice and openpyxl write them; calamine, which knows them all, says what they hold."""

import io
import re
import shutil
import subprocess
from datetime import date, datetime, time, timedelta

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from pupils import CLASSES, SCHOOL, SLOTS, make_row, make_workbook, rebuild
from python_calamine import CalamineWorkbook
from reading import GOOD, SHEET

from hub.errors import HubError
from hub.intake import cells, container, grid, markup, shared, sheet, template
from hub.intake.container import Limits, Package
from hub.intake.line import Odd

soffice = pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is not installed")


def cells_of(data: bytes, place: int = 0) -> dict[tuple[int, int], object]:
    """Every cell of a sheet that holds anything, by row from 1 and column from 0."""
    package = Package(data, Limits())
    part = container.sheets(package)[place][1]
    strings, looks = shared.strings(package), shared.Looks(package)
    lines = cells.rows(package.stream(part), strings, looks, Limits())
    return {
        (line.number, column): value
        for line in lines
        for column, value in zip(line.columns, line.values, strict=True)
        if value is not None
    }


def by_calamine(data: bytes, place: int = 0) -> dict[tuple[int, int], object]:
    """The same as calamine reads it: whole numbers as such, days without their midnight."""
    table = CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(place).to_python(skip_empty_area=False)
    found: dict[tuple[int, int], object] = {}
    for number, row in enumerate(table, 1):
        for column, value in enumerate(row):
            whole = isinstance(value, float) and value.is_integer()
            found[number, column] = int(value) if whole else value.date() if isinstance(value, datetime) else value
    return {place: value for place, value in found.items() if value != ""}


def booked(*rows: tuple[object, ...]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def converted(data: bytes, tmp_path, to: str, name: str = "book.xlsx") -> bytes:
    """A file as LibreOffice writes it again."""
    source, out = tmp_path / name, tmp_path / "out"
    source.write_bytes(data)
    profile = f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"
    asked = [shutil.which("soffice"), "--headless", profile, "--convert-to", to, "--outdir", str(out), str(source)]
    subprocess.run(asked, check=True, capture_output=True, timeout=180)
    [written] = out.iterdir()
    return written.read_bytes()


MIXED = booked(
    ("文字", 1, 1.5, True, False, None, date(2006, 1, 2), date(2013, 9, 1), " 空 格 ", "两\n行", "制\t表"),
    (),
    (None, None, None, "远", -3, 0, 13900000001, "&<>\"'", "😀", "_x0041_", "a_x000D_b"),
    (CellRichText("绘", TextBlock(InlineFont(b=True), "画 "), "&"),),
)


def test_cells_of_every_kind_are_what_calamine_reads():
    ours = cells_of(MIXED)
    assert ours == by_calamine(MIXED)
    assert (type(ours[1, 3]), ours[1, 6], ours[3, 9], ours[4, 0]) == (bool, date(2006, 1, 2), "A", "绘画 &")


def test_a_time_of_day_is_no_value_and_says_what_was_shown():
    assert cells_of(booked((time(8, 30), timedelta(hours=7)))) == {
        (1, 0): Odd("WRONG_TYPE", "8:30:00"),
        (1, 1): Odd("WRONG_TYPE", "7:00:00"),
    }


@pytest.mark.parametrize(
    "look",
    ["yyyy-mm-dd", 'yyyy"年"m"月"d"日"', "[$-804]yyyy/m/d;@", "m/d/yy", "[Red]d-mmm-yy", "mm-dd-yy", 'yyyy"年"m"月"'],
)
def test_days_are_told_by_their_look_alone(look):
    book = openpyxl.Workbook()
    book.active["A1"], book.active["B1"], book.active["C1"] = 41_518, 41_518, 41_518
    book.active["A1"].number_format = look
    book.active["C1"].number_format = '0.00_);[Red]("days" 0.00)'
    target = io.BytesIO()
    book.save(target)
    assert cells_of(target.getvalue()) == {(1, 0): date(2013, 9, 1), (1, 1): 41_518, (1, 2): 41_518}


def test_days_of_a_workbook_that_counts_from_1904():
    book = openpyxl.Workbook()
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    book.active["A1"] = date(2013, 9, 1)
    target = io.BytesIO()
    book.save(target)
    assert cells_of(target.getvalue()) == by_calamine(target.getvalue()) == {(1, 0): date(2013, 9, 1)}


texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")
) | st.sampled_from(
    [
        "=1+1",
        "+a",
        "-",
        "@x",
        "#N/A",
        "_x0041_",
        "_x005F_",
        "]]>",
        "<c>",
        "&amp;",
        " a ",
        "\n",
        "a\nb",
        "\t",
        "\u00a0",
        "'x",
    ]
)
values = st.none() | texts | st.integers(-(2**52), 2**52) | st.booleans() | st.dates(date(1901, 1, 1), date(2199, 1, 1))


@settings(max_examples=150)
@given(st.lists(st.lists(values, max_size=6), min_size=1, max_size=6))
def test_whatever_openpyxl_writes_is_read_as_calamine_reads_it(rows):
    book = openpyxl.Workbook()
    for number, row in enumerate(rows, 1):
        for column, value in enumerate(row, 1):
            cell = book.active.cell(number, column, value)
            if isinstance(value, str):
                cell.data_type = "s"
    target = io.BytesIO()
    book.save(target)
    blank = {
        place for place, value in cells_of(target.getvalue()).items() if isinstance(value, str) and value.isspace()
    }
    ours = {place: value for place, value in cells_of(target.getvalue()).items() if place not in blank}
    assert ours == {place: value for place, value in by_calamine(target.getvalue()).items() if place not in blank}


@settings(max_examples=100)
@given(st.lists(st.text(max_size=40) | texts, min_size=1, max_size=20))
def test_any_text_that_is_filled_in_is_read_back_to_the_letter(words):
    words = [word.encode("utf-8", "ignore").decode() for word in words]
    target = io.BytesIO()
    template.fill(template.SchoolSheet(SCHOOL, "平阳路小学", CLASSES), [{"strengths": word} for word in words], target)
    read = grid.read(target.getvalue(), Limits())
    place = SLOTS.index("strengths")
    assert {number: row[place] for number, row in read.rows} == {
        number: word for number, word in enumerate(words, 2) if word
    }


def spaced(xml: bytes) -> bytes:
    """As some programs write: every element on a line of its own."""
    return xml.replace(b"><", b">\n  <")


def prefixed(xml: bytes) -> bytes:
    """As others write: every element with a prefix."""
    xml = re.sub(rb"<(/?)(?=[a-zA-Z])", rb"<\1x:", xml)
    return xml.replace(b"x:worksheet xmlns=", b"x:worksheet xmlns:x=")


def unnumbered(xml: bytes) -> bytes:
    """As the standard allows: no cell says where it stands."""
    return re.sub(rb' r="[A-Z]*[0-9]+"', b"", xml)


def swapped(xml: bytes) -> bytes:
    """As Java programs write: the place of a cell is not its first attribute."""
    return re.sub(rb'<c (r="[A-Z]+[0-9]+") (s="[0-9]+" )?t="([a-zA-Z]+)"', rb'<c t="\3" \2\1', xml)


def commented(xml: bytes) -> bytes:
    return xml.replace(b"<row ", b'<!-- <row r="1"><c r="A1"><v>1</v></c></row> --><row ', 2)


def sectioned(xml: bytes) -> bytes:
    return re.sub(rb"<t>([^<&]+)</t>", rb"<t><![CDATA[\1]]></t>", xml)


def quoted(xml: bytes) -> bytes:
    return xml.replace(b"<row ", b"<row spans='1:71' ").replace(b't="n"', b"t='n'")


@pytest.mark.parametrize("other", [spaced, prefixed, unnumbered, swapped, commented, sectioned, quoted])
def test_the_same_sheet_written_in_another_way_says_the_same(other):
    dense = booked(
        *[tuple(f"{row}·{column}" if row % 3 else row * column for column in range(1, 9)) for row in range(1, 40)]
    )
    for data in (dense, MIXED if other is not unnumbered else dense):
        again = rebuild(data, {SHEET: other})
        assert again != data
        assert cells_of(again) == cells_of(data)


@pytest.mark.parametrize("other", [spaced, prefixed, swapped, commented, sectioned])
def test_shared_texts_written_in_another_way_say_the_same(other):
    again = rebuild(MIXED, {"xl/sharedStrings.xml": lambda xml: other(xml).replace(b"x:sst xmlns=", b"x:sst xmlns:x=")})
    if other is spaced:
        again = rebuild(MIXED, {"xl/sharedStrings.xml": lambda xml: xml.replace(b"</si><si>", b"</si>\n<si>")})
    assert cells_of(again) == cells_of(MIXED)


def test_how_a_word_is_pronounced_is_no_part_of_it():
    def add(xml):
        return xml.replace("<t>文字</t>".encode(), '<t>文字</t><rPh sb="0" eb="2"><t>wenzi</t></rPh>'.encode())

    assert cells_of(rebuild(MIXED, {"xl/sharedStrings.xml": add})) == cells_of(MIXED)


def test_looks_and_rows_of_the_same_number_are_not_mixed_up():
    """A row is told apart from others by its markup without its number, which may be that of a look as well."""
    book = openpyxl.Workbook()
    for number in range(1, 60):
        book.active.cell(number, 1, 41_518)
        book.active.cell(number, 2, "x").number_format = f"0.{'0' * (number % 30)}"
    book.active.cell(12, 1).number_format = "yyyy-mm-dd"
    book.active.cell(13, 1).number_format = "0.000"
    target = io.BytesIO()
    book.save(target)
    days = {place for place, value in cells_of(target.getvalue()).items() if isinstance(value, date)}
    assert days == {(12, 0)}


@pytest.mark.parametrize(
    "broken",
    [
        lambda xml: xml.replace(b"</row>", b"</raw>", 1),
        lambda xml: xml.replace(b"</c>", b"", 1),
        lambda xml: xml.replace(b"</t>", b"&nothing;</t>", 1),
        lambda xml: xml.replace(b'r="3"', b'r="1"', 1),
        lambda xml: xml.replace(b"</sheetData>", b"</sheetData><"),
        lambda xml: xml.replace("姓名".encode(), b"\xff\xfe", 1),
        lambda xml: xml.replace(b't="inlineStr"', b't="s"', 3),
        lambda xml: xml + b"<more/>",
    ],
)
def test_a_sheet_that_is_not_well_formed_is_refused(broken):
    with pytest.raises(HubError) as caught:
        grid.read(rebuild(GOOD, {SHEET: broken}), Limits())
    assert caught.value.key == "FILE_UNREADABLE"


@pytest.mark.parametrize("writer", ["openpyxl", pytest.param("LibreOffice", marks=soffice)])
def test_rows_and_texts_of_the_usual_form_are_not_left_to_the_parser(tmp_path, monkeypatch, writer):
    """Whatever Python reads them: a pattern that one of its releases does not match costs four times the seconds."""
    many = make_workbook(*(make_row(at) for at in range(40)))
    if writer == "LibreOffice":
        many = converted(many, tmp_path, "xlsx")
    parsed: list[str] = []
    parse = markup.Markup._parse

    def counted(self: markup.Markup, piece: str) -> None:
        parsed.append(piece)
        parse(self, piece)

    monkeypatch.setattr(markup.Markup, "_parse", counted)
    assert len(cells_of(many)) > 40 * 20
    assert sum(piece.count("</row>") + piece.count("</si>") for piece in parsed) == 0


def test_a_workbook_with_the_quirks_of_wps_is_read():
    """Absolute names of parts, no dimension, the sheet not first, foreign namespaces, a part of its own."""

    def rels(xml):
        return xml.replace(b'Target="worksheets/', b'Target="/xl/worksheets/')

    def workbook(xml):
        sheets = re.findall(rb"<sheet .*?/>", xml)
        return xml.replace(b"".join(sheets), b"".join(reversed(sheets)))

    def page(xml):
        foreign = b'<worksheet xmlns:xr="http://x" xmlns:etc="http://www.wps.cn/officeDocument/2017/etCustomData" '
        return re.sub(rb"<dimension [^>]*/>", b"", xml.replace(b"<worksheet ", foreign, 1))

    parts = {"xl/_rels/workbook.xml.rels": rels, "xl/workbook.xml": workbook, SHEET: page}
    data = rebuild(GOOD, parts, add={"docProps/custom.wps.xml": b"<Properties/>"})
    assert grid.read(data, Limits()) == grid.read(GOOD, Limits())


@soffice
def test_what_libreoffice_saves_of_a_template_is_read_as_it_was(tmp_path):
    odd = make_row(1, strengths="=1+1 & <b>", home_page="行一\n行二", former_name="买买提·阿不都", email="_x0041_")
    data = make_workbook(make_row(), odd, make_row(2, present_address="平阳路1号 Room A", phone="0351-7654321"))
    before = grid.read(data, Limits())
    after = grid.read(converted(data, tmp_path, "xlsx"), Limits())
    assert after.rows == before.rows
    assert (after.letters, after.version, after.school_code) == (before.letters, sheet.VERSION, SCHOOL)
    assert after.oddities == before.oddities == {}


@soffice
def test_every_kind_of_cell_that_libreoffice_saves_is_what_calamine_reads(tmp_path):
    data = converted(MIXED, tmp_path, "xlsx")
    truths = {(1, 3): Odd("FORMULA_NOT_ALLOWED", "1"), (1, 4): Odd("FORMULA_NOT_ALLOWED", "0")}  # as =TRUE(), =FALSE()
    assert cells_of(data) == by_calamine(data) | truths


@soffice
@pytest.mark.parametrize(("to", "found"), [("ods", "OpenDocument"), ("pdf", "PDF"), ("html", "HTML"), ("xls", None)])
def test_other_files_that_libreoffice_saves_are_refused_by_name(tmp_path, to, found):
    with pytest.raises(HubError) as caught:
        grid.read(converted(GOOD, tmp_path, to), Limits())
    assert caught.value.key == ("NOT_A_WORKBOOK" if found else "FILE_OLD_FORMAT")
    assert found is None or found in caught.value.text()


@pytest.mark.parametrize(
    ("start", "found"),
    [
        (b'{"a": 1}', "JSON"),
        (b'\xef\xbb\xbf [{"a": 1}]', "JSON"),
        (b"%PDF-1.7", "PDF"),
        (b"  <html>", "HTML"),
        (b"\x89PNG\r\n", "PNG"),
        (b"\xff\xd8\xff\xe0", "JPEG"),
        (b"Rar!\x1a", "RAR"),
        (b"\xff\xfea\0b\0", "UTF-16"),
        (b"abc\0def", "?"),
    ],
)
def test_other_kinds_of_files_are_refused_by_name(start, found):
    with pytest.raises(HubError) as caught:
        grid.read(start + b"\n" * 100, Limits())
    assert (caught.value.key, caught.value.values["found"][: len(found)]) == ("NOT_A_WORKBOOK", found)


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ("word/document.xml", "Word"),
        ("ppt/presentation.xml", "PowerPoint"),
        ("xl/workbook.bin", "xlsb"),
        ("a.txt", "zip"),
    ],
)
def test_other_archives_are_refused_by_name(part, found):
    data = rebuild(GOOD, drop=["xl/workbook.xml"], add={part: b"<x/>"})
    with pytest.raises(HubError) as caught:
        grid.read(data, Limits())
    assert caught.value.key == "NOT_A_WORKBOOK"
    assert found in caught.value.text()


@pytest.mark.parametrize(
    "header",
    [
        "姓 名",
        "姓\n名",
        "*姓名",
        "姓名*",
        "＊姓名",
        "姓名（必填）",
        "姓名(必填)",
        "\u3000姓名\u200b",
        "姓名★",
        "★ 姓名 [必填]",
    ],
)
def test_a_header_is_known_with_blanks_breaks_and_marks(header):
    book = openpyxl.load_workbook(io.BytesIO(GOOD))
    book[sheet.TITLE]["B1"] = header
    target = io.BytesIO()
    book.save(target)
    assert grid.read(target.getvalue(), Limits()) == grid.read(GOOD, Limits())
