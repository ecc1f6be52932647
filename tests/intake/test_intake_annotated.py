"""The annotated return: the same rows, every mistake in its cell, and every row known again when it comes back."""

import asyncio
import io
from dataclasses import dataclass
from datetime import date

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.cell.cell import ERROR_CODES
from pupils import CLASS_NUMBERS, CLASSES, SCHOOL, TODAY, make_row, make_workbook, rebuild
from test_intake_cells import converted, soffice
from test_intake_delimited import listed, make_csv

from hub.errors import HubError
from hub.intake import annotated, check, grid, press, sheet, summary, template
from hub.intake.annotated import RowNote
from hub.intake.check import Fault
from hub.intake.container import Limits
from hub.intake.grid import REASON, STATUS, TOKEN

CAMPUS = template.SchoolSheet(SCHOOL, "平阳路小学", CLASSES)
LETTERS = {column.slot: column.letter for column in sheet.COLUMNS}


@dataclass(frozen=True)
class Mend:
    slot: str
    code: str
    taken: str

    def text(self, language="zh"):
        return {"zh": "已统一写法。", "en": "Written in another way."}[language]


@dataclass(frozen=True)
class Suggested:
    """A fault that knows what may have been meant."""

    fault: Fault
    suggestions: tuple[str, ...]

    def __getattr__(self, name):
        return getattr(self.fault, name)


def checked(data):
    read = grid.read(data, Limits())
    parts = check.check(read, school_code=SCHOOL, class_numbers=CLASS_NUMBERS, today=TODAY)
    return read, [fault for part in parts for fault in part.faults]


def noted(data, **verdicts):
    """Notes as an import makes them: a row with a fault is refused, the others as told."""
    read, faults = checked(data)
    notes = []
    for number, _ in read.rows:
        own = [fault for fault in faults if fault.row == number]
        notes.append(RowNote(number, "REFUSE" if own else verdicts.get(f"row{number}", "CREATE"), f"t-{number}", own))
    return notes


def returned(data, notes=None, **options):
    target = io.BytesIO()
    options = {"school": CAMPUS, "import_id": "import:7"} | options
    annotated.write(data, noted(data) if notes is None else notes, target, **options)
    return target.getvalue()


def edited(data, change, title=sheet.TITLE):
    book = openpyxl.load_workbook(io.BytesIO(data))
    change(book[title])
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def page_of(data, title=sheet.TITLE):
    return openpyxl.load_workbook(io.BytesIO(data))[title]


def column_of(page, header, row=1):
    [cell] = [cell for cell in page[row] if cell.value == header]
    return cell.column


FAULTY = make_workbook(
    make_row(),
    make_row(1, sex="未知", phone="123", strengths="=1+1"),
    make_row(2, name="王\x00明", ethnic_group="汉人"),
    make_row(3),
)


def test_the_return_holds_the_same_rows_and_is_known_again():
    before = grid.read(FAULTY, Limits())
    after = grid.read(returned(FAULTY), Limits())
    assert after.rows == before.rows
    assert (after.letters, after.header_row, after.unknown, after.version) == (LETTERS, 1, [], sheet.VERSION)
    assert (after.import_id, after.school_code) == ("import:7", SCHOOL)
    assert after.tokens == {number: f"t-{number}" for number in (2, 3, 4, 5)}
    assert (before.import_id, before.tokens) == (None, {})
    assert checked(returned(FAULTY))[1] == checked(FAULTY)[1]


def test_a_wrong_cell_is_red_and_says_what_is_wrong_and_what_to_do():
    page = page_of(returned(FAULTY))
    _, faults = checked(FAULTY)
    assert {cell.coordinate for row in page for cell in row if cell.comment} == {
        f"{fault.column}{fault.row}" for fault in faults
    }
    for fault in faults:
        cell = page[f"{fault.column}{fault.row}"]
        assert cell.fill.fgColor.rgb == "00FFC7CE"
        assert fault.text() in cell.comment.text
        assert fault.remedy() in cell.comment.text
        assert fault.key in cell.comment.text
    assert page["B2"].fill.fill_type is None
    assert page["B2"].number_format == page["C3"].number_format == "@"


