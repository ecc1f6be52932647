"""Finding by name: what is typed against what a name is, by the terms and the pattern, and by trying every way."""

import re
from collections.abc import Sequence
from itertools import product
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as tuned
from hypothesis import strategies as st
from sqlalchemy import ARRAY, Text, bindparam, select
from sqlalchemy.dialects import postgresql

from hub import backfill, names, paths
from hub.errors import BadInput
from hub.models import Place, School, Student
from hub.sample import people
from hub.settings import Settings
from hub.terms import Sex
from loaders import name_search
from tests.conftest import Ask
from tests.desk import Desk, make_row
from tests.province import Province, make_student
from tests.test_resolutions import RESOLVE, approve, asked


def statement(model: Any) -> str:
    """The names of a table that are found, by what is wanted ($1) in an area ($2)."""
    row = model.__table__.alias("t")
    wanted, area = (bindparam(name, type_=ARRAY(Text)) for name in ("wanted", "area"))
    query = select(row.c.name).where(name_search.found(row, wanted, area)).order_by(row.c.id)
    return str(query.compile(dialect=postgresql.asyncpg.dialect()))  # type: ignore[no-untyped-call]  # SQLAlchemy's


STUDENTS = statement(Student)
MANY = STUDENTS.replace("FROM students AS t", "FROM many_names AS t")


async def found(
    connection: asyncpg.Connection, typed: str, query: str = STUDENTS, area: Sequence[str] = ()
) -> list[str]:
    return [row[0] for row in await connection.fetch(query, names.wanted_terms(typed), area)]


def matches(name: str, typed: str) -> bool:
    """Whether a name is found, by trying every unit it may begin at and every number of units a run may take."""
    tokens, parts = names._TOKENS.findall(names._folded(typed)), names.units(name)
    return any(follow(tokens, parts[at:]) for at in range(len(parts)))


def follow(tokens: Sequence[str], parts: Sequence[names.Unit]) -> bool:
    if not tokens:
        return True
    token, *rest = tokens
    if not token.isascii():
        return bool(parts) and parts[0][0] == token and follow(rest, parts[1:])
    for many in range(1, len(parts) + 1):
        choices = list(product(*(readings for _, readings in parts[:many])))
        spelt = ["".join(choice) for choice in choices]
        initials = ["".join(reading[0] for reading in choice) for choice in choices]
        if token in [*spelt, *initials] and follow(rest, parts[many:]):
            return True
        if not rest and any(whole.startswith(token) for whole in spelt):
            return True
    return False


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("张小明", "张 小明 张小明 小 zhang zh zhangxiaom zhangxiaoming xiaoming ming zxm zx xm z XM Ｘiao ＺＸＭ"),
        ("张小明", "张·小明 张xm 张xiao zhang小明 zhang小m xiao明"),
        ("单晓乐", "shan dan chan shanxiaole danxiaoyue sxl dxy 单xy"),
        ("曾任", "zengren ceng zr cr"),
        ("单于明", "chanyu chanyuming cym"),
        ("尉迟恭", "yuchi weichi yc wc"),
        ("万俟", "moqi wanqi"),
        ("吕布", "lvbu lübu LÜ lǚbù lb 吕b"),
        ("西安", "xian xi'an xa 西an"),
        ("买买提·艾力", "买买提·艾力 买买提艾力 提艾 mmt maimaiti maimaitiaili tiail 买买提.艾力"),
        ("John Smith", "john smith johnsmith JS johns Ｊohn"),
        ("José Müller", "josé jose müller MVLLER"),
        ("长治市长治县第一中学", "changzhi czsczxdyzx 第一中学 dyzx diyizhong 治县"),
        ("第12中学", "12 第12 12中 di12zhong d12 12z d12zx 2zx"),
        ("𠮷田", "𠮷 𠮷田 田 tian"),
    ],
)
async def test_a_name_is_found_by(system: asyncpg.Connection, name: str, typed: str) -> None:
    await planted(system, [name])
    for each in typed.split():
        assert matches(name, each), each
        assert await found(system, each, MANY) == [name], each


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("张小明", "张明 明小 hang iao zhaxiao zhangm zm zhxm 李 zhangxm xiaominga 张zhang 小x 张小小"),
        ("John Smith", "ohn mith jsm"),
        ("吕布", "lu bu布 lü布布"),
        ("单晓乐", "shandan sd"),
    ],
)
async def test_a_name_is_not_found_by(system: asyncpg.Connection, name: str, typed: str) -> None:
    await planted(system, [name])
    for each in typed.split():
        assert not matches(name, each), each
        assert await found(system, each, MANY) == [], each


