"""Every planted mistake of a sampled province is found: the right code, on the right cell, and nothing on any other."""

import asyncio
import csv
import io
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import asyncpg
import openpyxl
import orjson

from hub import accounts, caller, clock, divisions, files, sample, worker
from hub.gate import Once
from hub.imports import asking, proposals
from hub.intake import rules
from hub.intake.sheet import COLUMNS, letter
from hub.last_year import written
from hub.sample import Truth
from hub.settings import Settings
from hub.terms import ImportMode
from hub.worker import Worker
from policies import load
from tests import mistakes
from tests.mistakes import plant
from tests.province import Province, make_caller
from tests.spoiling import Row, Sheet

PUPILS, SEED, TIMES = 3_000, 20261126, 3
Finding = tuple[str, int, str, str]
"""School, row as Excel counts, column's letter in the file, code."""
ROWS = """SELECT s.id, s.student_number, s.grade, h.code AS school_code, c.official_number AS class_number, to_jsonb(s) AS pupil,
                 (SELECT jsonb_object_agg(g.position, to_jsonb(g)) FROM guardians g WHERE g.student_id = s.id) AS family
          FROM students s JOIN schools h ON h.id = s.school_id JOIN classes c ON c.id = s.class_id
          WHERE s.state = 'IN_SCHOOL' ORDER BY h.code, s.id"""
HEADERS = {column.slot: column.header for column in COLUMNS}
FORGET = ("problem_records", "leases", "guardians", "placements", "student_versions")


def test_every_rule_can_be_planted_or_it_is_said_why_not() -> None:
    codes = {rule.code for rule in rules.RULES}
    assert set(mistakes.PLANTERS) | set(mistakes.NOT_OF_A_SHEET) == codes
    assert not set(mistakes.PLANTERS) & set(mistakes.NOT_OF_A_SHEET)


