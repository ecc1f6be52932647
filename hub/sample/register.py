"""The sample's places, schools and classes as rows. COPY reaches only staging tables; INSERT ... SELECT goes on."""

import random
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import asyncpg

from hub import divisions, grades, names
from hub.sample import chance, people, places
from hub.sample.classes import Room
from hub.sample.schools import Sampled
from hub.terms import PlaceLevel, Sex, Stage

PATIENCE = 3600.0
"""Seconds one statement may take."""
_PLACES_SINCE = date(2000, 1, 1)
_RENAMED = date(2012, 9, 1)


async def pour(connection: asyncpg.Connection, table: str, columns: str, rows: Iterable[Sequence[Any]]) -> int:
    """Put many rows into a table through a staging table; returns how many."""
    records = list(rows)
    split = columns.replace(",", " ").split()
    make = f"CREATE TEMP TABLE staging ON COMMIT DROP AS SELECT {columns} FROM {table} WITH NO DATA"  # noqa: S608 -- constants
    await connection.execute(make)
    await connection.copy_records_to_table("staging", records=records, columns=split, timeout=PATIENCE)
    move = f"INSERT INTO {table} ({columns}) SELECT {columns} FROM staging"  # noqa: S608 -- constants
    await connection.execute(move, timeout=PATIENCE)
    await connection.execute("DROP TABLE staging")
    return len(records)


async def reserve(connection: asyncpg.Connection, table: str, count: int) -> list[int]:
    """New keys for a table, in order."""
    rows = await connection.fetch(
        "SELECT nextval(pg_get_serial_sequence($1, 'id')) FROM generate_series(1, $2)", table, count
    )
    return [row[0] for row in rows]


async def plant_places(connection: asyncpg.Connection, seed: int) -> dict[str, int]:
    """All 131 places with their offices; those the register already has are left alone. Returns their keys by code."""
    draw = chance.stream(seed, "places")
    known = {row["code"]: row["id"] for row in await connection.fetch("SELECT code, id FROM places")}
    missing = [region for region in divisions.shanxi() if region.code not in known]
    keys = await reserve(connection, "places", len(missing))
    known |= {region.code: key for region, key in zip(missing, keys, strict=True)}

    def row(region: divisions.Region) -> Sequence[Any]:
        level = PlaceLevel[region.level.upper()]
        parent = known[region.parent_code] if region.parent_code else None
        phone = places.land_line(region.code, draw)
        name, code = region.name, region.code
        found_by = names.title_key(name), names.name_terms(name)
        return known[code], code, level, parent, code, name, *found_by, places.office(region), phone, _PLACES_SINCE

    columns = "id, code, level, parent_id, path, name, name_key, name_terms, office, office_phone, since"
    rows = [row(region) for region in missing]
    await pour(connection, "places", columns, rows)
    versions = ((key, name, parent, path, since) for key, _, _, parent, path, name, *_, since in rows)
    await pour(connection, "place_versions", "place_id, name, parent_id, path, since", versions)
    return known


async def plant_schools(
    connection: asyncpg.Connection, schools: list[Sampled], keys: dict[str, int], *, seed: int, year: int
) -> None:
    """Schools with their history, stages, campuses and the grades of the school year."""
    draw = chance.stream(seed, "offices")
    for school, key in zip(schools, await reserve(connection, "schools", len(schools)), strict=True):
        school.id = key
    columns = (
        "id, code, name, name_key, name_terms, type, founder, affiliation, licensed, place_id, path, located_in_id, "
        "territory, parent_id, address, location_code, urban_rural, post_code, phone, head_name, head_phone, "
        "boarding_mode, teaching_language, last_class_number, since"
    )
    await pour(connection, "schools", columns, [_school(draw, school, keys) for school in schools])
    columns = (
        "school_id, name, type, founder, affiliation, licensed, place_id, path, located_in_id, territory, since, until"
    )
    rows = [row for school in schools for row in _versions(school, keys)]
    await pour(connection, "school_versions", columns, rows)
    stages = [
        (school.id, part.stage, part.length, keys[school.authority(part.stage)], school.founded)
        for school in schools
        for part in school.parts
        if part.pupils
    ]
    await pour(connection, "school_stages", "school_id, stage, length, authority_id, since", stages)
    await _plant_campuses(connection, schools)
    rows = [row for school in schools for row in _grades(school, year)]
    await pour(connection, "grades", "school_id, path, stage, number, school_year, name", rows)


