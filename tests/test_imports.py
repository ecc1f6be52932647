"""Workbooks coming in: what is taken, what is refused, and that nothing is ever half-written."""

import asyncio
import hashlib
import re
import zipfile
from io import BytesIO
from typing import Any

import asyncpg
import httpx
import openpyxl
import orjson
import pytest
from sqlalchemy import text

from hub import clock, codes, identity, imports
from hub.intake import template
from hub.intake.sheet import COLUMNS
from tests.conftest import Ask
from tests.province import COUNTY_A, SCHOOLS, Province, make_caller

IMPORT = """mutation($file: ID!, $school: String!) { importWorkbook(input: {fileId: $file, schoolCode: $school}) {
    import { id state total created updated unchanged rejected school { code } }
    faults { row column header code message remedy } } }"""
ROSTER = "SELECT * FROM students WHERE school_id = $1 ORDER BY id"
RECORDS = ("audit", "audit_values", "outbox", "imports", "files")
REGISTER = ("schools", "classes", "students", "guardians", "placements", "student_versions")
SCHOOL = SCHOOLS["A1"][1]
BORN = clock.today().year - 7


def make_id(sequence: int, *, born: str = f"{BORN}0315", sex: str = "男", division: str = COUNTY_A) -> str:
    body = f"{division}{born}{2 * sequence + (401 if sex == '男' else 400)}"
    return body + identity.check_character(body)


def make_row(sequence: int, **overrides: str) -> dict[str, str]:
    """A sound row of school A1, as a clerk types it; overrides by slot, dots as double underscores."""
    sex, born = overrides.get("sex", "男"), overrides.get("birth_date", f"{BORN}0315")
    row = {
        "school_code": SCHOOL,
        "name": "王" + chr(ord("一") + 40 + sequence),
        "sex": sex,
        "birth_date": born,
        "birthplace_code": "140105000000",
        "ancestral_place": "山西省太原市",
        "ethnic_group": "汉族",
        "nationality": "中国",
        "id_type": "居民身份证",
        "overseas_status": "否",
        "health": "健康或良好",
        "id_number": make_id(sequence, born=born, sex=sex) if re.fullmatch(r"\d{8}", born) else make_id(sequence),
        "residence_nature": "农业户口",
        "residence_code": "140105000000",
        "class_number": "2000001",
        "entry_month": f"{clock.school_year(clock.today())}09",
        "admission_type": "就近入学",
        "attendance_type": "走读",
        "present_address": "并州路1号",
        "mail_address": "并州路2号",
        "home_address": "并州路3号",
        "phone": "13800000001",
        "post_code": "030000",
        "only_child": "否",
        "preschool": "是",
        "left_behind": "非留守儿童",
        "needs_aid": "否",
        "living_allowance": "否",
        "orphan": "否",
        "martyr_child": "否",
        "distance_km": "1.5",
        "travel_mode": "步行",
        "needs_school_bus": "否",
        "guardian1.name": "王建国",
        "guardian1.relation": "父亲",
        "guardian1.address": "并州路1号",
        "guardian1.residence_code": "140105000000",
        "guardian1.phone": "13800000002",
        "guardian1.is_guardian": "是",
    }
    return row | {slot.replace("__", "."): value for slot, value in overrides.items()}


def make_nameless(sequence: int, **overrides: str) -> dict[str, str]:
    """A row of a pupil without an identity number."""
    return make_row(
        sequence,
        id_type="其他",
        id_number="",
        guardian1__id_type="居民身份证",
        guardian1__id_number=make_id(sequence, born="19850101"),
        **overrides,
    )


def make_workbook(*rows: dict[str, str], school: str = SCHOOL) -> bytes:
    content = BytesIO()
    classes = [("2000001", "一班"), ("2000002", "二班")]
    template.fill(template.SchoolSheet(school, "A1小学", classes), rows, content)
    return content.getvalue()


