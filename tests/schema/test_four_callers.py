"""Every root field of the graph for four callers: nobody, the wrong role, the right role elsewhere, the right one.

A root field that is not in the table fails the first test: it cannot be added without saying who may not.
"""

from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import pytest
from starlette.applications import Starlette

from hub import clock
from hub.models import Base
from tests.business import Counter, make_leaders, wanted
from tests.conftest import Ask
from tests.desk import SCHOOL, code_of, dump, make_row, make_workbook, upload
from tests.form import typed
from tests.photos.pictures import PhotoDesk, make_jpeg
from tests.province import COUNTY_A, Province, make_caller, make_import
from tests.slate import KEPT
from tests.test_class_sheet import sheet
from tests.test_setup import make_grades
from tests.tried import asked_for, make_province_leaders

ANYBODY = {"viewer", "register", "signIn", "signOut", "changePassword"}
"""Root fields that ask nothing of a role; `test_accounts`, `test_roots` and `test_trial` hold them."""
FOLLOWED = {"importJob"}
"""Root fields of subscriptions; `test_live` holds them for the same four callers."""
TABLES = tuple(table.name for table in Base.metadata.sorted_tables if table.name not in KEPT | {"audit", "sessions"})


OF_FILES = ("createClasses", "importWorkbook", "importPhotos", "startImport", "startPhotos")


@dataclass(frozen=True)
class Row:
    """A root field: its document, the variable that names what is asked for, and who asks."""

    query: str
    key: str
    right: str
    elsewhere: str
    wrong: str


def read(field: str, key: str, right: str, elsewhere: str, wrong: str = "auditor") -> Row:
    """A look-up by id or code, or a list within a place."""
    name, kind, selected = {
        "within": ("within", "String!", "totalCount"),
        "code": ("code", "String!", "name"),
        "ids": ("ids", "[ID!]!", "id"),
    }.get(key.split(":")[0], ("id", "ID!", "id"))
    query = f"query($key: {kind}) {{ {field}({name}: $key) {{ {selected} }} }}"
    return Row(query, key, right, elsewhere, wrong)


def write(field: str, selected: str, right: str, elsewhere: str, wrong: str) -> Row:
    """A mutation with one input."""
    kind = field[0].upper() + field[1:] + "Input"
    return Row(
        f"mutation($input: {kind}!) {{ {field}(input: $input) {{ {selected} }} }}", "input", right, elsewhere, wrong
    )