class Sampled:
    """A sampled province, half of whose pupils the register has not heard of yet, and the sheets that tell of them."""

    def __init__(self, worker: Worker, system: asyncpg.Connection) -> None:
        self.worker, self.system, self.draw = worker, system, random.Random(SEED)
        self.province = Province()
        self.sheets: dict[str, Sheet] = {}
        self.planted: set[Finding] = set()
        self.letters: dict[str, dict[str, str]] = {}

    async def grow(self) -> list[Truth]:
        """The sample with classes whose numbers begin with a zero, its clerk, and a sheet for every school."""
        planted = await sample.plant(self.system, students=PUPILS, seed=SEED, today=clock.today())
        await self.system.execute(
            "UPDATE classes SET official_number = '0' || substr(official_number, 2) WHERE number::int % 3 = 0"
        )
        schools = {row["code"]: row for row in await self.system.fetch("SELECT id, code, founder, path FROM schools")}
        everywhere = [("school_administrator", row["path"]) for row in schools.values()]
        await make_caller(self.system, self.province, "clerk", everywhere)
        for row in await self.system.fetch(ROWS):
            of = schools[row["school_code"]]
            sheet = self.sheets.setdefault(
                of["code"], Sheet(of["code"], of["founder"], {}, bool(of["id"] % 3), [], set())
            )
            sheet.rows.append(plainly(row))
        for code, sheet in self.sheets.items():
            taught = await self.system.fetch(
                """SELECT official_number, grade FROM classes WHERE school_id = $1 AND closed IS NULL
                   AND id NOT IN (SELECT class_id FROM class_grades GROUP BY class_id HAVING count(*) > 1)""",
                schools[code]["id"],
            )
            sheet.classes = {row["official_number"]: row["grade"] for row in taught}
        return planted.truth

    async def forget(self, truth: list[Truth]) -> None:
        """Half the pupils leave the register, as if these sheets were the first to tell of them.

        Of those who share a planted problem within a school nobody is on record.
        """
        planted = {number: at for at, each in enumerate(truth) for number in each.student_numbers}
        within = Counter(
            (code, planted.get(row["student"])) for code, sheet in self.sheets.items() for row in sheet.rows
        )
        gone = []
        for code, sheet in self.sheets.items():
            for at, row in enumerate(sheet.rows):
                problem = planted.get(row["student"])
                if self.draw.random() < 0.5 and (problem is None or within[code, problem] == 1):
                    sheet.known.add(at)
                else:
                    gone.append(row["student"])
                if (
                    problem is None
                    and row["id_number"]
                    and row["class_number"] in sheet.classes
                    and at not in sheet.known
                ):
                    sheet.free.append(at)
        ids = [
            row["id"]
            for row in await self.system.fetch("SELECT id FROM students WHERE student_number = ANY ($1)", gone)
        ]
        for table in FORGET:
            await self.system.execute(f"DELETE FROM {table} WHERE student_id = ANY ($1)", ids)
        await self.system.execute("DELETE FROM students WHERE id = ANY ($1)", ids)
        for sheet in self.sheets.values():
            sheet.others = [
                {**row, "grade": other.grade(row)}
                for other in self.sheets.values()
                for at, row in enumerate(other.rows)
                if other.code[:2] == sheet.code[:2] and other is not sheet and at in other.known
                and row["student"] not in planted and row["id_number"] and row["class_number"] in other.classes
            ]  # fmt: skip

    def spoil(self) -> Counter[str]:
        """Plant every mistake some times, wherever a row allows it; how often each was planted."""
        done: Counter[str] = Counter()
        for code in sorted(mistakes.PLANTERS) * TIMES:
            sheets = list(self.sheets.values())
            for sheet in self.draw.sample(sheets, len(sheets)):
                planted = plant(sheet, code, self.draw)
                if planted is not None:
                    at, findings = planted
                    self.planted |= {(sheet.code, at + 2, slot, told) for slot, told in findings}
                    done[code] += 1
                    break
        return done

    async def judge(self) -> set[Finding]:
        """Send every sheet in, to be judged and no more; everything that is told, by slot of the cell it is told of."""
        database = self.worker.database
        account = await accounts.Sessions(database).find(self.province.tokens["clerk"])
        clerk, started = caller.act(account, None, clock.now()), {}
        for code, sheet in self.sheets.items():
            slots = [column.slot for column in COLUMNS]
            self.draw.shuffle(slots)
            self.letters[code] = {letter(place): slot for place, slot in enumerate(slots, 1)}
            data = book(sheet.rows, slots) if sheet.typed else text(sheet.rows, slots)
            stored = await files.store(database, self.worker.files, clerk, f"{code}.dat", whole(data))
            once, mode = Once(None, "startImport", None), ImportMode.JUDGE_ONLY
            started[code] = await asking.start(
                database, load(), clerk, once, school_code=code, file_id=stored.id, mode=mode
            )
        await asyncio.gather(self.worker.drain(), self.worker.drain())
        found: set[Finding] = set()
        async with database.system.begin() as connection:
            for code, job in started.items():
                state = await self.system.fetchval("SELECT state FROM imports WHERE id = $1", job)
                assert state == "JUDGED", (code, state)
                for _, faults, warnings, mended in await proposals.findings(connection, job):
                    told = [(each.row, each.column, each.key) for each in (*faults, *warnings)]
                    told += [(mend.row, mend.column, mend.code) for mend in mended]
                    found |= {(code, row, self.letters[code][column], key) for row, column, key in told}
        return found


def plainly(found: asyncpg.Record) -> Row:
    """A pupil's row with nothing odd in it: what the sample has drawn to be unusual is made usual."""
    pupil, family = orjson.loads(found["pupil"]), orjson.loads(found["family"] or "{}")
    pupil |= {"school_code": found["school_code"], "class_number": found["class_number"]}
    row: Row = {}
    for column in COLUMNS:
        holder = family.get(str(column.member), {}) if column.member else pupil
        value = holder.get(column.key)
        if column.kind in ("date", "month") and value:
            value = date.fromisoformat(value)
        if column.kind == "distance":
            value = Decimal(str(value))
        row[column.slot] = written(column, value)
    for member in ("guardian1", "guardian2"):
        if row[f"{member}.name"] and not row[f"{member}.residence_code"]:
            row[f"{member}.residence_code"] = row["birthplace_code"]
    usual = {"left_behind": "非留守儿童", "orphan": "否", "political_status": "群众"}
    return row | usual | {"student": found["student_number"]}


