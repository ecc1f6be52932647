"""Workbooks as clerks fill them: what a template shows, and that rows, headers and cells are read as what they are."""

import io
import re
from datetime import date

import openpyxl
import pytest
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from pupils import CLASS_NUMBERS, CLASSES, SCHOOL, SLOTS, make_row, make_workbook, rebuild
from reading import GOOD, SHEET, examine, faults_of, refusal

from hub.errors import BadInput
from hub.intake import sheet, template, workbook


def edit(change):
    """The good workbook, changed in place by openpyxl."""
    book = openpyxl.load_workbook(io.BytesIO(GOOD))
    change(book[sheet.TITLE])
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


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


def test_a_file_may_be_given_as_a_path(tmp_path):
    path = tmp_path / "学生.xlsx"
    path.write_bytes(GOOD)
    assert workbook.read(path) == workbook.read(GOOD) == workbook.read(str(path))