CLERKS = ("schoolA1", "schoolB1", "prov")
TABLE = {
    "region": read("region", "code:county", "countyA", "countyB"),
    "school": read("school", "code:school", "schoolA1", "schoolB1"),
    "schoolClass": read("schoolClass", "class", "schoolA1", "schoolB1", "dash"),
    "student": read("student", "student", "schoolA1", "schoolB1", "dash"),
    "case": read("case", "case", "schoolA2", "schoolB1", "dash"),
    "problemRecord": read("problemRecord", "problem", "reviewerA", "reviewerB", "dash"),
    "photoImport": read("photoImport", "photos", "leaderA1", "leaderB1", "dash"),
    "node": read("node", "student", "schoolA1", "schoolB1", "dash"),
    "nodes": read("nodes", "ids", "schoolA1", "schoolB1", "dash"),
    "regions": read("regions", "within", "countyA", "countyB"),
    "schools": read("schools", "within", "countyA", "countyB"),
    "schoolClasses": read("schoolClasses", "within", "countyA", "countyB", "dash"),
    "students": read("students", "within", "countyA", "countyB", "dash"),
    "cases": read("cases", "within", "countyA", "countyB", "dash"),
    "problemRecords": read("problemRecords", "within", "reviewerA", "reviewerB", "dash"),
    "importJob": read("importJob", "import", "schoolA1", "schoolB1", "dash"),
    "importJobs": read("importJobs", "within", "countyA", "countyB", "dash"),
    "importFaults": Row(
        "query($key: ID!) { importFaults(id: $key) { nodes { row } notes { code } } }",
        "import",
        "schoolA1",
        "schoolB1",
        "dash",
    ),
    "importReturn": Row(
        "query($key: ID!) { importReturn(id: $key) { url } }", "import", "schoolA1", "schoolB1", "dash"
    ),
    "template": Row(
        "query($key: String!) { template(schoolCode: $key) { url expiresAt } }",
        "code:school",
        "schoolA1",
        "schoolB1",
        "reviewerA",
    ),
    "headcounts": Row(
        "query($key: String!) { headcounts(within: $key, groupBy: []) { students } }",
        "within",
        "countyA",
        "countyB",
        "auditor",
    ),
    "updateSchool": write("updateSchool", "school { id }", *CLERKS),
    "createCampus": write("createCampus", "campus { id }", *CLERKS),
    "openGrade": write("openGrade", "grade { id }", *CLERKS),
    "createClass": write("createClass", "schoolClass { id }", *CLERKS),
    "createCombinedClass": write("createCombinedClass", "schoolClass { id }", *CLERKS),
    "createClasses": write("createClasses", "created", "schoolA1", "schoolB1", "reviewerA"),
    "mergeClasses": write("mergeClasses", "moved", *CLERKS),
    "closeClass": write("closeClass", "schoolClass { id }", *CLERKS),
    "createStudent": write("createStudent", "student { id }", "schoolA1", "schoolB1", "reviewerA"),
    "updateStudent": write("updateStudent", "student { id }", "schoolA1", "schoolB1", "reviewerA"),
    "importWorkbook": write("importWorkbook", "import { id }", "schoolA1", "schoolB1", "reviewerA"),
    "startImport": write("startImport", "import { id }", "schoolA1", "schoolB1", "reviewerA"),
    "applyImport": write("applyImport", "import { id }", "schoolA1", "schoolB1", "reviewerA"),
    "confirmImport": write("confirmImport", "import { id }", "leaderA1", "leaderB1", "schoolA1"),
    "cancelImport": write("cancelImport", "import { id }", "schoolA1", "schoolB1", "reviewerA"),
    "undoImport": write("undoImport", "import { id }", "schoolA1", "schoolB1", "reviewerA"),
    "importPhotos": write("importPhotos", "photoImport { id }", "schoolA1", "schoolB1", "reviewerA"),
    "startPhotos": write("startPhotos", "photoImport { id }", "schoolA1", "schoolB1", "reviewerA"),
    "reviewPhotos": write("reviewPhotos", "results { state }", "leaderA1", "leaderB1", "schoolA1"),
    "requestTransfer": write("requestTransfer", "case { id }", "schoolA2", "schoolB1", "leaderA2"),
    "decideCase": write("decideCase", "case { id }", "leaderA1", "leaderB1", "schoolA1"),
    "withdrawCase": write("withdrawCase", "case { id }", "schoolA2", "schoolB1", "leaderA2"),
    "resolveProblem": write("resolveProblem", "case { id }", "reviewerA", "reviewerB", "schoolA1"),
    "markAttendance": write("markAttendance", "classDay { id }", "teacherA1-1", "teacherA1-2", "countyA"),
    "trialContents": Row("query { trialContents { confirm } }", "nothing", "leadProv", "leadNowhere", "dash"),
    "requestEndTrial": write("requestEndTrial", "register { state }", "prov", "provNowhere", "leadProv"),
    "endTrial": write("endTrial", "register { state }", "leadProv", "leadNowhere", "prov"),
    "markAttendances": write("markAttendances", "results { error { code } }", "teacherA1-1", "teacherA1-2", "countyA"),
}


@dataclass
class Stage:
    """A province in which every root field has something to say: its values by the table's keys."""

    keys: dict[str, Any]
    inputs: dict[str, Any]


