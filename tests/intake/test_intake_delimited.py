"""Texts with separators: their encodings, separators and quotes, and the same limits as workbooks."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pupils import CLASS_NUMBERS, SCHOOL, SLOTS, TODAY, make_row, make_workbook

from hub.errors import HubError
from hub.intake import check, grid, sheet, workbook
from hub.intake.container import Limits

HEADERS = [column.header for column in sheet.COLUMNS]
ODD = make_row(1, strengths='画"画",；\t好', home_page="行一\n行二", former_name="买买提·阿不都")
ENCODINGS = ["utf-8", "utf-8-sig", "gbk", "gb18030"]


def listed(*rows: dict[str, str]) -> list[list[str]]:
    return [[row.get(slot, "") for slot in SLOTS] for row in rows]


def make_csv(*rows: list[str], encoding: str = "utf-8", headers: list[str] = HEADERS, **form: object) -> bytes:
    target = io.StringIO()
    csv.writer(target, **({"lineterminator": "\r\n"} | form)).writerows([headers, *rows])
    return target.getvalue().encode(encoding)


def refusal(data: bytes, **limits: int) -> HubError:
    with pytest.raises(HubError) as caught:
        workbook.read(data, Limits(**limits))
    assert "{" not in caught.value.text() + caught.value.remedy("en")
    return caught.value


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\r\n", "\n", "\r"])
def test_the_same_rows_as_text_and_as_workbook_are_the_same(encoding, separator, ending):
    rows = [make_row(), ODD]
    quoted = (
        csv.QUOTE_ALL if ending == "\r" else csv.QUOTE_MINIMAL
    )  # the writer quotes no line feed where none ends a row
    form = {"delimiter": separator, "lineterminator": ending, "quoting": quoted}
    data = make_csv(*listed(*rows), encoding=encoding, **form)
    read, other = grid.read(data, Limits()), grid.read(make_workbook(*rows), Limits())
    assert read.rows == other.rows
    assert (read.letters, read.header_row, read.oddities) == (other.letters, 1, {})
    assert (read.version, read.school_code, read.tokens, read.import_id) == (None, None, {}, None)


@settings(max_examples=100)
@given(
    st.lists(
        st.lists(st.text(st.characters(codec="gb18030", exclude_characters="\r\n\0")), min_size=71, max_size=71),
        max_size=4,
    ),
    st.sampled_from(ENCODINGS[1:]),
)
def test_any_text_in_any_field_is_read_to_the_letter(rows, encoding):
    rows = [[field.encode(encoding, "ignore").decode(encoding) for field in row] for row in rows]
    read = grid.read(make_csv(*rows, encoding=encoding), Limits())
    plain = [(number, [field or None for field in row]) for number, row in enumerate(rows, 2)]
    plain = [row for row in plain if any(field is not None for field in row[1])]
    assert read.rows == [(number, [meant(field) for field in row]) for number, row in plain]


def meant(field):
    kept = field is not None and len(field) > 2 and field.startswith('="') and field.endswith('"')
    return field[2:-1].replace('""', '"') or None if kept and field[2:-1].replace('""', "").count('"') == 0 else field


def test_rows_are_numbered_as_a_spreadsheet_shows_them():
    first, second = listed(make_row(home_page="一\n二\r\n三"), make_row(1))
    data = make_csv([], first, [], [""] * 71, second)
    assert [number for number, _ in grid.read(data, Limits()).rows] == [3, 6]


def test_what_excel_writes_to_keep_a_text_a_text_is_that_text():
    row = listed(make_row())[0]
    row[SLOTS.index("class_number")] = '="0013003"'
    row[SLOTS.index("strengths")] = "=1+1"
    row[SLOTS.index("home_page")] = '="a""b"'
    [(_, cells)] = grid.read(make_csv(row), Limits()).rows
    assert [cells[SLOTS.index(slot)] for slot in ("class_number", "strengths", "home_page")] == [
        "0013003",
        "=1+1",
        'a"b',
    ]
    [part] = check.check(
        grid.read(make_csv(row), Limits()), school_code=SCHOOL, class_numbers=CLASS_NUMBERS, today=TODAY
    )
    assert part.faults == []


def test_everything_is_text_however_much_it_looks_like_a_number():
    row = listed(make_row(phone="0351", distance_km="1E3", needs_aid="TRUE", birth_date="2006/1/2"))[0]
    [(_, cells)] = grid.read(make_csv(row), Limits()).rows
    assert {type(cell) for cell in cells} == {str, type(None)}


def test_headers_are_found_below_a_title_and_in_any_order():
    shuffled = [*reversed(HEADERS), "备注"]
    row = [*reversed(listed(make_row())[0]), "x"]
    data = "平阳路小学,,\r\n".encode() + make_csv(row, headers=shuffled)
    read = grid.read(data, Limits())
    assert (read.header_row, read.unknown, read.letters["school_code"]) == (2, ["备注"], "BS")
    assert read.rows == [(3, grid.read(make_workbook(make_row()), Limits()).rows[0][1])]


def test_a_null_or_an_overlong_field_is_a_fault_of_its_cell():
    read = grid.read(make_csv(*listed(make_row(strengths="a\0b"), make_row(1, strengths="长" * 2_001))), Limits())
    assert read.oddities == {(3, SLOTS.index("strengths")): "CELL_TOO_LONG"}
    [part] = check.check(read, school_code=SCHOOL, class_numbers=CLASS_NUMBERS, today=TODAY)
    assert [(fault.row, fault.slot, fault.key) for fault in part.faults] == [
        (2, "strengths", "CONTROL_CHARACTERS"),
        (3, "strengths", "CELL_TOO_LONG"),
    ]


def test_limits_hold_for_texts():
    data = make_csv(*listed(*(make_row(place) for place in range(5))))
    assert refusal(data, size=100).key == "FILE_TOO_LARGE"
    assert refusal(data, rows=4).values == {"limit": 4}
    assert refusal(data, columns=70).key == "TOO_MANY_COLUMNS"
    assert len(workbook.read(data, Limits(rows=5, columns=71)).rows) == 5


def test_a_quotation_mark_that_is_never_closed_is_told_with_its_row():
    row = ",".join(listed(make_row())[0])
    data = make_csv() + f'{row}\n"{row}\n'.encode() + f"{row}\n".encode() * 1_000
    found = refusal(data)
    assert (found.key, found.values) == ("QUOTE_NOT_CLOSED", {"row": 3})


def test_a_text_in_another_encoding_is_refused():
    assert refusal("姓名,性別\n".encode("big5") + b"\xff\xff\n").key == "TEXT_ENCODING"
    assert refusal(make_csv(*listed(ODD), encoding="utf-16")).values == {"found": "UTF-16 text"}
    assert refusal("こんにちは".encode("shift_jis")).key in {"TEXT_ENCODING", "WRONG_TEMPLATE"}


def test_a_text_without_the_columns_names_those_it_lacks():
    assert refusal(b"a,b\n1,2\n").key == "WRONG_TEMPLATE"
    twice = make_csv(headers=[*HEADERS, "姓名"])
    assert (refusal(twice).key, refusal(twice).values) == ("DUPLICATE_COLUMN", {"header": "姓名"})
