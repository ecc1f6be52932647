import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import names


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("张伟", "zhang wei 张伟"),
        ("单晓乐", "shan xiao le 单晓乐"),
        ("单于明", "chan yu ming 单于明"),
        ("单于", "shan yu 单于"),
        ("尉迟恭", "yu chi gong 尉迟恭"),
        ("令狐冲", "ling hu chong 令狐冲"),
        ("曾任", "zeng ren 曾任"),
        ("阿卜杜拉·买买提", "a bo du la mai mai ti 阿卜杜拉·买买提"),
        ("John Smith", "john smith John Smith"),
        ("Ｊｏｈｎ", "john Ｊｏｈｎ"),
        ("", ""),
    ],
)
def test_people_sort_by_pinyin_with_their_surnames_reading(name: str, key: str) -> None:
    assert names.name_key(name) == key


def test_a_roster_is_in_pinyin_order() -> None:
    roster = ["张伟", "白雪", "单晓", "盛夏", "西安", "先知", "John"]
    assert sorted(roster, key=names.name_key) == ["白雪", "John", "单晓", "盛夏", "西安", "先知", "张伟"]


def test_places_and_schools_are_read_as_their_people_read_them() -> None:
    assert names.title_key("长治市长治县第一中学").startswith("chang zhi shi chang zhi xian di yi")
    assert names.title_key("洪洞县").startswith("hong tong xian")


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12))
def test_every_name_has_a_key_that_ends_in_itself(name: str) -> None:
    assert names.name_key(name).endswith(name)
    assert names.title_key(name).endswith(name)


@given(st.text("王李张赵单曾员乐重长行伟强丽娜萍", min_size=2, max_size=3))
def test_the_key_of_a_name_is_its_parts_keys(name: str) -> None:
    assert names.name_key(name) == f"{names.surname_key(name[0])} {names.given_key(name[1:])} {name}"