async def test_a_blank_ends_a_unit(system: asyncpg.Connection) -> None:
    await planted(system, ["张小明", "占山"])
    told = {"zhan xm": [], "zh x m": [], "zh ang": [], "zhan shan": ["占山"]}
    told |= {"z x m": ["张小明"], "zhang xm": ["张小明"], "zhang xiaom": ["张小明"], "zh": ["张小明", "占山"]}
    for typed, wanted in told.items():
        assert [name for name in ("张小明", "占山") if matches(name, typed)] == wanted, typed
        assert await found(system, typed, MANY) == wanted, typed


async def planted(connection: asyncpg.Connection, called: Sequence[str]) -> None:
    """A table that holds these names and nothing else."""
    await connection.execute("DROP TABLE IF EXISTS many_names")
    await connection.execute(
        """CREATE TEMP TABLE many_names (id int, name text, name_terms text[] COLLATE "C", path text DEFAULT '14')"""
    )
    rows = [(at, name, names.name_terms(name)) for at, name in enumerate(called)]
    await connection.executemany("INSERT INTO many_names VALUES ($1, $2, $3)", rows)


LETTERS = "张小明单乐曾吕安西长·. ab𠮷é"
NAMES = st.one_of(
    st.text(LETTERS, max_size=7), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6)
)
WORDS = "zhang zhan zh z xiao xia x xi ming mi m dan shan s d chan le yue l y zeng ceng lv an a xian chang 12 张 小 明 单 乐 A é"
PIECES = st.sampled_from([*WORDS.split(), *"·'安吕B  "])
TYPED = st.lists(PIECES, min_size=1, max_size=7).map("".join).filter(lambda typed: any(map(str.isalnum, typed)))


@tuned(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(called=st.lists(NAMES, min_size=1, max_size=8), typed=st.lists(TYPED, min_size=1, max_size=12))
@example(called=["小小小", "a b", "é"], typed=["xx", "xiaoxi", "ab", "a b", "é"])
@example(called=["乐单单单曾"], typed=["le", "yue", "l", "y"])
async def test_what_is_found_is_what_trying_every_way_finds(
    system: asyncpg.Connection, called: list[str], typed: list[str]
) -> None:
    await planted(system, called)
    typed += [name for name in called if names.units(name)]
    typed += [key[: 3 + at] for at, name in enumerate(called) if (key := names.name_key(name)[:-1].strip(" .·"))]
    for each in typed:
        if any(map(str.isalnum, each)) and len(each) <= names.LONGEST_TYPED:
            wanted = [name for name in called if matches(name, each)]
            assert await found(system, each, MANY) == wanted, each


@given(st.sampled_from(people.surnames()), st.sampled_from(people.given("younger", Sex.MALE)))
def test_whatever_a_name_is_sorted_by_it_is_found_by(surname: people.Named, given_name: people.Named) -> None:
    name = surname[0] + given_name[0]
    key = names.name_key(name).removesuffix(name).strip()
    assert matches(name, key)
    assert matches(name, key.replace(" ", ""))
    assert set(names.wanted_terms(key)[:-1]) <= set(names.name_terms(name))


@pytest.mark.parametrize("typed", ["", " ", "·.，", "\0", "\ud800", "_"])
def test_nothing_to_look_for_is_refused(typed: str) -> None:
    with pytest.raises(BadInput, match="NAME_TYPED_EMPTY"):
        names.wanted_terms(typed)


@pytest.mark.parametrize("typed", ["张" * 51, "a " * 26, "ﷺ" * 4])
def test_too_much_to_look_for_is_refused(typed: str) -> None:
    with pytest.raises(BadInput, match="NAME_TYPED_TOO_LONG"):
        names.wanted_terms(typed)


@given(st.text(max_size=names.LONGEST_TYPED))
def test_what_no_database_takes_never_reaches_it(typed: str) -> None:
    for text in ("".join(names.name_terms(typed)), typed):
        try:
            wanted = names.wanted_terms(text)
        except BadInput:
            continue
        "".join(wanted).encode()
        assert "\0" not in "".join(wanted)


def test_a_name_of_many_readings_has_not_many_terms() -> None:
    assert len(names.name_terms("单乐长解" * 15)) < 20_000
    assert max(map(len, names.name_terms("a" * 4_000))) < 70


async def test_an_imported_pupil_is_found(desk: Desk, system: asyncpg.Connection) -> None:
    await desk.bring(make_row(1, name="单晓乐"), make_row(2, name="买买提·艾力"))
    for typed, name in {
        "晓乐": "单晓乐",
        "shanxl": [],
        "sxl": "单晓乐",
        "shan xl": "单晓乐",
        "mmt": "买买提·艾力",
    }.items():
        assert await found(system, typed) == ([name] if name else []), typed


async def test_a_pupil_whose_name_was_changed_is_found_by_the_new_one_only(
    ask: Ask, system: asyncpg.Connection, record: int
) -> None:
    change = {"name": "曾小强", "idType": "A", "idNumber": "E12345678"}
    done = await approve(ask, await ask("reviewerA", RESOLVE, asked(record, change=change)))
    assert done["data"]["decideCase"]["case"]["state"] == "DONE"
    assert await found(system, "zengxq") == await found(system, "王一") == await found(system, "wangyi") == []
    assert await found(system, "zeng xq") == await found(system, "小强") == ["曾小强"]


async def test_schools_and_places_are_found(system: asyncpg.Connection, province: Province) -> None:
    assert (
        await found(system, "a1小学", statement(School)) == await found(system, "A1xx", statement(School)) == ["A1小学"]
    )
    assert await found(system, "xiaodian", statement(Place)) == ["小店区"]


@pytest.mark.parametrize("model", [Student, School, Place])
async def test_names_are_found_by_their_index(system: asyncpg.Connection, model: Any) -> None:
    async with system.transaction():
        for plans in ("force_custom_plan", "force_generic_plan"):
            await system.execute(f"SET LOCAL plan_cache_mode = {plans}")
            for way in ("seqscan", "indexscan"):  # a small table is read whole: ask what is possible
                await system.execute(f"SET LOCAL enable_{way} = off")
            query = statement(model).replace(" ORDER BY t.id", "")
            plan = await system.fetch(f"EXPLAIN {query}", names.wanted_terms("zhang xm"), ["@1401"])
            assert any(f"Bitmap Index Scan on ix_{model.__tablename__}_name_terms" in row[0] for row in plan)


PATHS = st.from_regex(re.compile(paths.PATTERN), fullmatch=True, alphabet=st.characters(codec="ascii"))


@tuned(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PATHS, min_size=1, max_size=4))
async def test_whoever_is_inside_the_roots_is_in_the_area_to_look_in(
    system: asyncpg.Connection, roots: list[str]
) -> None:
    area = name_search.area(roots)
    further = ("", "01", ".2114000123", ".2114000123.0000012")
    tried = [path for root in roots for more in further if paths.is_path(path := f"{root}{more}")]
    for path in tried:
        assert paths.above(path) == [each for each in paths.above(path) if paths.inside(path, each)]
    missed = "SELECT path FROM unnest($1::text[]) AS path WHERE NOT found_under('{}', path) @> $2::text[]"
    assert (await system.fetch(missed, tried, area), len(tried) >= len(roots)) == ([], True)


