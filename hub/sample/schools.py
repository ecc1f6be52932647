"""The sample's schools: how many, how large, of which kind, and who runs them."""

import random
from dataclasses import dataclass, field
from datetime import date

from hub import paths
from hub.sample import chance, titles
from hub.sample.places import County
from hub.terms import Founder, Stage

Ranges = tuple[tuple[float, ...], tuple[tuple[int, int], ...]]

SHARES = (0.525, 0.3, 0.175)
"""Shares of primary, junior and senior pupils."""

_POINTS: Ranges = ((0.5, 0.85, 1), ((5, 20), (20, 40), (40, 60)))
_RURAL: Ranges = ((0.5, 0.85, 0.97, 1), ((60, 160), (160, 400), (400, 900), (900, 1500)))
_URBAN: Ranges = ((0.1, 0.5, 0.85, 1), ((60, 160), (160, 400), (400, 900), (900, 1500)))
_JUNIORS: Ranges = ((0.25, 0.75, 0.95, 1), ((80, 300), (300, 700), (700, 1500), (1500, 2500)))
_SENIORS: Ranges = ((0.3, 0.7, 0.92, 1), ((400, 1000), (1000, 2000), (2000, 3500), (3500, 5000)))
_KINDS = {"211": "21", "218": "21", "311": "31", "312": "31", "341": "34", "342": "34", "345": "34", "371": "37"}


@dataclass(slots=True, eq=False)
class Part:
    """A stage a school teaches: its grades and how many pupils are in it."""

    stage: Stage
    first: int
    length: int
    pupils: int


@dataclass(slots=True, eq=False)
class Sampled:
    """A school of the sample, before it is a row."""

    type: str
    county: County
    parts: list[Part]
    name: str = ""
    code: str = ""
    founder: Founder = Founder.EDUCATION_DEPARTMENT
    affiliation: str | None = None
    licensed: bool = True
    place: str = ""
    parent: "Sampled | None" = None
    host: "Sampled | None" = None
    former_name: str | None = None
    town: str = ""
    founded: date = date(1980, 9, 1)
    campuses: list[str] = field(default_factory=list)
    last_class_number: int = 0
    id: int = 0
    campus_ids: list[int] = field(default_factory=list)

    @property
    def pupils(self) -> int:
        """How many pupils it has."""
        return sum(part.pupils for part in self.parts)

    @property
    def path(self) -> str:
        """Its path: below the place that runs it."""
        return paths.join(self.place, self.code)

    @property
    def special(self) -> bool:
        """Whether it is a special or a work-study school."""
        return self.type[0] == "5" or self.type == "371"

    def authority(self, stage: Stage) -> str:
        """The code of the place that is its status authority for a stage."""
        if len(self.place) < len(self.county.code):
            return self.place
        return self.county.city if stage == Stage.SENIOR else self.county.code


def lay(students: int, seed: int, counties: list[County]) -> list[Sampled]:
    """Schools for exactly so many pupils, in the counties by their inhabitants, named and coded."""
    draw = chance.stream(seed, "schools")
    schools = _special(draw, students, counties)
    left = students - sum(school.pupils for school in schools)
    primary, junior, senior = chance.spread(left, SHARES)
    weights = [county.inhabitants * draw.uniform(0.85, 1.15) for county in counties]
    juniors = dict(zip((county.code for county in counties), chance.spread(junior, weights), strict=True))
    primaries = dict(zip((county.code for county in counties), chance.spread(primary, weights), strict=True))
    schools += _seniors(draw, senior, counties, juniors, primaries)
    for county in counties:
        schools += _compulsory(draw, county, primaries[county.code], juniors[county.code])
    schools = sorted((school for school in schools if school.pupils), key=lambda school: school.county.code)
    titles.give(draw, schools)
    _stand(draw, schools)
    for sequence, school in enumerate(schools, 1):
        school.code = f"{_KINDS.get(school.type, '51')}14{sequence:06d}"
    return schools


