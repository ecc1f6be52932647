"""What schools are called, and the towns and villages they stand in."""

import random
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub.sample.places import County
    from hub.sample.schools import Sampled

DEPARTMENTS = (
    "太原铁路局",
    "西山煤电（集团）公司",
    "大同煤矿集团公司",
    "阳泉煤业集团公司",
    "太原钢铁（集团）公司",
    "山西省农垦局",
)
NUMERALS = "零一二三四五六七八九十"

_TOWNS = """
城关 东关 南关 西关 北关 义井 北营 古城 东镇 西镇 高显 里村 史村 曲村 北董 杨谈 苏堡 广胜 大槐树 赵城
辛村 甘亭 土门 魏村 金殿 贾得 县底 屯里 吴村 乔李 大阳 枕头 河底 一平垣 刘村 段店 贺家庄 隆化 南梁 里砦
西闫 王庄 浇底 桥上 汾城 新城 赵康 景毛 襄陵 邓庄 南辛店 陶寺 永固 西贾 东堰 明姜 曲亭 山头 龙马 淹底
左木 万安 刘家垣 兴唐寺
"""
_STREETS = """
新建路 桃园 五一路 迎泽 解放路 胜利街 滨河 青年路 建设街 康乐街 双塔 平阳路 坞城 长风 兴华街 向阳 育才
文昌 鼓楼
"""
_ROADS = _STREETS.split()
_KIN = "王张李刘赵郭武任郝吴梁薛贾白冯田侯杜樊董温乔闫曹"
_LAND = ("家庄", "家沟", "家坪", "家塔", "家岭", "家湾", "家堡", "家峪", "家山", "村", "家垣", "家寨")


def numeral(number: int) -> str:
    """A number below a hundred as it stands in a school's name: 21 is 二十一."""
    tens, ones = divmod(number, 10)
    if not tens:
        return NUMERALS[ones]
    return (NUMERALS[tens] if tens > 1 else "") + "十" + (NUMERALS[ones] if ones else "")


def give(draw: random.Random, schools: Iterable["Sampled"]) -> None:
    """Name every school and put it in a town; no two schools of a county share a name."""
    given: set[str] = set()
    counts: dict[tuple[str, str], int] = {}
    for school in schools:
        county = school.county
        if not county.towns:
            county.towns = draw.sample((_STREETS if county.urban else _TOWNS).split(), 16)
        school.town = draw.choice(county.towns)
        kind = "senior" if school.type in ("341", "342") else school.type
        counts[county.code, kind] = number = counts.get((county.code, kind), 0) + 1
        name = county.full_name + _own(draw, school, number)
        while name in given:
            name = county.full_name + _own(draw, school, number) + f"（{draw.randint(2, 999)}）"
        given.add(name)
        school.name = name


def _own(draw: random.Random, school: "Sampled", number: int) -> str:
    """The part of a name after the county."""
    town = school.town if school.county.urban else f"{school.town}镇"
    match school.type:
        case "341" | "342":
            return f"第{numeral(number)}中学校" if number < 100 else f"{school.town}中学"
        case "345":
            return f"{school.town}学校"
        case "371":
            return "工读学校"
        case "311":
            return f"第{numeral(number + 20)}中学" if school.county.urban and number < 70 else f"{town}初级中学"
        case "312":
            return f"{town}九年一贯制学校"
        case "211" if school.county.urban:
            return draw.choice((f"{town}小学", f"{town}第{numeral(draw.randint(2, 9))}小学", f"{town}实验小学"))
        case "211" if school.pupils > 300:
            return draw.choice((f"{town}中心小学", f"{town}第{numeral(draw.randint(1, 9))}小学"))
        case "211":
            return f"{town}{village(draw)}小学"
        case "218":
            return f"{town}{village(draw)}教学点"
    return "特殊教育学校"


def village(draw: random.Random) -> str:
    """A village's name."""
    return draw.choice(_KIN) + draw.choice(_LAND)


def provincial(school: "Sampled") -> str:
    """What a school run by the province is called."""
    return f"山西省实验{'小学' if school.type == '211' else '中学'}（{school.county.name}）"


def private(draw: random.Random, school: "Sampled") -> str:
    """What a private school is called."""
    kind = {"211": "双语小学", "311": "初级中学"}.get(school.type, "高级中学")
    brand = draw.choice(("育英", "志达", "博雅", "新希望", "成成", "进山", "现代", "五育", "明德", "启航"))
    return f"{school.county.full_name}{brand}{kind}（{school.town}）"


def unlicensed(school: "Sampled") -> str:
    """What a school without a licence calls itself."""
    return f"{school.county.full_name}{school.town}打工子弟学校"


def former(school: "Sampled") -> str:
    """What a renamed school was called before."""
    return school.county.full_name + school.town + ("联合小学" if school.type == "211" else "联合中学")


def address(draw: random.Random, county: "County") -> str:
    """A home address, to the door."""
    if county.urban:
        return f"{county.full_name}{draw.choice(_ROADS)}{draw.randint(1, 300)}号{draw.randint(1, 30)}单元"
    return f"{county.full_name}{draw.choice(county.towns)}镇{village(draw)}{draw.randint(1, 300)}号"