async def upload(http: httpx.AsyncClient, token: str, data: bytes, name: str = "pupils.xlsx") -> str:
    response = await http.post("/files", files={"file": (name, data)}, headers={"authorization": f"Bearer {token}"})
    assert response.status_code == 201, response.text
    answer = response.json()
    assert (answer["size"], answer["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    found: str = answer["id"]
    return found


class Desk:
    """A caller at the counter: uploads a workbook and imports it."""

    def __init__(self, http: httpx.AsyncClient, ask: Ask, province: Province) -> None:
        self.http, self.ask, self.province = http, ask, province

    async def answer(self, data: bytes, *, caller: str = "schoolA1", school: str = SCHOOL, **headers: str) -> Any:
        file = await upload(self.http, self.province.tokens[caller], data)
        return await self.ask(caller, IMPORT, {"file": file, "school": school}, **headers)

    async def bring(self, *rows: dict[str, str], **options: str) -> Any:
        """The payload of an import that was not refused."""
        answer = await self.answer(make_workbook(*rows), **options)
        assert "errors" not in answer, answer
        return answer["data"]["importWorkbook"]


@pytest.fixture
def desk(http: httpx.AsyncClient, ask: Ask, province: Province) -> Desk:
    return Desk(http, ask, province)


async def dump(connection: asyncpg.Connection, tables: tuple[str, ...] = REGISTER) -> dict[str, list[str]]:
    """Every row of the tables as text, so that two moments can be compared."""
    return {
        table: sorted(row[0] for row in await connection.fetch(f"SELECT t::text FROM {table} AS t")) for table in tables
    }


def counts(payload: Any) -> tuple[int, int, int, int, int]:
    told = payload["import"]
    return told["total"], told["created"], told["updated"], told["unchanged"], told["rejected"]


def code_of(answer: Any) -> tuple[str, str]:
    (error,) = answer["errors"]
    assert error["message"]
    assert error["extensions"]["remedy"]
    return error["extensions"]["code"], error["extensions"]["key"]


# what is taken


def camel(key: str) -> str:
    head, *rest = key.split("_")
    return head + "".join(part.title() for part in rest)


async def test_every_column_of_the_sheet_is_read_back_as_it_was_typed(desk: Desk) -> None:
    row = make_row(
        1,
        political_status="群众",
        former_name="王小二",
        id_valid_period="2020.01.02-2030.01.02",
        blood_type="AB型",
        strengths="书法",
        auxiliary_number="0012345",
        number_in_class="07",
        student_source="正常入学",
        email="a@example.cn",
        home_page="http://example.cn/王",
        disability="无残疾",
        bought_place="否",
        inclusion="非随班就读",
        migrant_child="是",
        guardian1__relation="其他",
        guardian1__relation_note="伯父",
        guardian1__id_type="居民身份证",
        guardian1__id_number=make_id(1, born="19800101"),
        guardian1__ethnic_group="满族",
        guardian1__employer="太钢",
        guardian1__post="工人",
        guardian2__name="李梅",
        guardian2__relation="母亲",
        guardian2__relation_note="生母",
        guardian2__address="府东街9号",
        guardian2__residence_code="140106000000",
        guardian2__phone="0351-1234567",
        guardian2__is_guardian="否",
        guardian2__id_type="护照",
        guardian2__id_number="E12345678",
        guardian2__ethnic_group="回族",
        guardian2__employer="太重",
        guardian2__post="会计",
    )
    assert set(row) == {column.slot for column in COLUMNS}
    assert counts(await desk.bring(row)) == (1, 1, 0, 0, 0)

    def selection(member: int) -> str:
        columns = [column for column in COLUMNS if column.member == member and column.kind not in ("school", "class")]
        return " ".join(camel(c.key) + (" { code name }" if c.kind == "code" else "") for c in columns)

    query = f"""{{ students(first: 200) {{ nodes {{ {selection(0)} guardians {{ position {selection(1)} }}
        school {{ code }} schoolClass {{ officialNumber }} state studentNumber grade schoolYear }} }} }}"""
    answer = await desk.ask("schoolA1", query)
    (read,) = [node for node in answer["data"]["students"]["nodes"] if node["name"] == row["name"]]
    for column in COLUMNS:
        typed = row[column.slot]
        wanted: Any = typed
        if column.kind == "code":
            entry = codes.lists()[column.codes or ""].find(typed)
            assert entry is not None
            wanted = {"code": entry.code, "name": entry.name}
        elif column.kind == "yes_no":
            wanted = typed == "是"
        elif column.kind == "sex":
            wanted = "MALE"
        elif column.kind == "date":
            wanted = f"{typed[:4]}-{typed[4:6]}-{typed[6:]}"
        elif column.kind == "month":
            wanted = f"{typed[:4]}-{typed[4:]}-01"
        holder = read["guardians"][column.member - 1] if column.member else read
        if column.kind == "school":
            told = read["school"]["code"]
        elif column.kind == "class":
            told = read["schoolClass"]["officialNumber"]
        else:
            told = holder[camel(column.key)]
        assert told == wanted, column.slot
    assert [member["position"] for member in read["guardians"]] == [1, 2]
    assert (read["state"], read["grade"], read["schoolYear"]) == ("IN_SCHOOL", 1, clock.school_year(clock.today()))


async def test_the_same_file_again_writes_nothing(desk: Desk, system: asyncpg.Connection) -> None:
    rows = [make_row(1), make_row(2, sex="女", distance_km="12"), make_nameless(3)]
    assert counts(await desk.bring(*rows)) == (3, 3, 0, 0, 0)
    before = await dump(system)
    assert counts(await desk.bring(*rows)) == (3, 0, 0, 3, 0)
    assert await dump(system) == before


async def test_a_distance_of_two_decimals_is_also_unchanged_the_second_time(desk: Desk) -> None:
    assert counts(await desk.bring(make_row(1, distance_km="1.25"))) == (1, 1, 0, 0, 0)
    assert counts(await desk.bring(make_row(1, distance_km="1.25"))) == (1, 0, 0, 1, 0)


async def versions(connection: asyncpg.Connection, name: str) -> list[tuple[bool, bool, bool, bool]]:
    rows = await connection.fetch(
        """SELECT recorded_until IS NULL, boarding, migrant, v.left_behind FROM student_versions v
           JOIN students s ON s.id = student_id WHERE s.name = $1 ORDER BY v.id""",
        name,
    )
    return [tuple(row) for row in rows]


async def test_changed_plain_data_and_family_are_brought_up_to_the_row(desk: Desk, system: asyncpg.Connection) -> None:
    await desk.bring(make_row(1, guardian2__name="李梅", guardian2__relation="母亲", **MOTHER), make_row(2))
    others = await system.fetch("SELECT s::text FROM students s WHERE name <> $1", make_row(1)["name"])
    changed = make_row(1, phone="0351-7654321", guardian1__name="王建军")
    assert counts(await desk.bring(changed, make_row(2))) == (2, 0, 1, 1, 0)
    student = await system.fetchrow("SELECT * FROM students WHERE name = $1", changed["name"])
    assert student is not None
    assert (student["phone"], student["version"]) == ("0351-7654321", 2)
    family = await system.fetch("SELECT position, name FROM guardians WHERE student_id = $1", student["id"])
    assert [tuple(row) for row in family] == [(1, "王建军")]
    assert await versions(system, changed["name"]) == [(True, False, False, False)]
    assert await system.fetch("SELECT s::text FROM students s WHERE name <> $1", changed["name"]) == others


MOTHER = {
    "guardian2__address": "府东街9号",
    "guardian2__residence_code": "140106000000",
    "guardian2__phone": "13900000009",
    "guardian2__is_guardian": "否",
}


@pytest.mark.parametrize(
    ("change", "version"),
    [
        ({"attendance_type": "住校"}, (True, True, False, False)),
        ({"migrant_child": "是"}, (True, False, True, False)),
        ({"left_behind": "双亲留守儿童"}, (True, False, False, True)),
    ],
)
async def test_what_is_counted_leaves_a_new_version(
    desk: Desk, system: asyncpg.Connection, change: dict[str, str], version: tuple[bool, ...]
) -> None:
    await desk.bring(make_row(1))
    assert counts(await desk.bring(make_row(1, **change))) == (1, 0, 1, 0, 0)
    assert await versions(system, make_row(1)["name"]) == [(False, False, False, False), version]


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"name": "王改名"}, "B"),
        ({"class_number": "2000002"}, "P"),
        ({"id_type": "护照"}, "I"),
    ],
)
async def test_key_data_are_a_fault_of_the_row_and_the_others_are_taken(
    desk: Desk, system: asyncpg.Connection, change: dict[str, str], column: str
) -> None:
    await desk.bring(make_row(1))
    before = await system.fetchval("SELECT s::text FROM students s WHERE name = $1", make_row(1)["name"])
    payload = await desk.bring(make_row(1, phone="13700000000", **change), make_row(2))
    assert counts(payload) == (2, 1, 0, 0, 1)
    assert [(f["row"], f["column"], f["code"]) for f in payload["faults"]] == [(2, column, "KEY_DATA_DIFFERS")]
    assert await system.fetchval("SELECT s::text FROM students s WHERE name = $1", make_row(1)["name"]) == before


