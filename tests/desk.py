"""A desk where workbooks are brought in: rows as a clerk types them, files, uploads, imports."""

import hashlib
import re
from io import BytesIO
from typing import Any

import asyncpg
import httpx

from hub import clock, identity
from hub.intake import template
from tests.province import COUNTY_A, SCHOOLS, Province

IMPORT = """mutation($file: ID!, $school: String!) { importWorkbook(input: {fileId: $file, schoolCode: $school}) {
    import { id state total created updated unchanged rejected school { code } }
    faults { row column header code value message remedy } } }"""
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

    def __init__(self, http: httpx.AsyncClient, ask: Any, province: Province) -> None:
        self.http, self.ask, self.province = http, ask, province

    async def answer(self, data: bytes, *, caller: str = "schoolA1", school: str = SCHOOL, **headers: str) -> Any:
        file = await upload(self.http, self.province.tokens[caller], data)
        return await self.ask(caller, IMPORT, {"file": file, "school": school}, **headers)

    async def bring(self, *rows: dict[str, str], **options: str) -> Any:
        """The payload of an import that was not refused."""
        answer = await self.answer(make_workbook(*rows), **options)
        assert "errors" not in answer, answer
        return answer["data"]["importWorkbook"]


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