def test_beside_each_row_stands_what_became_of_it_and_why():
    data = make_workbook(*(make_row(place) for place in range(4)), make_row(4, sex="?"))
    page = page_of(returned(data, noted(data, row3="UPDATE", row4="UNCHANGED", row5="SOMETHING")))
    status, reason, token = (column_of(page, header) for header in (STATUS, REASON, TOKEN))
    assert [status, reason, token] == [72, 73, 74]
    assert [page.cell(row, status).value for row in range(2, 7)] == ["新增", "更新", "未变", "SOMETHING", "未通过"]
    assert [bool(page.cell(row, reason).value) for row in range(2, 7)] == [False] * 4 + [True]
    assert "性别" in page.cell(6, reason).value
    hidden = {letter for letter, dimension in page.column_dimensions.items() if dimension.hidden}
    assert hidden == {sheet.letter(token)}
    assert page.auto_filter.ref == f"A1:{sheet.letter(reason)}6"
    assert page.freeze_panes == "C2"


def test_mended_and_doubtful_cells_are_told_in_other_colours_and_wrong_ones_come_first():
    mend, fault = Mend("birth_date", "DATE_FORM", "20060102"), Fault(2, "D", "出生日期", "birth_date", "BAD_DATE")
    doubt = Fault(2, "W", "联系电话", "phone", "BAD_PHONE")
    notes = [RowNote(2, "CREATE", "a", mended=[mend], warnings=[doubt]), RowNote(3, "REFUSE", "b", [fault], [mend])]
    page = page_of(returned(make_workbook(make_row(), make_row(1)), notes))
    fills = [page[place].fill.fgColor.rgb[2:] for place in ("D2", "W2", "D3")]
    assert fills == [summary.COLOURS[kind][0] for kind in ("MENDED", "WARNED", "WRONG")]
    assert "20060102" in page["D2"].comment.text
    assert page["D3"].comment.text.index("BAD_DATE") < page["D3"].comment.text.index("DATE_FORM")
    assert "联系电话" in page.cell(2, column_of(page, REASON)).value


def test_what_may_have_been_meant_is_offered_in_the_comment():
    _, faults = checked(make_workbook(make_row(id_number="140105200601020011")))
    meant = ("140105200601020010", "140105200601020029")
    page = page_of(returned(make_workbook(make_row()), [RowNote(2, "REFUSE", "t", [Suggested(faults[0], meant)])]))
    assert all(number in page["M2"].comment.text for number in meant)


def test_the_first_sheet_counts_and_says_how_to_go_on():
    data = make_workbook(make_row(), make_row(1, sex="?"), make_row(2, sex="!", phone="1"))
    book = openpyxl.load_workbook(io.BytesIO(returned(data, language="zh")))
    assert book.sheetnames[:2] == [summary.TITLE, sheet.TITLE]
    assert book.active.title == summary.TITLE
    rows = [[cell.value for cell in row] for row in book.active]
    assert [row[:2] for row in rows[2:7]] == [[1, "新增"], [0, "更新"], [0, "未变"], [2, "未通过"], [3, "合计"]]
    listed_faults = [row for row in rows if row[6] in ("UNKNOWN_OPTION", "BAD_PHONE")]
    assert [(row[0], row[1], row[2], row[5]) for row in listed_faults] == [
        (2, "C", "性别", "C3"),
        (1, "W", "联系电话", "W4"),
    ]
    links = {cell.value: cell.hyperlink.location for row in book.active for cell in row if cell.hyperlink}
    assert links == {"C3": "'学生基本信息'!C3", "W4": "'学生基本信息'!W4"}


def test_the_return_speaks_english_where_it_is_asked_to():
    book = openpyxl.load_workbook(io.BytesIO(returned(FAULTY, language="en")))
    words = {cell.value for row in book.active for cell in row}
    assert {"How to go on", "what is wrong"} <= words
    assert "is not one of the options" in book[sheet.TITLE]["C3"].comment.text


def test_correcting_deleting_adding_copying_and_sorting_rows_keeps_the_tokens_right():
    def correct(page):
        page["C3"], page["W3"], page["B4"] = "男", "13900000001", "王明"
        page.delete_rows(5)
        for column, value in enumerate(listed(make_row(9))[0], 1):
            page.cell(5, column, value)  # a new pupil
        for cell in page[2]:
            page.cell(6, cell.column, cell.value)  # row 2 once more
        first, second = [cell.value for cell in page[3]], [cell.value for cell in page[4]]
        for column, (one, other) in enumerate(zip(first, second, strict=True), 1):
            page.cell(3, column, other)
            page.cell(4, column, one)

    back = grid.read(edited(returned(FAULTY), correct), Limits())
    assert [number for number, _ in back.rows] == [2, 3, 4, 5, 6]
    assert back.tokens == {3: "t-4", 4: "t-3"}
    assert back.import_id == "import:7"
    assert back.unknown == []