@pytest.fixture
async def stage(
    ask: Ask,
    http: httpx.AsyncClient,
    province: Province,
    system: asyncpg.Connection,
    record: int,
    once_more: None,
) -> Stage:
    await make_leaders(system, province)
    await make_caller(system, province, "reviewerB", [("reviewer", "140106")])
    await make_caller(system, province, "teacherA1-2", [("class_teacher", province.paths["A1-2"])])
    await make_grades(system, province, "A1", 1, 2)
    emptied = await system.fetchval(
        """INSERT INTO classes (school_id, path, number, official_number, name, grade, school_year, combined)
           SELECT school_id, left(path, -7) || '0000009', '0000009', '2000009', '空班', grade, school_year, false
           FROM classes WHERE id = $1 RETURNING id""",
        province.ids["A1-1"],
    )
    await make_province_leaders(system, province)
    case = await Counter(ask, province).opened()
    job = {state: await make_import(system, province, state) for state in ("JUDGED", "HELD", "APPLIED")}
    school = f"school:{province.ids['A1']}"
    first, empty = f"class:{province.ids['A1-1']}", f"class:{emptied}"
    day = {"classId": first, "date": clock.today().isoformat()}
    student = f"student:{province.ids['a1-1-1']}"
    number = await system.fetchval("SELECT id_number FROM students WHERE id = $1", province.ids["a1-1-1"])
    photos = (await PhotoDesk(http, ask, province).bring({f"{number}.jpg": make_jpeg(1)}))["id"]
    return Stage(
        keys={
            "code:county": COUNTY_A,
            "code:school": SCHOOL,
            "within": COUNTY_A,
            "class": first,
            "student": student,
            "ids": [student],
            "case": case,
            "problem": f"problem:{record}",
            "import": job["APPLIED"],
            "nothing": None,
            "photos": photos,
        },
        inputs={
            "updateSchool": {"id": school, "phone": "0351-7654321"},
            "createCampus": {"schoolId": school, "name": "东校区"},
            "openGrade": {"schoolId": school, "number": 3},
            "createClass": {"schoolId": school, "grade": 1},
            "createCombinedClass": {"schoolId": school, "grades": [1, 2]},
            "createClasses": {"schoolId": school},
            "mergeClasses": {"from": [empty], "into": first},
            "closeClass": {"id": empty},
            "createStudent": typed(make_row(5)) | {"classId": first},
            "updateStudent": {"id": student, "phone": "13800000009"},
            "importWorkbook": {"schoolCode": SCHOOL},
            "startImport": {"schoolCode": SCHOOL},
            "applyImport": {"importId": job["JUDGED"]},
            "confirmImport": {"importId": job["HELD"], "approve": True},
            "cancelImport": {"importId": job["JUDGED"]},
            "undoImport": {"importId": job["APPLIED"]},
            "importPhotos": {"schoolCode": SCHOOL},
            "startPhotos": {"schoolCode": SCHOOL},
            "reviewPhotos": {"classId": first},
            "requestTransfer": wanted(province, "a1-1-2"),
            "decideCase": {"id": case, "verdict": "APPROVE"},
            "withdrawCase": {"id": case},
            "resolveProblem": {"id": f"problem:{record}", "resolution": "DELETE", "note": "重复"},
            "requestEndTrial": {},
            "endTrial": {"confirm": "山西省"},
            "markAttendance": day,
            "markAttendances": {"days": [day]},
        },
    )


async def own_files(http: httpx.AsyncClient, province: Province, field: str) -> dict[str, str]:
    """The same workbook or photo as each caller's own upload: somebody else's would not be found."""
    row, token = TABLE[field], province.tokens["schoolA1"]
    pupils = field != "createClasses"
    data = make_workbook(make_row(5)) if pupils else await sheet(http, token, {"班号": "2026001", "年级": "1"})
    if field in ("importPhotos", "startPhotos"):
        data = make_jpeg(2)
    return {
        caller: await upload(http, province.tokens[caller], data) for caller in (row.right, row.elsewhere, row.wrong)
    }


def test_every_root_field_is_in_the_table(app: Starlette) -> None:
    kinds = app.state.hub.schema._schema
    fields = {*kinds.query_type.fields, *kinds.mutation_type.fields}
    assert fields == {*TABLE, *ANYBODY}
    assert {*kinds.subscription_type.fields} == FOLLOWED


@pytest.mark.parametrize("field", TABLE)
async def test_a_root_field_for_four_callers(
    ask: Ask, http: httpx.AsyncClient, province: Province, system: asyncpg.Connection, stage: Stage, field: str
) -> None:
    row = TABLE[field]
    given = {"input": stage.inputs[field]} if row.key == "input" else {"key": stage.keys[row.key]}
    if field == "endTrial":
        await asked_for(system, province)
    files = await own_files(http, province, field) if field in OF_FILES else {}

    async def asking(caller: str | None) -> Any:
        mine = {"input": given["input"] | {"fileId": files[caller or row.right]}} if files else given
        return await ask(caller, row.query, mine)

    before, audited = await dump(system, TABLES), await system.fetchval("SELECT max(id) FROM audit")
    expected = {None: "UNAUTHENTICATED", row.wrong: "FORBIDDEN", row.elsewhere: "NOT_FOUND"}
    for caller, code in expected.items():
        answer = await asking(caller)
        if field == "nodes" and code == "NOT_FOUND":
            assert answer["data"]["nodes"] == [None]
        elif field == "markAttendances" and code == "NOT_FOUND":
            assert answer["data"][field]["results"] == [{"error": {"code": code}}]
        else:
            assert not (answer["data"] or {}).get(field)
            assert code_of(answer)[0] == code, caller
        assert await dump(system, TABLES) == before, caller
    refused = await system.fetch("SELECT code FROM audit WHERE id > $1 AND outcome = 'REFUSED' ORDER BY id", audited)
    assert [one["code"] for one in refused] == ["FORBIDDEN", "NOT_FOUND"]
    answer = await asking(row.right)
    assert "errors" not in answer, answer
    assert answer["data"][field]
    assert (await dump(system, TABLES) == before) is row.query.startswith("query")
