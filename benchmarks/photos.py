"""A zip of 1,000 photos of 30 to 50 KB brought into a school, end to end, and the same zip again."""

import asyncio
import io
import resource
import shutil
import time
import zipfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
from PIL import Image

import policies
from benchmarks import province
from benchmarks.province import Province
from benchmarks.result import OUT, Result, spread
from hub import accounts, caller, clock, db, files, passwords, photos
from hub.caller import Caller
from hub.darkroom import archive, picture
from hub.darkroom.room import Darkroom, Developed
from hub.db import Database
from hub.files import Files
from hub.gate import Once
from hub.settings import Settings

PHOTOS, ROUNDS = 1_000, 5
_FLOOR = "floor: unzip and write"
_FOLDER = OUT / "photos"
_USER, _PASSWORD = "bench.photos", "Bench-Photos-2013"
_GATHER = """
    WITH home AS (SELECT s.* FROM schools s JOIN places p ON p.id = s.place_id WHERE p.level = 'COUNTY'
                  ORDER BY (SELECT count(*) FROM students t WHERE t.school_id = s.id) DESC, s.id LIMIT 1),
    room AS (SELECT c.* FROM classes c JOIN home ON c.school_id = home.id WHERE c.closed IS NULL ORDER BY c.id LIMIT 1),
    numbered AS (SELECT id_number FROM students WHERE id_number IS NOT NULL GROUP BY id_number HAVING count(*) = 1),
    wanted AS (SELECT t.id FROM students t JOIN numbered USING (id_number) WHERE t.state = 'IN_SCHOOL'
               ORDER BY t.school_id <> (SELECT id FROM home), t.id LIMIT $1)
    UPDATE students t SET school_id = room.school_id, class_id = room.id, path = room.path FROM room, wanted
    WHERE t.id = wanted.id RETURNING t.id_number, (SELECT code FROM home) AS code, (SELECT path FROM home) AS path"""
"""Seats the pupils in one school: its own first, then its neighbours', since no sample school is that large."""


def run() -> None:
    """Measure and publish."""
    pictures = _pictures(PHOTOS)
    with province.serving() as place:
        rounds = [asyncio.run(_round(place, pictures)) for _ in range(ROUNDS)]
        sizes = {"students": province.STUDENTS, "photos": PHOTOS, "bytes": sum(map(len, pictures)), "rounds": ROUNDS}
        target = "100 photos/s or more taken as they are"
        result = Result("photos", sizes, place.postgres, target=target)
    floor = spread([each[_FLOOR].seconds for each in rounds])["median"]
    for what in rounds[0]:
        found = spread([each[what].seconds for each in rounds])
        used = spread([each[what].processor for each in rounds])["median"]
        row = {"what": what, **{f"{name} s": value for name, value in found.items()}, "processor s": used}
        result.add(**row, **{"photos/s": PHOTOS / found["median"], "times the floor": found["median"] / floor})
    result.publish()


