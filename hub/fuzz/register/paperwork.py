"""What offices and schools do with pupils: cases, leases, imports of workbooks and of photos."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import orjson

from hub import clock
from hub.fuzz.register.bed import Bed


async def plant(bed: Bed) -> None:
    """Plant a dozen cases, the leases, and what was brought in."""
    for _ in range(12):
        await _case(bed)
    await _leases(bed)
    await _imports(bed)
    await _photos(bed)


async def _case(bed: Bed) -> None:
    chance = bed.chance
    pupil, there = chance.choice(bed.students), chance.choice(bed.schools)
    home = next(one for one in bed.schools if one["id"] == pupil["school"])
    shut = chance.random() < 0.6
    waiting = chance.choice([home["path"], there["path"], home["located"]])
    kind = chance.choice(["TRANSFER_IN_COUNTY", "TRANSFER_IN_COUNTY", "PROBLEM_RESOLUTION"])
    change = {"sex": "MALE", "birth_date": "2015-03-15", "id_type": chance.choice([None, "1"])}
    details: dict[str, Any] = {
        "name": chance.choice(["名", "😀"]),
        "number": chance.choice([None, "12", "14010520150315001X"]),
    }
    made = await bed.put(
        "cases",
        kind=kind,
        chain_id=await bed.connection.fetchval("SELECT min(id) FROM chains"),
        state=chance.choice(["DONE", "REFUSED", "WITHDRAWN"]) if shut else "OPEN",
        path=there["path"],
        other_path=home["path"] if kind == "TRANSFER_IN_COUNTY" else chance.choice([None, home["path"]]),
        waiting_path=None if shut else waiting,
        due=chance.choice([None, date(2026, 4, 1)]),
        opened_by=bed.accounts[0],
        opened_at=bed.moment(),
        closed_at=bed.moment() if shut else None,
        details=orjson.dumps(chance.choice([details, details | {"how": "CHANGE", "change": change}, {}])).decode(),
    )
    about = {"case_id": made, "student_id": pupil["id"]}
    await bed.put("case_subjects", "case_id", **about, slot="WATCH", open=not shut)
    for ordinal, office in enumerate((home["path"], home["located"]), 1):
        decided = chance.random() < 0.5
        await bed.put(
            "case_steps",
            "case_id",
            case_id=made,
            ordinal=ordinal,
            side="AUTHORITY" if ordinal == 2 else "SENDING_SCHOOL",
            office=office,
            state="APPROVED" if decided else "WAITING",
            due=chance.choice([None, date(2026, 4, 2)]),
            decided_at=bed.moment() if decided else None,
        )
    for ordinal, verdict in enumerate(("REQUEST", "REFUSE")[: chance.choice([1, 2])], 1):
        await bed.put(
            "case_decisions",
            case_id=made,
            ordinal=ordinal,
            account_id=bed.accounts[ordinal],
            role="county_leader",
            verdict=verdict,
            reason="CLASS_FULL" if verdict == "REFUSE" else None,
            note=bed.word(),
            at=bed.moment(),
        )


async def _leases(bed: Bed) -> None:
    now, hour, chance = clock.now(), timedelta(hours=99), bed.chance
    times = [(now - hour, now + hour)] * 3 + [(now - 2 * hour, now - hour), (now + hour, now + 2 * hour)]
    offices = [*(one["path"] for one in bed.schools[:4]), "140105", "140106"]
    for at in range(60):
        since, until = chance.choice(times)
        holder = {"account_id": bed.accounts[at % 3]} if at % 2 else {"office": chance.choice(offices)}
        await bed.put(
            "leases",
            student_id=chance.choice(bed.students)["id"],
            view=chance.choice(["RECORD", "RECORD", "PREVIEW"]),
            reason="fuzz",
            since=since,
            until=until,
            **holder,
        )


async def _imports(bed: Bed) -> None:
    for school in bed.schools[:5]:
        file = await bed.put(
            "files", account_id=bed.accounts[0], name="fuzz.xlsx", size=1, sha256="0", key=f"fuzz{school['id']}"
        )
        found = await bed.put(
            "imports",
            file_id=file,
            school_id=school["id"],
            account_id=bed.accounts[0],
            acting_id=bed.accounts[0],
            path=school["path"],
            queue=school["path"].split(".")[0],
            sha256="0",
            weight=5,
            state=bed.chance.choice(["APPLIED", "REFUSED"]),
            total=5,
            created=1,
            updated=2,
            unchanged=1,
            rejected=1,
            created_at=bed.moment(),
        )
        for number, pupil in enumerate(bed.chance.sample(bed.students, 3), 2):
            await bed.connection.execute(
                """INSERT INTO import_rows (import_id, number, verdict, name, class_number, student_id, changes,
                                            later)
                   VALUES ($1, $2, $3, $4, '2000001', $5, $6, $7)""",
                found,
                number,
                bed.chance.choice(["CREATE", "UPDATE", "UNCHANGED", "REFUSE"]),
                bed.chance.choice([None, f"名{number}", "王小明"]),
                pupil["id"],
                bed.chance.choice([[], ["present_address", "family"], ["distance_km"]]),
                bed.chance.choice([[], ["phone"], ["record"]]),
            )


async def _photos(bed: Bed) -> None:
    chance = bed.chance
    batches = {}
    for school in bed.schools[:5]:
        file = await bed.file(f"zip{school['id']}")
        of_school = {"school_id": school["id"], "path": school["path"], "account_id": bed.accounts[0]}
        counts = {"total": 3, "taken": 1, "refused": 1, "ignored": chance.choice([0, 1])}
        job = {"state": chance.choice(["DONE", "FAILED"]), "queue": school["path"].split(".")[0], "weight": 3}
        failed = {"code": chance.choice([None, "NO_PHOTOS"]), "message": bed.word(), "ended_at": bed.moment()}
        batch = await bed.put(
            "photo_imports", file_id=file, created_at=bed.moment(), **of_school, **counts, **job, **failed
        )
        batches[school["id"]] = batch
        for ordinal, outcome in enumerate(("TAKEN", "REFUSED", "IGNORED")):
            pupil = chance.choice([None, *bed.students])
            await bed.put(
                "photo_entries",
                "ordinal",
                import_id=batch,
                ordinal=ordinal,
                path=school["path"],
                name=chance.choice(["x.jpg", "中/'.jpg", "😀"]),
                outcome=outcome,
                student_id=pupil and pupil["id"],
                code=None if outcome == "TAKEN" else "PHOTO_STRAY",
                message=bed.word(),
            )
    for pupil in chance.sample(bed.students, len(bed.students) // 2):
        for state in chance.choice([["PENDING"], ["APPROVED"], ["REPLACED", "APPROVED", "PENDING"], ["REFUSED"]]):
            kept = state in ("PENDING", "APPROVED")
            await bed.put(
                "photos",
                student_id=pupil["id"],
                import_id=chance.choice([*batches.values()]),
                state=state,
                file_id=await bed.file(f"photo{pupil['id']}{state}") if kept else None,
                source_sha256="0",
                width=chance.choice([358, 154]),
                height=441,
                size=50_000,
                uploaded_by=bed.accounts[0],
                uploaded_at=bed.moment(),
                reviewed_at=None if state == "PENDING" else bed.moment(),
                reason="模糊" if state == "REFUSED" else None,
            )