async def test_a_pupil_without_number_is_known_again_by_name_sex_and_birth_date(
    desk: Desk, system: asyncpg.Connection
) -> None:
    await desk.bring(make_nameless(1))
    assert counts(await desk.bring(make_nameless(1, phone="13700000000"))) == (1, 0, 1, 0, 0)
    assert await system.fetchval("SELECT count(*) FROM students WHERE name = $1", make_row(1)["name"]) == 1


async def test_a_number_that_appears_later_is_key_data_not_a_second_pupil(
    desk: Desk, system: asyncpg.Connection
) -> None:
    await desk.bring(make_nameless(1))
    payload = await desk.bring(make_row(1))
    assert await system.fetchval("SELECT count(*) FROM students WHERE name = $1", make_row(1)["name"]) == 1
    assert {fault["code"] for fault in payload["faults"]} == {"KEY_DATA_DIFFERS"}


async def test_a_number_that_a_row_lacks_is_key_data_not_a_second_pupil(desk: Desk) -> None:
    await desk.bring(make_row(1))
    payload = await desk.bring(make_nameless(1))
    assert counts(payload) == (1, 0, 0, 0, 1)
    assert [fault["column"] for fault in payload["faults"]] == ["I", "M"]


async def test_namesakes_with_numbers_of_their_own_are_two_pupils(desk: Desk) -> None:
    rows = [make_row(1, name="王同名"), make_row(2, name="王同名")]
    assert counts(await desk.bring(*rows)) == (2, 2, 0, 0, 0)
    assert counts(await desk.bring(*rows)) == (2, 0, 0, 2, 0)