async def plant_classes(connection: asyncpg.Connection, rooms: list[Room], *, seed: int, year: int) -> None:
    """Classes and the grades taught in them."""
    draw = chance.stream(seed, "teachers")
    for room, key in zip(rooms, await reserve(connection, "classes", len(rooms)), strict=True):
        room.id = key
    columns = (
        "id, school_id, campus_id, path, number, official_number, name, grade, school_year, combined, type, length, "
        "formed, teacher_name, arts_science"
    )
    await pour(connection, "classes", columns, (_class(draw, room, year) for room in rooms))
    taught = ((room.id, year, grade) for room in rooms for grade, _ in room.grades)
    await pour(connection, "class_grades", "class_id, school_year, grade", taught)


async def _plant_campuses(connection: asyncpg.Connection, schools: list[Sampled]) -> None:
    named = [(school, name) for school in schools for name in school.campuses]
    rows = []
    for (school, name), key in zip(named, await reserve(connection, "campuses", len(named)), strict=True):
        school.campus_ids.append(key)
        rows.append((key, school.id, school.path, name, f"{school.county.full_name}{school.town}{name}"))
    await pour(connection, "campuses", "id, school_id, path, name, address", rows)


def _school(draw: random.Random, school: Sampled, keys: dict[str, int]) -> Sequence[Any]:
    county = school.county
    told = draw.random() < 0.8
    setting = ("111" if school.pupils > 300 else "112") if county.urban else ("121" if school.pupils > 300 else "220")
    return (
        school.id,
        school.code,
        school.name,
        names.title_key(school.name),
        names.name_terms(school.name),
        school.type,
        school.founder,
        school.affiliation,
        school.licensed,
        keys[school.place],
        school.path,
        keys[county.code],
        county.code,
        school.parent.id if school.parent else None,
        f"{county.full_name}{school.town}{draw.randint(1, 200)}号",
        county.code + "000000",
        setting,
        county.post_code,
        county.land_line(draw) if told else None,
        _person(draw) if told else None,
        f"138{draw.randrange(10**8):08d}" if told else None,
        "全部走读" if school.type in ("211", "218") else "部分寄宿",
        "汉语",
        school.last_class_number,
        school.founded,
    )


def _versions(school: Sampled, keys: dict[str, int]) -> Iterable[Sequence[Any]]:
    """The school as it is, and under its former name if it was renamed."""
    place, county = keys[school.place], school.county
    rest = (school.type, school.founder, school.affiliation, school.licensed, place, school.path, keys[county.code])
    if school.former_name:
        yield school.id, school.former_name, *rest, county.code, school.founded, _RENAMED
    yield school.id, school.name, *rest, county.code, _RENAMED if school.former_name else school.founded, None


def _grades(school: Sampled, year: int) -> Iterable[Sequence[Any]]:
    """The grades it runs; a school without a licence runs none of its own in the register."""
    if school.host is None:
        for part in school.parts:
            if part.pupils:
                for number in range(part.first, part.first + part.length):
                    yield school.id, school.path, part.stage, number, year, grades.name(number)


def _class(draw: random.Random, room: Room, year: int) -> Sequence[Any]:
    campuses = room.school.campus_ids
    return (
        room.id,
        room.school.id,
        campuses[room.index % len(campuses)] if campuses else None,
        room.path,
        room.number,
        room.official_number,
        room.name,
        room.grade,
        year,
        len(room.grades) > 1,
        room.type,
        room.length,
        date(room.formed, 9, 1),
        _person(draw),
        draw.choice(("理科", "理科", "文科")) if room.stage == Stage.SENIOR and room.grade > 10 else None,
    )


def _person(draw: random.Random) -> str:
    """The name of a grown-up."""
    sex = draw.choice((Sex.MALE, Sex.FEMALE))
    return draw.choice(people.surnames())[0] + draw.choice(people.given("parents", sex))[0]