def _pictures(many: int) -> list[bytes]:
    """Pictures of the wanted size in pixels and bytes, each another."""
    chance, made = Random(2013), []
    noise = Image.effect_noise((358, 441), 40).convert("RGB")
    for at in range(many):
        image = noise.copy()
        image.paste((at % 256, at // 256, 120), (0, 0, 358, 40))
        drawn = io.BytesIO()
        image.save(drawn, "JPEG", quality=chance.randrange(30, 52))
        made.append(drawn.getvalue())
    if not all(30_000 <= len(one) <= 50_000 for one in made):
        raise RuntimeError(f"sizes from {min(map(len, made))} to {max(map(len, made))}")
    return made


@dataclass
class _Spent:
    """What a deed took: seconds, and processor time of the hub and the process that decodes, without PostgreSQL's."""

    seconds: float = 0.0
    processor: float = 0.0


@contextmanager
def _clocked() -> Iterator[_Spent]:
    spent, started, used = _Spent(), time.perf_counter(), _processor()
    yield spent
    spent.seconds, spent.processor = time.perf_counter() - started, _processor() - used


def _processor() -> float:
    return sum(
        used.ru_utime + used.ru_stime
        for used in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


async def _round(place: Province, pictures: Sequence[bytes]) -> dict[str, _Spent]:
    """The floor, the other process alone, the zip and the zip again, on a fresh copy of the province."""
    shutil.rmtree(_FOLDER, ignore_errors=True)
    async with place.copied() as copied:
        settings = replace(copied, home=_FOLDER)
        numbers, code = await _seat(settings)
        data = _zip(numbers, pictures)
        async with Database(settings) as database:
            clerk = await _clerk(database)
            seconds = {
                _FLOOR: _floor(data),
                "unpacked, judged, decoded alone": await _developed(data),
                "new, end to end": await _bring(settings, database, clerk, code, data, "taken"),
                "again, end to end": await _bring(settings, database, clerk, code, data, "unchanged"),
            }
    shutil.rmtree(_FOLDER, ignore_errors=True)
    return seconds


async def _seat(settings: Settings) -> tuple[list[str], str]:
    """A school of as many pupils as there are photos, and its clerk: the pupils' numbers, the school's code."""
    connection = await db.system_door(settings).connect()
    try:
        rows = await connection.fetch(_GATHER, PHOTOS)
        await _open_account(connection, rows[0]["path"])
    finally:
        await connection.close()
    return [row["id_number"] for row in rows], rows[0]["code"]


async def _open_account(connection: asyncpg.Connection, path: str) -> None:
    hashed = await passwords.make(_PASSWORD)
    account = await connection.fetchval(
        """INSERT INTO accounts (username, name, password_hash, must_change_password) VALUES ($1, $1, $2, false)
           RETURNING id""",
        _USER,
        hashed,
    )
    await connection.execute(
        """INSERT INTO grants (account_id, role, path, school_id)
           SELECT $1, 'school_administrator', path, id FROM schools WHERE path = $2""",
        account,
        path,
    )


async def _clerk(database: Database) -> Caller:
    signed_in = await accounts.sign_in(database, _USER, _PASSWORD)
    account = await accounts.Sessions(database).find(signed_in.token)
    return caller.act(account, None, clock.now())


def _zip(numbers: Sequence[str], pictures: Sequence[bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as made:
        for number, data in zip(numbers, pictures, strict=True):
            made.writestr(f"photos/{number}.jpg", data)
    return content.getvalue()


def _floor(data: bytes) -> _Spent:
    """Unzip, and write each file whole under another name, as the file store does."""
    folder = _FOLDER / "floor"
    folder.mkdir(parents=True)
    with _clocked() as spent, zipfile.ZipFile(io.BytesIO(data)) as archived:
        for at, entry in enumerate(archived.infolist()):
            half = folder / f"{at}#"
            half.write_bytes(archived.read(entry))
            half.rename(folder / str(at))
    return spent


async def _developed(data: bytes) -> _Spent:
    with _clocked() as spent:
        limits = archive.Limits(), picture.Limits()
        async with Darkroom(lambda: _whole(data), len(data), "photos.zip", *limits) as darkroom:
            made = [one async for one in darkroom.develop([entry.ordinal for entry in darkroom.entries])]
    if not all(isinstance(one, Developed) for one in made):
        raise RuntimeError("a photo was lost")
    return spent


async def _bring(settings: Settings, database: Database, clerk: Caller, code: str, data: bytes, counted: str) -> _Spent:
    """Store the upload and bring it in, as POST /files and importPhotos do."""
    policy, store = policies.load(), Files(Path(settings.home) / "files")
    once = Once(None, "importPhotos", None)
    with _clocked() as spent:
        stored = await files.store(database, store, clerk, "photos.zip", _whole(data))
        found = await photos.bring(database, policy, store, clerk, once, file_id=stored.id, school_code=code)
    connection = await db.system_door(settings).connect()
    done: Any = await connection.fetchrow("SELECT * FROM photo_imports WHERE id = $1", found)
    await connection.close()
    if done[counted] != PHOTOS:
        raise RuntimeError(f"not {PHOTOS} {counted}: {dict(done)}")
    return spent


async def _whole(data: bytes) -> AsyncIterator[bytes]:
    yield data