def test_a_return_of_a_return_has_the_same_columns_and_newer_words():
    first = returned(FAULTY)
    mended = edited(first, lambda page: (page.__setitem__("C3", "男"), page.__setitem__("W3", "13900000001")))
    again = returned(mended, import_id="import:8")
    assert [cell.value for cell in page_of(again)[1]] == [cell.value for cell in page_of(first)[1]]
    assert (grid.read(again, Limits()).import_id, len(page_of(again)[3])) == ("import:8", 74)
    assert page_of(again)["C3"].comment is None
    assert page_of(again).cell(3, 72).value == "新增"


def test_unknown_columns_rows_above_and_stray_cells_stay_where_they_were():
    def change(page):
        page.insert_rows(1)
        page["A1"] = "平阳路小学"
        page.insert_cols(1)
        page["A2"], page["A3"], page["BU5"] = "备注", "=SUM(1)", "飘来的字"
        page["A3"].data_type = "s"

    data = edited(make_workbook(make_row(), make_row(1, sex="?"), make_row(2)), change)
    back = returned(data)
    before, after = grid.read(data, Limits()), grid.read(back, Limits())
    assert (after.rows, after.letters, after.header_row) == (before.rows, before.letters, 2)
    assert after.unknown == before.unknown == ["备注"]
    page = page_of(back)
    assert [page[place].value for place in ("B1", "A2", "A3", "BU5")] == ["平阳路小学", "备注", "=SUM(1)", "飘来的字"]
    assert page["A3"].data_type == "s"
    assert [column_of(page, header, 2) for header in (STATUS, REASON, TOKEN)] == [74, 75, 76]
    assert page["D4"].comment is not None


def test_cells_that_are_no_text_come_back_as_what_the_clerk_saw():
    def change(page):
        page["D2"], page["Q2"], page["W2"], page["AF2"], page["AB2"] = (
            date(2006, 1, 2),
            date(2013, 9, 1),
            13900000001,
            1.5,
            True,
        )
        page["M3"], page["AC3"], page["AL3"] = 140105200601030016, "#N/A", "=1+1"
        page["BT1"], page["BT2"] = "日期", date(2020, 2, 3)

    back = returned(edited(make_workbook(make_row(), make_row(1)), change))
    page = page_of(back)
    shown = {place: page[place].value for place in ("D2", "Q2", "W2", "AF2", "AB2", "M3", "BT2")}
    assert shown == {
        "D2": "20060102",
        "Q2": "201309",
        "W2": "13900000001",
        "AF2": "1.5",
        "AB2": "TRUE",
        "M3": "1.40105200601030E+17",
        "BT2": "2020-02-03",
    }
    assert (page["AC3"].value, page["AC3"].data_type) == ("#N/A", "e")
    assert {(fault.slot, fault.key) for fault in checked(back)[1]} >= {
        ("id_number", "NUMBER_LOST_DIGITS"),
        ("living_allowance", "ERROR_CELL"),
    }


def test_a_formula_comes_back_as_the_text_it_shows_never_as_a_formula():
    cached = b'<c r="X3" t="str"><f>HYPERLINK("http://x","030032")</f><v>030032</v></c>'
    one = rebuild(
        make_workbook(make_row(), make_row(1)), {"xl/worksheets/sheet1.xml": lambda xml: swap(xml, b"X3", cached)}
    )
    assert [(fault.row, fault.key) for fault in checked(one)[1]] == [(3, "FORMULA_NOT_ALLOWED")]
    back = returned(one)
    page = page_of(back)
    assert (page["X3"].value, page["X3"].data_type) == ("030032", "s")
    assert "FORMULA_NOT_ALLOWED" in page["X3"].comment.text
    assert not [cell for row in page for cell in row if cell.data_type == "f"]


def swap(xml, place, cell):
    start = xml.index(b'<c r="' + place + b'"')
    return xml[:start] + cell + xml[xml.index(b"</c>", start) + 4 :]


dangerous = st.sampled_from(
    ["=1+1", "+1", "-1", "@SUM(A1)", "\ta", *sorted(ERROR_CODES), "_x0041_", "a\r\nb", " a ", "<&>\"'", "😀"]
)