async def test_an_area_narrows_what_is_found(system: asyncpg.Connection, province: Province) -> None:
    for short, where in (("u", "A1-1"), ("v", "B1-1")):
        await make_student(system, province, short, where, name="宋思远")
    everywhere = await found(system, "s")
    assert everywhere.count("宋思远") == 2
    for county in ("140105", "140106"):
        inside = "SELECT name FROM students WHERE path LIKE $1 || '%' AND name = ANY ($2) ORDER BY id"
        told = [row["name"] for row in await system.fetch(inside, county, everywhere)]
        assert told.count("宋思远") == 1
        assert await found(system, "s", area=name_search.area([county])) == told
    assert await found(system, "s", area=name_search.area(["140105", "140106"])) == everywhere
    assert await found(system, "s", area=name_search.area(["14"])) == everywhere
    assert await found(system, "s", area=name_search.area([])) == everywhere


async def test_no_card_tells_the_terms(system: asyncpg.Connection) -> None:
    holders = "SELECT table_name FROM information_schema.columns WHERE column_name = 'name_terms' ORDER BY 1"
    assert [row[0] for row in await system.fetch(holders)] == ["places", "schools", "students"]


async def test_names_without_terms_get_them_and_only_those(
    settings: Settings, system: asyncpg.Connection, province: Province
) -> None:
    await make_student(system, province, "dots", "A1-1", name="··")
    await system.execute("UPDATE students SET name_terms = '{}' WHERE id % 2 = 0")
    await system.execute("UPDATE students SET name_terms = '{kept}' WHERE id % 2 = 1")
    told: list[tuple[str, int, int]] = []
    filled = await backfill.fill(settings, lambda *what: told.append(what), batch=4)
    assert filled == await system.fetchval("SELECT count(*) FROM students WHERE id % 2 = 0")
    assert told[-1][1] == told[-1][2]
    for row in await system.fetch("SELECT id, name, name_terms FROM students"):
        assert row["name_terms"] == (["kept"] if row["id"] % 2 else names.name_terms(row["name"]))
    assert await backfill.fill(settings, lambda *what: told.append(what)) == 0


async def test_a_filling_that_breaks_off_goes_on_where_it_stopped(
    settings: Settings, system: asyncpg.Connection, province: Province
) -> None:
    await system.execute("UPDATE students SET name_terms = '{}'")

    def tire(*_: object) -> None:
        raise KeyError

    with pytest.raises(KeyError):
        await backfill.fill(settings, tire, batch=5)
    left = await system.fetchval("SELECT count(*) FROM students WHERE name_terms = '{}'")
    assert left == await system.fetchval("SELECT count(*) FROM students") - 5
    assert await backfill.fill(settings, lambda *_: None, batch=5) == left