@pytest.mark.parametrize("first", [make_row(1), make_nameless(1)])
async def test_a_nameless_twin_in_another_class_of_the_file_is_a_duplicate(desk: Desk, first: dict[str, str]) -> None:
    payload = await desk.bring(first, make_nameless(1, class_number="2000002"))
    assert counts(payload) == (2, 1, 0, 0, 1)
    assert [(f["row"], f["column"], f["code"]) for f in payload["faults"]] == [(3, "B", "DUPLICATE_IN_FILE")]


@pytest.mark.parametrize("change", [{"distance_km": "9.9"}, {"entry_month": f"{BORN + 7}08"}])
async def test_a_changed_distance_or_month_is_taken_too(desk: Desk, change: dict[str, str]) -> None:
    await desk.bring(make_row(1))
    assert counts(await desk.bring(make_row(1, **change))) == (1, 0, 1, 0, 0)


async def test_student_numbers_are_unique_and_say_whether_there_is_an_identity_number(
    desk: Desk, system: asyncpg.Connection
) -> None:
    await desk.bring(*(make_row(n) for n in range(1, 11)), make_nameless(11), make_nameless(12))
    rows = await system.fetch(
        "SELECT student_number, id_number FROM students WHERE present_address = '并州路1号' ORDER BY id"
    )
    numbers = [row["student_number"] for row in rows]
    assert len(set(numbers)) == 12
    for row in rows:
        kind = "L" if row["id_number"] else "J"
        assert re.fullmatch(rf"{kind}{COUNTY_A}{clock.today().year}\d{{7}}[0-9X]", row["student_number"])
        assert identity.is_student_number(row["student_number"])
        assert row["student_number"][-1] == identity.check_character(row["student_number"][1:18])


async def test_headcounts_move_by_exactly_the_number_created(desk: Desk) -> None:
    query = f"""{{ school(code: "{SCHOOL}") {{ headcounts {{ grade sex students }} students(first: 1) {{ totalCount nodes {{ id }} }} }}
                  region(code: "{COUNTY_A}") {{ headcounts(groupBy: []) {{ students }} }} }}"""

    async def count() -> tuple[dict[Any, int], int, int]:
        data = (await desk.ask("countyA", query))["data"]
        told = {(each["grade"], each["sex"]): each["students"] for each in data["school"]["headcounts"]}
        return told, data["school"]["students"]["totalCount"], data["region"]["headcounts"][0]["students"]

    before, roster, county = await count()
    rows = [make_row(1), make_row(2), make_row(3, sex="女"), make_row(4, class_number="2000002"), make_row(5, sex="无")]
    assert counts(await desk.bring(*rows)) == (5, 4, 0, 0, 1)
    after, roster_after, county_after = await count()
    assert (roster_after, county_after) == (roster + 4, county + 4)
    assert after == before | {
        (1, "MALE"): before[1, "MALE"] + 2,
        (1, "FEMALE"): before[1, "FEMALE"] + 1,
        (2, "MALE"): before[2, "MALE"] + 1,
    }


async def test_created_pupils_have_a_placement_and_a_version(desk: Desk, system: asyncpg.Connection) -> None:
    await desk.bring(make_row(1), make_nameless(2, attendance_type="住校", left_behind="单亲留守儿童"))
    rows = await system.fetch(
        """SELECT p.path = s.path AND p.class_id = s.class_id, p.since, p.until, p.began_by, v.boarding,
                  v.left_behind, v.without_id, v.effective
           FROM students s JOIN placements p ON p.student_id = s.id JOIN student_versions v ON v.student_id = s.id
           WHERE s.present_address = '并州路1号' ORDER BY s.id"""
    )
    today = clock.today()
    assert [tuple(row) for row in rows] == [
        (True, today, None, "ENROLMENT", False, False, False, today),
        (True, today, None, "ENROLMENT", True, True, True, today),
    ]