@settings(max_examples=20)
@given(st.lists(dangerous | st.text(max_size=50), min_size=1, max_size=8))
def test_any_text_goes_out_and_comes_back_to_the_letter(words):
    words = [word.encode("utf-8", "ignore").decode() for word in words]
    data = make_workbook(*(make_row(place, strengths=word) for place, word in enumerate(words)))
    marks = [Fault(2, "AL", "特长", "strengths", "TOO_LONG", None, {"limit": words[0]})]
    back = returned(data, [RowNote(2, "REFUSE", words[-1][:30] or "t", marks)])
    assert grid.read(back, Limits()).rows == grid.read(data, Limits()).rows
    page = page_of(back)
    assert {cell.data_type for row in page for cell in row} <= {"s", "n"}  # n: nothing at all
    again = grid.read(returned(back, []), Limits())
    assert again.rows == grid.read(data, Limits()).rows


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_of_a_text_with_separators_a_workbook_comes_back(encoding):
    data = make_csv(*listed(make_row(), make_row(1, sex="?", home_page="一\n二")), encoding=encoding)
    back = returned(data)
    after = grid.read(back, Limits())
    assert after.rows == grid.read(data, Limits()).rows
    assert (after.tokens, after.school_code) == ({2: "t-2", 3: "t-3"}, SCHOOL)
    assert page_of(back)["C3"].comment is not None


def test_the_drop_downs_are_offered_again_in_the_columns_where_they_belong():
    data = edited(make_workbook(make_row(), make_row(1)), lambda page: page.insert_cols(1))
    page = page_of(returned(data))
    offered = {str(choice.sqref) for choice in page.data_validations.dataValidation}
    assert {"D2:D3", "Q2:Q3", "B2:B3"} <= offered  # sex, class, school
    bare = page_of(returned(data, school=None))
    assert {str(choice.sqref) for choice in bare.data_validations.dataValidation} == offered - {"Q2:Q3", "B2:B3"}


def test_more_marks_than_a_spreadsheet_bears_are_coloured_and_counted(monkeypatch):
    monkeypatch.setattr(annotated, "MOST_REMARKS", 3)
    data = make_workbook(*(make_row(place, sex="?", phone="1") for place in range(4)))
    back = returned(data)
    page = page_of(back)
    cells = [page[f"{letter}{row}"] for row in range(2, 6) for letter in ("C", "W")]
    assert sum(cell.comment is not None for cell in cells) == 3
    assert {cell.fill.fgColor.rgb for cell in cells} == {"00FFC7CE"}
    assert page.cell(5, column_of(page, REASON)).value
    assert any("另有 5 处" in str(cell.value) for row in page_of(back, summary.TITLE) for cell in row)


def test_the_process_writes_the_same_and_tells_what_is_wrong_with_a_file():
    notes = noted(FAULTY)
    written = press.annotated(FAULTY, notes, school=CAMPUS, import_id="import:7")
    assert grid.read(written, Limits()) == grid.read(returned(FAULTY, notes), Limits())
    texts = [
        {cell.coordinate: cell.comment.text for row in page_of(data) for cell in row if cell.comment}
        for data in (written, returned(FAULTY, notes))
    ]
    assert texts[0] == texts[1] != {}
    for data, key in (
        (b"", "FILE_EMPTY"),
        (b"%PDF", "NOT_A_WORKBOOK"),
        (FAULTY[:-9], "FILE_UNREADABLE"),
        (b"a,b", "WRONG_TEMPLATE"),
    ):
        with pytest.raises(HubError) as caught:
            press.annotated(data, notes)
        assert caught.value.key == key


def test_the_process_ends_at_its_deadline_and_memory():
    for limits in (Limits(seconds=0), Limits(memory=10_000_000)):
        with pytest.raises(HubError) as caught:
            press.annotated(FAULTY, [], limits)
        assert caught.value.key in {"FILE_TOO_LARGE_UNPACKED", "FILE_UNREADABLE"}


async def test_a_template_with_rows_is_written_in_the_process():
    rows = [press.packed(make_row(place)) for place in range(3)]
    data = await asyncio.to_thread(press.template, CAMPUS, rows)
    assert grid.read(data, Limits()) == grid.read(make_workbook(*(make_row(place) for place in range(3))), Limits())


@soffice
def test_libreoffice_opens_the_return_shows_its_comments_and_saves_it_with_its_tokens(tmp_path):
    back = converted(returned(FAULTY), tmp_path, "xlsx")
    after = grid.read(back, Limits())
    assert after.rows == grid.read(FAULTY, Limits()).rows
    assert (after.tokens, after.import_id, after.unknown) == ({n: f"t-{n}" for n in (2, 3, 4, 5)}, "import:7", [])
    _, faults = checked(FAULTY)
    page = page_of(back)
    assert {cell.coordinate for row in page for cell in row if cell.comment} == {f"{f.column}{f.row}" for f in faults}
