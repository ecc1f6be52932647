"""Where the sample lies: all 131 places, and the counties that get schools and pupils."""

import random
from dataclasses import dataclass, field
from itertools import chain, zip_longest

from hub import divisions

# Inhabitants in thousands, roughly as of 2010; only the proportions matter.
_INHABITANTS = """
140105:802 140106:591 140107:643 140108:415 140109:749 140110:221 140121:343 140122:120 140123:105 140181:205
140202:723 140203:501 140211:392 140212:108 140221:273 140222:207 140223:183 140224:235 140225:343 140226:157
140227:185 140302:193 140303:242 140311:287 140321:335 140322:311 140402:482 140411:305 140421:341 140423:271
140424:264 140425:151 140426:158 140427:292 140428:353 140429:183 140430:172 140431:159 140481:226 140502:477
140521:213 140522:387 140524:231 140525:481 140581:485 140602:505 140603:204 140621:238 140622:327 140623:112
140624:327 140702:635 140721:134 140722:162 140723:144 140724:227 140725:211 140726:298 140727:265 140728:502
140729:262 140781:406 140802:680 140821:572 140822:435 140823:403 140824:347 140825:332 140826:282 140827:229
140828:352 140829:258 140830:394 140881:444 140882:396 140902:544 140921:217 140922:299 140923:214 140924:266
140925:161 140926:157 140927:105 140928:108 140929:85 140930:145 140931:160 140932:113 140981:491 141002:944
141021:237 141022:311 141023:443 141024:733 141025:92 141026:82 141027:127 141028:106 141029:235 141030:65 141031:104
141032:64 141033:108 141034:145 141081:240 141082:283 141102:320 141121:421 141122:230 141123:279 141124:579
141125:320 141126:112 141127:174 141128:144 141129:141 141130:120 141181:468 141182:416
"""
_CITIES = ("1401", "1410", "1407", "1408", "1402", "1404", "1409", "1411", "1405", "1403", "1406")
_AREA_CODES = ("0351", "0352", "0353", "0355", "0356", "0349", "0354", "0359", "0350", "0357", "0358")
_POST_CODES = ("030", "037", "045", "046", "048", "036", "030", "044", "034", "041", "033")
PUPILS_PER_COUNTY = 4_500


@dataclass(slots=True, eq=False)
class County:
    """A county-level unit with pupils: its share of them, and the names it gives to things."""

    code: str
    name: str
    city_name: str
    inhabitants: int
    towns: list[str] = field(default_factory=list)

    @property
    def city(self) -> str:
        """The code of its city."""
        return self.code[:4]

    @property
    def full_name(self) -> str:
        """City and county, as school names begin."""
        return self.city_name + self.name

    @property
    def urban(self) -> bool:
        """Whether it is a city's district."""
        return self.code[4] in "01"

    @property
    def post_code(self) -> str:
        """A post code of the county."""
        return f"{_POST_CODES[int(self.code[2:4]) - 1]}{int(self.code[4:]):02d}0"

    def land_line(self, chance: random.Random) -> str:
        """A telephone number of the county."""
        return land_line(self.code, chance)


def land_line(code: str, chance: random.Random) -> str:
    """A telephone number with the area code of a place's city; the province's is the capital's."""
    city = int(code[2:4] or 1) - 1
    return f"{_AREA_CODES[city]}-{chance.choice('234567')}{chance.randrange(10**6):06d}"


def office(region: divisions.Region) -> str:
    """The office that keeps status records at a place."""
    kind = {"province": "教育厅", "city": "教育局", "county": "教育局"}[region.level]
    return f"{region.name}{kind}学籍管理办公室"


def counties(students: int) -> list[County]:
    """The counties that get pupils, in order of code: two cities' for a small sample, all 119 for a large one."""
    regions = divisions.shanxi()
    names = {region.code: region.name for region in regions}
    inhabitants = {code: int(people) for code, _, people in (pair.partition(":") for pair in _INHABITANTS.split())}
    wanted = min(len(inhabitants), max(4, round(students / PUPILS_PER_COUNTY)))
    opened = min(len(_CITIES), max(2, round(wanted / 10)))
    chosen = [*_round_robin(_CITIES[:opened], inhabitants), *_round_robin(_CITIES[opened:], inhabitants)][:wanted]
    return [County(code, names[code], names[code[:4]], inhabitants[code]) for code in sorted(chosen)]


def _round_robin(cities: tuple[str, ...], inhabitants: dict[str, int]) -> list[str]:
    columns = [[code for code in inhabitants if code[:4] == city] for city in cities]
    return [code for code in chain.from_iterable(zip_longest(*columns)) if code is not None]