# what is refused, row by row


def planted() -> list[tuple[dict[str, str], list[tuple[str, str]]]]:
    """Rows with mistakes, each with the (column, code) of every fault wanted."""
    wrong = make_id(1)
    wrong = wrong[:-1] + ("0" if wrong[-1] != "0" else "1")
    return [
        (make_row(1, id_number=wrong), [("M", "ID_CHECK_DIGIT")]),
        (make_row(2, birth_date=f"{BORN}年13月1日"), [("D", "BAD_DATE")]),
        (make_row(3, entry_month="九月"), [("Q", "BAD_MONTH")]),
        (make_row(4, ethnic_group="汉人"), [("G", "UNKNOWN_OPTION")]),
        (make_row(5, name=""), [("B", "REQUIRED")]),
        (make_row(6, class_number="9999999"), [("P", "UNKNOWN_CLASS")]),
        (make_row(7, school_code=SCHOOLS["B1"][1]), [("A", "ROW_NOT_YOUR_SCHOOL")]),
        (make_row(8, school_code="2199999999"), [("A", "ROW_NOT_YOUR_SCHOOL")]),
        (make_row(9, sex="女", id_number=make_id(9)), [("M", "ID_SEX_DISAGREES")]),
        (make_row(10), []),
        (make_row(11, id_number=make_id(10)), [("M", "DUPLICATE_IN_FILE")]),
        (make_row(12, phone="12", post_code="3000"), [("W", "BAD_PHONE"), ("X", "BAD_POST_CODE")]),
        (make_row(13), []),
    ]


@pytest.mark.parametrize("language", ["zh-CN", "en-GB"])
async def test_planted_mistakes_are_answered_cell_by_cell_and_the_good_rows_are_taken(
    desk: Desk, system: asyncpg.Connection, language: str
) -> None:
    before = await system.fetchval("SELECT count(*) FROM students")
    table = planted()
    payload = await desk.bring(*(row for row, _ in table), accept_language=language)
    wanted = [(number, *fault) for number, (_, faults) in enumerate(table, 2) for fault in faults]
    assert [(f["row"], f["column"], f["code"]) for f in payload["faults"]] == wanted
    headers = {column.letter: column.header for column in COLUMNS}
    for fault in payload["faults"]:
        assert fault["header"] == headers[fault["column"]]
        assert fault["message"]
        assert fault["remedy"]
        words = (fault["message"] + fault["remedy"]).replace(fault["header"], "")
        assert (re.search("(请|须|必须|不)", words) is None) == language.startswith("en"), fault
    assert counts(payload) == (13, 2, 0, 0, 11)
    assert payload["import"]["state"] == "APPLIED"
    assert await system.fetchval("SELECT count(*) FROM students") == before + 2


async def test_a_row_of_another_school_hears_the_same_whether_that_school_exists(desk: Desk) -> None:
    payload = await desk.bring(make_row(1, school_code=SCHOOLS["B1"][1]), make_row(2, school_code="2199999999"))
    one, two = payload["faults"]
    assert {**one, "row": 0} == {**two, "row": 0}
    assert SCHOOLS["B1"][1] not in orjson.dumps(payload["faults"]).decode()


async def test_a_number_cell_that_lost_digits_is_told(desk: Desk) -> None:
    book = openpyxl.load_workbook(BytesIO(make_workbook(make_row(1), make_row(2))))
    book["学生基本信息"]["M2"] = int(make_id(1)[:17] + "0")
    book["学生基本信息"]["M2"].number_format = "0"
    content = BytesIO()
    book.save(content)
    answer = await desk.answer(content.getvalue())
    payload = answer["data"]["importWorkbook"]
    assert [(f["row"], f["column"], f["code"]) for f in payload["faults"]] == [(2, "M", "NUMBER_LOST_DIGITS")]
    assert counts(payload) == (2, 1, 0, 0, 1)


async def test_a_file_of_faulty_rows_only_is_refused_and_changes_nothing(
    desk: Desk, system: asyncpg.Connection
) -> None:
    before = await dump(system)
    payload = await desk.bring(make_row(1, name=""), make_row(2, sex="无"))
    assert payload["import"]["state"] == "REFUSED"
    assert counts(payload) == (2, 0, 0, 0, 2)
    assert await dump(system) == before


