"""A small register in which everything odd happens: for the fuzz alone, in a database of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import asyncpg
import orjson

from hub import clock, names

_PLACES = (
    ("14", None, "PROVINCE", "山西省"),
    ("1401", "14", "CITY", "太原市"),
    ("1402", "14", "CITY", "大同市"),
    ("140105", "1401", "COUNTY", "小店区"),
    ("140106", "1401", "COUNTY", "迎泽区"),
    ("140202", "1402", "COUNTY", "城区"),
)
# Who manages a school, where it stands, the centre of a teaching point.
_SCHOOLS = (
    ("2114000001", "140105", "140105", None),
    ("2114000002", "140105", "140106", None),
    ("2114000003", "140106", "140106", None),
    ("3414000007", "1401", "140105", None),
    ("3114000008", "14", "140202", None),
    ("2114000009", "140202", "140202", None),
    ("2114000011", "140105", "140105", "2114000001"),
    ("2114000012", "140106", "140106", "2114000001"),
)
_NAMES = (
    "same",
    "same",
    "Z",
    "z",
    "é",
    "中",
    "",
    "O'Brien",
    '"quoted"',
    "100%",
    "a_b",
    "back\\slash",
    "😀",
    "\U0010fffd",
    "~",
)
_WORDS = (None, "", "x", "中", "'", '"', "%", "_", "\\", "😀", "a\U0010fffdb", "tab\there", "line\nbreak")
_STATES = ("IN_SCHOOL", "IN_SCHOOL", "IN_SCHOOL", "SUSPENDED", "TRANSFERRED_OUT", "GRADUATED", "DELETED")
_SWITCHES = (
    "only_child",
    "preschool",
    "needs_aid",
    "living_allowance",
    "orphan",
    "martyr_child",
    "needs_school_bus",
)
_YEAR = 2025
_MONDAY = date(2026, 3, 2)


class _Planting:
    def __init__(self, connection: asyncpg.Connection, chance: Random) -> None:
        self.connection = connection
        self.chance = chance
        self.places: dict[str, int] = {}
        self.accounts: list[int] = []
        self.schools: list[dict[str, Any]] = []
        self.classes: list[dict[str, Any]] = []
        self.students: list[dict[str, Any]] = []

    async def put(self, table: str, answer: str = "id", /, **values: Any) -> Any:
        names, marks = ", ".join(values), ", ".join(f"${at}" for at in range(1, len(values) + 1))
        statement = f"INSERT INTO {table} ({names}) VALUES ({marks}) RETURNING {answer}"  # noqa: S608 -- our own names
        return await self.connection.fetchval(statement, *values.values())

    def word(self) -> str | None:
        return self.chance.choice(_WORDS)

    def moment(self) -> datetime:
        start = datetime(2026, 3, 2, 8, tzinfo=clock.SHANGHAI)
        return start + timedelta(hours=self.chance.randrange(99), microseconds=self.chance.choice([0, 0, 120_000, 1]))

    async def all(self, pupils: int) -> None:
        for at in range(4):
            self.accounts.append(await self.put("accounts", username=f"fuzz{at}", name=f"fuzz{at}"))
        for place in _PLACES:
            await self.place(*place)
        for school in _SCHOOLS:
            await self.school(*school)
        for _ in range(pupils):
            await self.pupil()
        for school_class in self.classes:
            await self.mornings(school_class)
        await self.problems()
        for _ in range(12):
            await self.case()
        await self.leases()

    async def place(self, code: str, parent: str | None, level: str, name: str) -> None:
        office = self.chance.choice([None, f"{name}教育局"])
        self.places[code] = await self.put(
            "places",
            code=code,
            level=level,
            parent_id=self.places.get(parent or ""),
            path=code,
            name=name,
            name_key=self.chance.choice(_NAMES),
            name_terms=names.name_terms(name),
            office=office,
            office_phone=self.chance.choice([None, "0351-1234567"]),
            since=date(1949, 10, 1),
            until=self.chance.choice([None, date(2026, 1, 1)]),
        )

    async def school(self, code: str, managed: str, located: str, parent: str | None) -> None:
        chance = self.chance
        made: dict[str, Any] = {"code": code, "path": f"{managed}.{code}", "managed": managed, "located": located}
        optional = (
            "english_name affiliation address post_code phone email head_name head_phone organisation_code "
            "legal_person_number land_title boarding_mode teaching_language"
        )
        made["id"] = await self.put(
            "schools",
            code=code,
            name=f"{code[-2:]}小学",
            name_key=chance.choice(_NAMES),
            name_terms=names.name_terms(f"{code[-2:]}小学"),
            type=chance.choice(["211", "218", "999"]),
            founder=chance.choice(["EDUCATION_DEPARTMENT", "PRIVATE", "UNCLEAR"]),
            licensed=chance.random() < 0.5,
            place_id=self.places[managed],
            path=made["path"],
            located_in_id=self.places[located],
            territory=located,
            parent_id=next((one["id"] for one in self.schools if one["code"] == parent), None),
            since=date(2000, 9, 1),
            until=chance.choice([None, date(2027, 1, 1)]),
            **{name: self.word() for name in optional.split()},
        )
        self.schools.append(made)
        for stage, authority in (("PRIMARY", located), ("JUNIOR", "1401")):
            since = chance.choice([date(2000, 9, 1), date(2010, 9, 1)])
            await self.put(
                "school_stages",
                school_id=made["id"],
                stage=stage,
                length=chance.choice([3, 5, 6]),
                authority_id=self.places[authority],
                since=since,
            )
        campuses = [await self.campus(made, name) for name in chance.sample(_NAMES[1:], 2)]
        for number in (1, 2, 3):
            await self.put(
                "grades",
                school_id=made["id"],
                path=made["path"],
                stage="PRIMARY",
                number=number,
                school_year=_YEAR - chance.randrange(2),
                name=f"{number}年级",
            )
        for number in range(1, chance.choice([2, 3, 4])):
            await self.school_class(made, number, [None, *campuses])

    async def campus(self, school: dict[str, Any], name: str) -> int:
        area = self.chance.choice([None, 12, 0.5, 1000])
        found: int = await self.put(
            "campuses",
            school_id=school["id"],
            path=school["path"],
            name=name,
            address=self.word(),
            phone=self.word(),
            area=area,
        )
        return found

    async def school_class(self, school: dict[str, Any], number: int, campuses: Sequence[int | None]) -> None:
        chance = self.chance
        made: dict[str, Any] = {
            "path": f"{school['path']}.{number:07d}",
            "school": school,
            "grade": chance.choice([1, 2]),
        }
        combined = chance.random() < 0.3
        made["id"] = await self.put(
            "classes",
            school_id=school["id"],
            campus_id=chance.choice(campuses),
            path=made["path"],
            number=f"{number:07d}",
            official_number=f"{chance.choice('ABZ')}{number}",
            name=f"{number}班",
            grade=made["grade"],
            school_year=_YEAR,
            combined=combined,
            type=chance.choice([None, "1", "9"]),
            length=chance.choice([None, 6]),
            formed=chance.choice([None, date(2025, 9, 1)]),
            teacher_name=self.word(),
            monitor_name=self.word(),
            closed=chance.choice([None, None, None, date(2026, 2, 1)]),
        )
        for grade in (made["grade"], made["grade"] + 1) if combined else (made["grade"],):
            for year in (_YEAR, _YEAR - 1):
                await self.put("class_grades", "class_id", class_id=made["id"], school_year=year, grade=grade)
        await self.connection.execute("UPDATE schools SET last_class_number = $2 WHERE id = $1", school["id"], number)
        self.classes.append(made)

    async def pupil(self) -> None:
        chance, at = self.chance, len(self.students)
        school_class = chance.choice(self.classes)
        school, within = school_class["school"], chance.random() < 0.9
        made: dict[str, Any] = {
            "school": school["id"],
            "class": school_class["id"] if within else None,
            "path": school_class["path"] if within else school["path"],
            "state": chance.choice(_STATES),
            "sex": chance.choice(["MALE", "FEMALE"]),
            "grade": school_class["grade"],
        }
        family = chance.choice(_NAMES)
        name = chance.choice([f"名{at}", "同名", "张小明", "单于John", family or "空"])
        identity = chance.choice([None, f"14010520150315{at % 40:03d}X", f"14010620140302{at:03d}1", "短", ""])
        text = "actual_place residence_code political_status former_name id_valid_period blood_type strengths "
        text += "auxiliary_number number_in_class student_source email home_page disability inclusion"
        made["id"] = await self.put(
            "students",
            student_number=f"{chance.choice('LJG')}140105{_YEAR}{at:07d}{chance.choice('0X')}",
            school_id=school["id"],
            class_id=made["class"],
            path=made["path"],
            state=made["state"],
            grade=made["grade"],
            school_year=_YEAR - (chance.random() < 0.2),
            actual_school_id=chance.choice([None, None, None, chance.choice(self.schools)["id"]]),
            name=name,
            name_key=family,
            name_terms=names.name_terms(name),
            sex=made["sex"],
            birth_date=date(2015, 3, chance.choice([1, 15, 15])),
            birthplace_code="140105000000",
            ancestral_place=f"籍贯{at}",
            ethnic_group=chance.choice(["01", "02", "no"]),
            nationality="CHN",
            id_type="1",
            overseas_status="00",
            health=chance.choice(["10", "20"]),
            id_number=identity,
            residence_nature=chance.choice("12"),
            entry_month=date(2021, 9, 1),
            admission_type="11",
            attendance_type=chance.choice("12"),
            present_address=chance.choice(["同址", f"住址{at}"]),
            mail_address=f"通信{at}",
            home_address=f"家庭{at}",
            phone=chance.choice(["13800138000", "12345678", "1", "", "035112345678"]),
            post_code="030000",
            left_behind=chance.choice("01"),
            distance_km=chance.choice([0, 1, 1.5, 12.25, 100]),
            travel_mode="1",
            **{name: self.word() for name in text.split()},
            **{name: chance.random() < 0.5 for name in _SWITCHES},
            **{name: chance.choice([None, True, False]) for name in ("bought_place", "migrant_child")},
        )
        self.students.append(made)
        await self.family(made)
        await self.history(made)

    async def family(self, pupil: dict[str, Any]) -> None:
        for position in range(1, self.chance.choice([1, 2, 3])):
            await self.put(
                "guardians",
                "student_id",
                student_id=pupil["id"],
                position=position,
                name=self.chance.choice(_NAMES),
                relation=self.chance.choice(["51", "52", "no"]),
                address=f"址{pupil['id']}",
                phone=self.chance.choice(["13900139000", "12"]),
                is_guardian=self.chance.random() < 0.5,
                id_type=self.chance.choice([None, "1"]),
                id_number=self.chance.choice([None, "14010519800101123X", "12"]),
                ethnic_group=self.chance.choice([None, "01"]),
                **{name: self.word() for name in ("relation_note", "residence_code", "employer", "post")},
            )

    async def history(self, pupil: dict[str, Any]) -> None:
        moved = self.chance.random() < 0.4
        now = {"class_id": pupil["class"], "path": pupil["path"], "school_id": pupil["school"]}
        old = self.chance.choice(self.classes)
        then = {"class_id": old["id"], "path": old["path"], "school_id": old["school"]["id"]}
        about = {"student_id": pupil["id"], "grade": pupil["grade"], "school_year": _YEAR}
        if moved:
            ends = {"since": date(2024, 9, 1), "until": date(2025, 9, 1), "ended_by": "TRANSFER"}
            await self.put("placements", **about, **then, **ends, began_by="ENROLMENT")
        await self.put("placements", **about, **now, since=date(2025, 9, 1), began_by="ENROLMENT")
        counted: dict[str, Any] = {"sex": pupil["sex"], "state": pupil["state"], "effective": date(2025, 9, 1)}
        counted |= {name: self.chance.random() < 0.5 for name in ("boarding", "migrant", "left_behind", "without_id")}
        turn = self.moment()
        if moved:
            past = {"recorded_from": turn - timedelta(days=9), "recorded_until": turn, "path": old["path"]}
            await self.put("student_versions", **about, **counted, **past)
        await self.put("student_versions", **about, **counted, recorded_from=turn, path=pupil["path"])

    async def mornings(self, school_class: dict[str, Any]) -> None:
        chance = self.chance
        roster = [one for one in self.students if one["class"] == school_class["id"]]
        for at in range(5):
            if chance.random() < 0.4:
                continue
            # Where the class was before it moved, or here.
            path = chance.choice([school_class["path"], school_class["path"], chance.choice(self.classes)["path"]])
            away = {
                one["id"]: chance.choice(["ABSENT", "LATE", "SICK_LEAVE"]) for one in roster if chance.random() < 0.3
            }
            kinds = list(away.values())
            day = _MONDAY + timedelta(days=at)
            made = await self.put(
                "class_days",
                class_id=school_class["id"],
                day=day,
                path=path,
                grade=school_class["grade"],
                expected=len(away) + chance.choice([0, 0, 7, 40]),
                absent=kinds.count("ABSENT"),
                late=kinds.count("LATE"),
                on_leave=kinds.count("SICK_LEAVE"),
                marked_by=self.accounts[0],
                marked_at=self.moment(),
            )
            for pupil, kind in away.items():
                about = {"class_day_id": made, "student_id": pupil, "day": day, "path": path}
                await self.put("absences", "student_id", **about, kind=kind, note=self.word())

    async def problems(self) -> None:
        for pupil in self.chance.sample(self.students, len(self.students) // 3):
            for kind in self.chance.sample(
                ["ID_INVALID", "ID_DUPLICATED", "NAME_SEX_BIRTH"], self.chance.choice([1, 2])
            ):
                shut = self.chance.random() < 0.4
                await self.put(
                    "problem_records",
                    student_id=pupil["id"],
                    kind=kind,
                    path=pupil["path"],
                    state="CLOSED" if shut else "OPEN",
                    resolution=self.chance.choice(["CHANGE", "EVIDENCE"]) if shut else None,
                    closed_at=self.moment() if shut else None,
                    found_at=self.moment(),
                    cause=b"x",
                )

    async def case(self) -> None:
        chance = self.chance
        pupil, there = chance.choice(self.students), chance.choice(self.schools)
        home = next(one for one in self.schools if one["id"] == pupil["school"])
        shut = chance.random() < 0.6
        waiting = chance.choice([home["path"], there["path"], home["located"]])
        kind = chance.choice(["TRANSFER_IN_COUNTY", "TRANSFER_IN_COUNTY", "PROBLEM_RESOLUTION"])
        change = {"sex": "MALE", "birth_date": "2015-03-15", "id_type": chance.choice([None, "1"])}
        details: dict[str, Any] = {
            "name": chance.choice(["名", "😀"]),
            "number": chance.choice([None, "12", "14010520150315001X"]),
        }
        made = await self.put(
            "cases",
            kind=kind,
            chain_id=await self.connection.fetchval("SELECT min(id) FROM chains"),
            state=chance.choice(["DONE", "REFUSED", "WITHDRAWN"]) if shut else "OPEN",
            path=there["path"],
            other_path=home["path"] if kind == "TRANSFER_IN_COUNTY" else chance.choice([None, home["path"]]),
            waiting_path=None if shut else waiting,
            due=chance.choice([None, date(2026, 4, 1)]),
            opened_by=self.accounts[0],
            opened_at=self.moment(),
            closed_at=self.moment() if shut else None,
            details=orjson.dumps(chance.choice([details, details | {"how": "CHANGE", "change": change}, {}])).decode(),
        )
        about = {"case_id": made, "student_id": pupil["id"]}
        await self.put("case_subjects", "case_id", **about, slot="WATCH", open=not shut)
        for ordinal, office in enumerate((home["path"], home["located"]), 1):
            decided = chance.random() < 0.5
            await self.put(
                "case_steps",
                "case_id",
                case_id=made,
                ordinal=ordinal,
                side="AUTHORITY" if ordinal == 2 else "SENDING_SCHOOL",
                office=office,
                state="APPROVED" if decided else "WAITING",
                due=chance.choice([None, date(2026, 4, 2)]),
                decided_at=self.moment() if decided else None,
            )
        for ordinal, verdict in enumerate(("REQUEST", "REFUSE")[: chance.choice([1, 2])], 1):
            await self.put(
                "case_decisions",
                case_id=made,
                ordinal=ordinal,
                account_id=self.accounts[ordinal],
                role="county_leader",
                verdict=verdict,
                reason="CLASS_FULL" if verdict == "REFUSE" else None,
                note=self.word(),
                at=self.moment(),
            )

    async def leases(self) -> None:
        now, hour, chance = clock.now(), timedelta(hours=99), self.chance
        times = [(now - hour, now + hour)] * 3 + [(now - 2 * hour, now - hour), (now + hour, now + 2 * hour)]
        offices = [*(one["path"] for one in self.schools[:4]), "140105", "140106"]
        for at in range(60):
            since, until = chance.choice(times)
            holder = {"account_id": self.accounts[at % 3]} if at % 2 else {"office": chance.choice(offices)}
            await self.put(
                "leases",
                student_id=chance.choice(self.students)["id"],
                view=chance.choice(["RECORD", "RECORD", "PREVIEW"]),
                reason="fuzz",
                since=since,
                until=until,
                **holder,
            )

    async def imports(self) -> None:
        for school in self.schools[:5]:
            file = await self.put(
                "files", account_id=self.accounts[0], name="fuzz.xlsx", size=1, sha256="0", key=f"fuzz{school['id']}"
            )
            found = await self.put(
                "imports",
                file_id=file,
                school_id=school["id"],
                account_id=self.accounts[0],
                acting_id=self.accounts[0],
                path=school["path"],
                queue=school["path"].split(".")[0],
                sha256="0",
                weight=5,
                state=self.chance.choice(["APPLIED", "REFUSED"]),
                total=5,
                created=1,
                updated=2,
                unchanged=1,
                rejected=1,
                created_at=self.moment(),
            )
            for number, pupil in enumerate(self.chance.sample(self.students, 3), 2):
                await self.connection.execute(
                    """INSERT INTO import_rows (import_id, number, verdict, name, class_number, student_id, changes,
                                                later)
                       VALUES ($1, $2, $3, $4, '2000001', $5, $6, $7)""",
                    found,
                    number,
                    self.chance.choice(["CREATE", "UPDATE", "UNCHANGED", "REFUSE"]),
                    self.chance.choice([None, f"名{number}", "王小明"]),
                    pupil["id"],
                    self.chance.choice([[], ["present_address", "family"], ["distance_km"]]),
                    self.chance.choice([[], ["phone"], ["record"]]),
                )

    async def photos(self) -> None:
        chance = self.chance
        batches = {}
        for school in self.schools[:5]:
            file = await self.file(f"zip{school['id']}")
            of_school = {"school_id": school["id"], "path": school["path"], "account_id": self.accounts[0]}
            counts = {"total": 3, "taken": 1, "refused": 1, "ignored": chance.choice([0, 1])}
            job = {"state": chance.choice(["DONE", "FAILED"]), "queue": school["path"].split(".")[0], "weight": 3}
            failed = {"code": chance.choice([None, "NO_PHOTOS"]), "message": self.word(), "ended_at": self.moment()}
            batch = await self.put(
                "photo_imports", file_id=file, created_at=self.moment(), **of_school, **counts, **job, **failed
            )
            batches[school["id"]] = batch
            for ordinal, outcome in enumerate(("TAKEN", "REFUSED", "IGNORED")):
                pupil = chance.choice([None, *self.students])
                await self.put(
                    "photo_entries",
                    "ordinal",
                    import_id=batch,
                    ordinal=ordinal,
                    path=school["path"],
                    name=chance.choice(["x.jpg", "中/'.jpg", "😀"]),
                    outcome=outcome,
                    student_id=pupil and pupil["id"],
                    code=None if outcome == "TAKEN" else "PHOTO_STRAY",
                    message=self.word(),
                )
        for pupil in chance.sample(self.students, len(self.students) // 2):
            for state in chance.choice([["PENDING"], ["APPROVED"], ["REPLACED", "APPROVED", "PENDING"], ["REFUSED"]]):
                kept = state in ("PENDING", "APPROVED")
                await self.put(
                    "photos",
                    student_id=pupil["id"],
                    import_id=chance.choice([*batches.values()]),
                    state=state,
                    file_id=await self.file(f"photo{pupil['id']}{state}") if kept else None,
                    source_sha256="0",
                    width=chance.choice([358, 154]),
                    height=441,
                    size=50_000,
                    uploaded_by=self.accounts[0],
                    uploaded_at=self.moment(),
                    reviewed_at=None if state == "PENDING" else self.moment(),
                    reason="模糊" if state == "REFUSED" else None,
                )

    async def file(self, key: str) -> int:
        made: int = await self.put("files", account_id=self.accounts[0], name="fuzz", size=1, sha256="0", key=key)
        return made


async def plant(connection: asyncpg.Connection, *, seed: int = 2013, pupils: int = 120) -> None:
    """Fill an empty, migrated and seeded database, as hub_system."""
    planting = _Planting(connection, Random(seed))  # noqa: S311 -- a register of nobody
    async with connection.transaction():
        await planting.all(pupils)
        await planting.imports()
        await planting.photos()