def sizes(draw: random.Random, total: int, ranges: Ranges) -> list[int]:
    """Sizes of schools that add up to a total; a remainder too small for a school goes to the last one.

    A total that would make one school makes two, so that no county is without a choice.
    """
    found: list[int] = []
    while total > 0:
        size = min(total, chance.heavy(draw, *ranges))
        if found and size < ranges[1][0][0]:
            found[-1] += size
        else:
            found.append(size)
        total -= size
    if len(found) == 1 and found[0] >= 80:
        found.append(found[0] // 3)
        found[0] -= found[1]
    return found


def _special(draw: random.Random, students: int, counties: list[County]) -> list[Sampled]:
    schools = []
    for number in range(max(1, students // 75_000)):
        size = min(draw.randint(60, 300), max(9, students // 100))
        kind = draw.choice(("514", "514", "514", "512", "513", "511"))
        parts = [Part(Stage.PRIMARY, 1, 6, size - size // 3), Part(Stage.JUNIOR, 7, 3, size // 3)]
        schools.append(Sampled(kind, counties[number % len(counties)], parts))
    for number in range(max(1, students // 1_500_000)):
        part = Part(Stage.JUNIOR, 7, 3, min(draw.randint(30, 90), max(6, students // 200)))
        schools.append(Sampled("371", counties[number * 11 % len(counties)], [part]))
    return schools


def _seniors(
    draw: random.Random, total: int, counties: list[County], juniors: dict[str, int], primaries: dict[str, int]
) -> list[Sampled]:
    """Senior high schools, by city, where people live; complete schools take their juniors from the county's."""
    cities = sorted({county.city for county in counties})
    weights = [sum(county.inhabitants for county in counties if county.city == city) for city in cities]
    schools = []
    for city, budget in zip(cities, chance.spread(total, weights), strict=True):
        taken = dict.fromkeys((county.code for county in counties if county.city == city), 0)
        inside = [county for county in counties if county.city == city]
        for turn, size in enumerate(sorted(sizes(draw, budget, _SENIORS), reverse=True)):
            county = max(inside, key=lambda county: county.inhabitants / (1 + taken[county.code]))
            taken[county.code] += 1
            kind = "345" if turn % 25 == 8 else "341" if turn % 3 == 1 else "342"
            parts = [Part(Stage.SENIOR, 10, 3, size)]
            if kind != "342":
                taking = _take(juniors, county, size * draw.uniform(0.2, 0.5))
                parts.insert(0, Part(Stage.JUNIOR, 7, 3, taking))
            if kind == "345":
                taking = _take(primaries, county, size * draw.uniform(0.2, 0.4))
                parts.insert(0, Part(Stage.PRIMARY, 1, 6, taking))
            schools.append(Sampled(kind, county, parts))
    return schools


def _take(left: dict[str, int], county: County, wanted: float) -> int:
    part = min(int(wanted), left[county.code] // 3)
    left[county.code] -= part
    return part


def _compulsory(draw: random.Random, county: County, primary: int, junior: int) -> list[Sampled]:
    schools = []
    for size in sizes(draw, junior, _JUNIORS):
        if draw.random() < (0.08 if county.urban else 0.25):
            part = min(int(size * draw.uniform(0.8, 1.6)), primary // 4)
            length = 5 if draw.random() < 0.1 else 6
            parts = [Part(Stage.PRIMARY, 1, length, part), Part(Stage.JUNIOR, length + 1, 9 - length, size)]
            schools.append(Sampled("312", county, parts))
            primary -= part
        else:
            schools.append(Sampled("311", county, [Part(Stage.JUNIOR, 7, 3, size)]))
    points = max(round(primary * 0.045), 15 * (primary > 60)) if not county.urban else round(primary * 0.004)
    centres = [
        Sampled("211", county, [Part(Stage.PRIMARY, 1, 5 if draw.random() < 0.03 else 6, size)])
        for size in sizes(draw, primary - points, _URBAN if county.urban else _RURAL)
    ]
    for size in sizes(draw, points, _POINTS):
        grades = min(6, max(2, size // 7))
        parts = [Part(Stage.PRIMARY, 1, grades, size)]
        schools.append(Sampled("218", county, parts, parent=draw.choice(centres)))
    return centres + schools


def _stand(draw: random.Random, schools: list[Sampled]) -> None:
    """Say who runs each school: mostly its county; the exceptions are the risk spots of every register."""
    for school in schools:
        school.place = school.county.code
        school.founded = date(draw.randint(1949, 2006), 9, 1)
    seniors = [school for school in schools if school.type in ("341", "342", "345")]
    plain = [school for school in schools if school.type in ("211", "311")]
    for school in seniors[::8] + [school for school in schools if school.type == "371"]:
        school.place, school.affiliation = school.county.city, f"{school.county.city_name}教育局"
    shuffled = draw.sample(plain, len(plain))
    _unlicensed(shuffled, max(1, len(schools) // 90))
    for _ in range(max(1, len(schools) // 4000)):
        # The capital's schools come first, for the province runs its own there.
        school = min(shuffled, key=lambda school: school.county.city)
        shuffled.remove(school)
        school.place, school.affiliation, school.name = "14", "山西省教育厅", titles.provincial(school)
    order = iter(shuffled)
    for _ in range(max(1, len(schools) // 100)):
        school = next(order)
        school.founder, school.affiliation = Founder.OTHER_DEPARTMENT, draw.choice(titles.DEPARTMENTS)
    for _ in range(1 + (len(schools) > 500)):
        next(order).founder = Founder.UNCLEAR
    for school in [next(order) for _ in range(max(1, len(plain) // 20))] + seniors[5::7]:
        school.founder, school.affiliation = Founder.PRIVATE, None
        school.name = titles.private(draw, school)
    for _ in range(max(1, len(schools) // 100)):
        school = next(order)
        school.former_name = titles.former(school)
    for school in schools:
        if school.pupils > 1200 and draw.random() < 0.15:
            school.campuses = ["本部", draw.choice(("东校区", "西校区", "南校区", "北校区"))]
    max(schools, key=lambda school: school.pupils).campuses = ["本部", "新校区"]


def _unlicensed(plain: list[Sampled], wanted: int) -> None:
    """Make some schools unlicensed, each hosted by a public one of its kind in its county; both leave the list."""
    for school in list(plain):
        if wanted and school in plain:
            host = next((other for other in plain if other is not school and _hosts(other, school)), None)
            if host is not None:
                school.licensed, school.founder, school.host = False, Founder.PRIVATE, host
                school.name = titles.unlicensed(school)
                plain.remove(school)
                plain.remove(host)
                wanted -= 1


def _hosts(host: Sampled, guest: Sampled) -> bool:
    return host.county is guest.county and host.type == guest.type and host.parts[0].length >= guest.parts[0].length