# what is refused as a whole


def macro(data: bytes) -> bytes:
    content = BytesIO(data)
    with zipfile.ZipFile(content, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"macro")
    return content.getvalue()


def headless() -> bytes:
    book = openpyxl.Workbook()
    book.active.append(["姓名", "性别"])
    book.active.append(["王一", "男"])
    content = BytesIO()
    book.save(content)
    return content.getvalue()


@pytest.mark.parametrize(
    ("data", "code", "key"),
    [
        (b"", "BAD_INPUT", "FILE_EMPTY"),
        (b"hello, I am a workbook", "BAD_INPUT", "NOT_A_WORKBOOK"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "BAD_INPUT", "FILE_OLD_FORMAT"),
        (headless(), "BAD_INPUT", "WRONG_TEMPLATE"),
        (make_workbook(), "BAD_INPUT", "NO_ROWS"),
        (macro(make_workbook(make_row(1))), "BAD_INPUT", "FILE_HAS_MACROS"),
        (make_workbook(make_row(1))[:-400], "BAD_INPUT", "FILE_UNREADABLE"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_is_no_filled_template_is_refused_with_a_code(
    desk: Desk, system: asyncpg.Connection, data: bytes, code: str, key: str
) -> None:
    before = await dump(system, (*REGISTER, "imports", "outbox", "audit_values"))
    assert code_of(await desk.answer(data)) == (code, key)
    assert await dump(system, (*REGISTER, "imports", "outbox", "audit_values")) == before


async def test_more_rows_than_allowed_are_refused(
    desk: Desk, app: Any, system: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await dump(system, (*REGISTER, "imports"))
    settings = app.state.hub.reader.database.settings
    object.__setattr__(settings, "row_limit", 3)
    try:
        answer = await desk.answer(make_workbook(*(make_row(n) for n in range(1, 6))))
    finally:
        object.__setattr__(settings, "row_limit", 60_000)
    assert code_of(answer) == ("TOO_LARGE", "TOO_MANY_ROWS")
    assert await dump(system, (*REGISTER, "imports")) == before


async def test_an_unknown_school_and_one_out_of_reach_are_the_same_bytes_and_audited(
    desk: Desk, http: httpx.AsyncClient, province: Province, system: asyncpg.Connection
) -> None:
    token = province.tokens["schoolA1"]
    file = await upload(http, token, make_workbook(make_row(1)))
    before = await dump(system)

    async def raw(school: str) -> bytes:
        body = {"query": IMPORT, "variables": {"file": file, "school": school}}
        return (await http.post("/graphql", json=body, headers={"authorization": f"Bearer {token}"})).content

    unknown, foreign = await raw("2199999999"), await raw(SCHOOLS["B1"][1])
    assert unknown == foreign
    assert code_of(orjson.loads(unknown)) == ("NOT_FOUND", "NOT_FOUND")
    rows = await system.fetch("SELECT account_id, action, outcome, code, path FROM audit")
    assert [tuple(row) for row in rows] == [
        (province.accounts["schoolA1"], "student:import", "REFUSED", "NOT_FOUND", None)
    ] * 2
    assert await dump(system) == before


@pytest.mark.parametrize(
    ("caller", "code"),
    [
        ("teacherA1-1", "NOT_FOUND"),
        ("dash", "FORBIDDEN"),
        ("auditor", "FORBIDDEN"),
        ("reviewerA", "FORBIDDEN"),
        ("city", "FORBIDDEN"),
        ("prov", "FORBIDDEN"),
        ("sysadmin", "FORBIDDEN"),
        ("schoolA2", "NOT_FOUND"),
        ("countyB", "NOT_FOUND"),
    ],
)
async def test_other_roles_and_other_places_may_not_import(
    desk: Desk, province: Province, system: asyncpg.Connection, caller: str, code: str
) -> None:
    data = make_workbook(make_row(1))
    file = await system.fetchval(
        "INSERT INTO files (account_id, name, size, sha256, key) VALUES ($1, 'x', $2, 'x', $3) RETURNING id",
        province.accounts[caller],
        len(data),
        f"uploads/{caller}",
    )
    await desk.http._transport.app.state.hub.files.put(f"uploads/{caller}", data)  # type: ignore[attr-defined]
    before = await dump(system, (*REGISTER, "imports", "outbox"))
    answer = await desk.ask(caller, IMPORT, {"file": f"file:{file}", "school": SCHOOL})
    assert code_of(answer)[0] == code
    assert await dump(system, (*REGISTER, "imports", "outbox")) == before
    assert await system.fetchval("SELECT count(*) FROM audit WHERE outcome = 'REFUSED' AND code = $1", code) >= 1


async def test_a_county_administrator_may_import_for_a_school_inside(
    desk: Desk, province: Province, system: asyncpg.Connection
) -> None:
    payload = await desk.bring(make_row(1), caller="countyA")
    assert counts(payload) == (1, 1, 0, 0, 0)
    assert payload["import"]["school"] == {"code": SCHOOL}
    entry = await system.fetchrow("SELECT role, path FROM audit WHERE action = 'student:import'")
    assert tuple(entry) == ("county_administrator", province.paths["A1"])


async def test_somebody_elses_file_does_not_exist(desk: Desk, province: Province) -> None:
    file = await upload(desk.http, province.tokens["schoolA1"], make_workbook(make_row(1)))
    theirs = await desk.ask("countyA", IMPORT, {"file": file, "school": SCHOOL})
    none = await desk.ask("countyA", IMPORT, {"file": "file:999999999", "school": SCHOOL})
    assert code_of(theirs) == ("NOT_FOUND", "NOT_FOUND")
    assert theirs == none


@pytest.mark.parametrize("file", ["", "7", "student:7", "file:", "file:x", "file:-1", "file:99999999999999999999"])
async def test_what_is_no_file_id_is_bad_input(desk: Desk, file: str) -> None:
    assert code_of(await desk.ask("schoolA1", IMPORT, {"file": file, "school": SCHOOL})) == ("BAD_INPUT", "BAD_ID")


async def test_nobody_signed_in_imports_nothing(desk: Desk, system: asyncpg.Connection) -> None:
    before = await dump(system, (*REGISTER, "imports"))
    answer = await desk.ask(None, IMPORT, {"file": "file:1", "school": SCHOOL})
    assert code_of(answer)[0] == "UNAUTHENTICATED"
    assert await dump(system, (*REGISTER, "imports")) == before


# one transaction


@pytest.mark.parametrize("statement", ["_PLACEMENTS", "_VERSIONS"])
async def test_an_error_in_the_middle_leaves_nothing(
    desk: Desk, system: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    file = await upload(desk.http, desk.province.tokens["schoolA1"], make_workbook(make_row(1), make_row(2)))
    before = await dump(system, (*REGISTER, *RECORDS))
    monkeypatch.setattr(imports, statement, text("SELECT 1 / 0 WHERE CAST(:today AS date) IS NOT NULL"))
    answer = await desk.ask("schoolA1", IMPORT, {"file": file, "school": SCHOOL})
    assert code_of(answer) == ("INTERNAL", "INTERNAL")
    assert await dump(system, (*REGISTER, *RECORDS)) == before


async def test_an_error_at_the_very_end_leaves_nothing(
    desk: Desk, system: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = await upload(desk.http, desk.province.tokens["schoolA1"], make_workbook(make_row(1)))
    before = await dump(system, (*REGISTER, *RECORDS))

    async def record(*_: Any, **__: Any) -> None:
        raise RuntimeError(f"the secret {make_row(1)['name']}")

    monkeypatch.setattr(imports.gate, "record", record)
    answer = await desk.ask("schoolA1", IMPORT, {"file": file, "school": SCHOOL})
    assert code_of(answer) == ("INTERNAL", "INTERNAL")
    assert make_row(1)["name"] not in str(answer)
    assert await dump(system, (*REGISTER, *RECORDS)) == before


async def test_an_import_leaves_one_audit_entry_its_values_and_one_event(
    desk: Desk, province: Province, system: asyncpg.Connection
) -> None:
    await desk.bring(make_row(1))
    await system.execute("DELETE FROM audit_values; DELETE FROM audit; DELETE FROM outbox")
    payload = await desk.bring(make_row(1, phone="13700000000"), make_row(2), make_row(3, sex="无"))
    facts = {"total": 3, "created": 1, "updated": 1, "unchanged": 0, "rejected": 1}
    (entry,) = await system.fetch("SELECT * FROM audit")
    assert (entry["account_id"], entry["role"]) == (province.accounts["schoolA1"], "school_administrator")
    assert (entry["action"], entry["object"]) == ("student:import", payload["import"]["id"])
    assert (entry["path"], entry["outcome"], entry["code"]) == (province.paths["A1"], "ACCEPTED", None)
    assert orjson.loads(entry["facts"]) == facts
    (values,) = await system.fetch("SELECT * FROM audit_values")
    before, after = orjson.loads(values["before"]), orjson.loads(values["after"])
    assert list(before.values()) == [{"phone": "13800000001"}]
    assert list(after["updated"].values()) == [{"phone": "13700000000"}]
    assert len(after["created"]) == 1
    wanted = hashlib.sha256(orjson.dumps([before, after], option=orjson.OPT_SORT_KEYS)).digest()
    assert entry["values_hash"] == wanted
    (event,) = await system.fetch("SELECT *, xid::text AS told FROM outbox")
    assert (event["kind"], event["object"], event["path"]) == (
        "STUDENTS_IMPORTED",
        payload["import"]["id"],
        province.paths["A1"],
    )
    assert orjson.loads(event["payload"]) == facts
    written = await system.fetchval("SELECT xmin::text FROM students WHERE name = $1", make_row(2)["name"])
    assert int(event["told"]) % 2**32 == int(written)


async def test_of_five_imports_at_once_one_creates_and_the_others_find_nothing_new(
    desk: Desk, system: asyncpg.Connection
) -> None:
    rows = [make_row(n) for n in range(1, 9)] + [make_nameless(9)]
    payloads = await asyncio.gather(*(desk.bring(*rows) for _ in range(5)))
    assert sorted(map(counts, payloads)) == [(9, 0, 0, 9, 0)] * 4 + [(9, 9, 0, 0, 0)]
    assert await system.fetchval("SELECT count(*) FROM students WHERE present_address = '并州路1号'") == 9
    assert await system.fetchval("SELECT count(*) FROM guardians WHERE name = '王建国'") == 9


@pytest.mark.parametrize(
    "revocation",
    [
        "UPDATE sessions SET ended_at = now() WHERE account_id = $1",
        "UPDATE sessions SET expires_at = now() WHERE account_id = $1",
        "UPDATE grants SET until = now() + interval '1 microsecond' WHERE account_id = $1",
        "DELETE FROM grants WHERE account_id = $1",
    ],
)
async def test_what_is_revoked_between_check_and_write_is_refused(
    desk: Desk, province: Province, system: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, revocation: str
) -> None:
    file = await upload(desk.http, province.tokens["schoolA1"], make_workbook(make_row(1)))
    before = await dump(system, (*REGISTER, "imports", "outbox"))
    examine = imports._examine

    async def slowly(*given: Any) -> Any:
        checked = await examine(*given)
        await system.execute(revocation, province.accounts["schoolA1"])
        return checked

    monkeypatch.setattr(imports, "_examine", slowly)
    answer = await desk.ask("schoolA1", IMPORT, {"file": file, "school": SCHOOL})
    assert code_of(answer)[0] == "UNAUTHENTICATED"
    assert await dump(system, (*REGISTER, "imports", "outbox")) == before
    assert await system.fetchval("SELECT code FROM audit WHERE action = 'student:import'") == "UNAUTHENTICATED"


async def test_the_faults_alone_can_be_asked_for(desk: Desk, province: Province, system: asyncpg.Connection) -> None:
    query = """mutation($file: ID!, $school: String!) {
        importWorkbook(input: {fileId: $file, schoolCode: $school}) { faults { row } } }"""
    file = await upload(desk.http, province.tokens["schoolA1"], make_workbook(make_row(1)))
    assert await desk.ask("schoolA1", query, {"file": file, "school": SCHOOL}) == {
        "data": {"importWorkbook": {"faults": []}}
    }
    assert await system.fetchval("SELECT count(*) FROM students WHERE name = $1", make_row(1)["name"]) == 1


async def test_of_two_roles_the_header_says_which_imports(
    desk: Desk, province: Province, system: asyncpg.Connection
) -> None:
    grants = [("dashboard", COUNTY_A), ("school_administrator", province.paths["A1"])]
    await make_caller(system, province, "both", grants)
    file = await upload_as(desk, "both", "school_administrator", make_workbook(make_row(1)))
    refused = await desk.ask("both", IMPORT, {"file": file, "school": SCHOOL})
    assert code_of(refused)[0] == "FORBIDDEN"
    taken = await desk.ask("both", IMPORT, {"file": file, "school": SCHOOL}, hub_role="school_administrator")
    assert counts(taken["data"]["importWorkbook"]) == (1, 1, 0, 0, 0)


async def upload_as(desk: Desk, caller: str, role: str, data: bytes) -> str:
    headers = {"authorization": f"Bearer {desk.province.tokens[caller]}", "hub-role": role}
    response = await desk.http.post("/files", files={"file": ("x.xlsx", data)}, headers=headers)
    found: str = response.json()["id"]
    return found