def by_the_truth(sheets: Iterable[Sheet]) -> set[Finding]:
    """What the sample's own problems are to be told as, by a look at every pupil in turn."""
    sheets = list(sheets)
    on_record = [sheet.rows[at] for sheet in sheets for at in sorted(sheet.known)]
    numbers = {row["id_number"] for row in on_record} - {""}
    persons = defaultdict(list)
    for row in on_record:
        persons[person(row)].append(bool(row["id_number"]))
    found: set[Finding] = set()
    for sheet in sheets:
        before: list[Row] = []
        new: list[Row] = []
        for at, row in enumerate(sheet.rows):
            wrong = of_number(row)
            if wrong and at in sheet.known:
                told = {("id_number", "ID_WRONG_ON_RECORD")} | in_file(row, before)
            else:
                told = wrong or in_file(row, before)
            if not wrong or at in sheet.known:
                before.append(row)
            if at not in sheet.known and not any(code != "NAMESAKE_IN_FILE" for _, code in told):
                if any(person(row) == person(one) and not (row["id_number"] and one["id_number"]) for one in new):
                    told = {("name", "DUPLICATE_IN_FILE")}
                else:
                    new.append(row)
                    if row["id_number"] in numbers:
                        told |= {("id_number", "ID_ALREADY_REGISTERED_USE_TRANSFER")}
                    if any(not (numbered and row["id_number"]) for numbered in persons[person(row)]):
                        told |= {("name", "SAME_NAME_SEX_BIRTH")}
            found |= {(sheet.code, at + 2, slot, code) for slot, code in told}
    return found


def person(row: Row) -> tuple[Any, ...]:
    return row["name"], row["sex"], row["birth_date"]


def of_number(row: Row) -> set[tuple[str, str]]:
    """What is wrong with an identity number, by GB 11643 and what else the row says."""
    number: str = row["id_number"]
    if not number:
        return set()
    if len(number) != 18:
        return {("id_number", "ID_WRONG_LENGTH")}
    found = set()
    if sum((10 if digit == "X" else int(digit)) * 2 ** (17 - at) for at, digit in enumerate(number)) % 11 != 1:
        found.add("ID_CHECK_DIGIT")
    if not divisions.known(number[:6]):
        found.add("ID_UNKNOWN_DIVISION")
    if (int(number[16]) % 2 == 1) != (row["sex"] == "男"):
        found.add("ID_SEX_DISAGREES")
    try:
        born = datetime.strptime(number[6:14], "%Y%m%d")  # noqa: DTZ007 -- a day
    except ValueError:
        return {("id_number", code) for code in found | {"ID_IMPOSSIBLE_DATE"}}
    if not 3 <= (int(f"{clock.today():%Y%m%d}") - int(f"{born:%Y%m%d}")) // 10_000 <= 30:
        found.add("ID_INSANE_AGE")
    if number[6:14] != row["birth_date"]:
        found.add("ID_BIRTH_DATE_DISAGREES")
    return {("id_number", code) for code in found}


def in_file(row: Row, before: list[Row]) -> set[tuple[str, str]]:
    """What the rows before it in the file make of a row."""
    same = [one for one in before if person(one) == person(row)]
    if row["id_number"]:
        if any(one["id_number"] == row["id_number"] for one in before):
            return {("id_number", "DUPLICATE_IN_FILE")}
        return {("name", "NAMESAKE_IN_FILE")} if any(one["id_number"] for one in same) else set()
    twice = any(not one["id_number"] and one["class_number"] == row["class_number"] for one in same)
    return {("name", "DUPLICATE_IN_FILE")} if twice else set()


def book(rows: list[Row], slots: list[str]) -> bytes:
    """The rows as a workbook that openpyxl writes, its columns in this order."""
    written = openpyxl.Workbook(write_only=True)
    lines = written.create_sheet("学生基本信息")
    lines.append([HEADERS[slot] for slot in slots])
    for row in rows:
        lines.append([None if row.get(slot) == "" else row.get(slot) for slot in slots])
    content = io.BytesIO()
    written.save(content)
    return content.getvalue()


def text(rows: list[Row], slots: list[str]) -> bytes:
    """The rows as a text in GBK, as a spreadsheet in China writes it."""
    content = io.StringIO(newline="")
    lines = csv.writer(content)
    lines.writerow([HEADERS[slot] for slot in slots])
    lines.writerows([row.get(slot, "") for slot in slots] for row in rows)
    return content.getvalue().encode("gb18030")


async def whole(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def test_every_planted_mistake_is_found_on_its_cell_and_nothing_else_is(
    settings: Settings, system: asyncpg.Connection
) -> None:
    async with worker.employed(settings) as employed:
        sampled = Sampled(employed, system)
        truth = await sampled.grow()
        await sampled.forget(truth)
        wanted = by_the_truth(sampled.sheets.values())
        planted = sampled.spoil()
        assert set(planted) == set(mistakes.PLANTERS), set(mistakes.PLANTERS) - set(planted)
        assert sum(planted.values()) > len(planted) * (TIMES - 1)
        wanted |= sampled.planted
        found = await sampled.judge()
    assert sorted(found - wanted) == []
    assert sorted(wanted - found) == []
    assert {code for _, _, _, code in found} == {*mistakes.PLANTERS, "ID_WRONG_ON_RECORD"}
