"""The pupils of the sample, county by county and class by class, as lines for COPY."""

from collections.abc import Iterator
from datetime import date
from functools import lru_cache

from hub import divisions, names
from hub.sample import chance, numbers, people, problems
from hub.sample.classes import Room
from hub.sample.families import NOTHING, Families, Family
from hub.sample.numbers import MOVED, NATIVE
from hub.sample.places import County
from hub.sample.problems import Person, Plan, Role
from hub.terms import EnrolmentState, Founder, Sex, Stage

_OWN = """
student_number school_id class_id path state grade actual_school_id actual_place name name_key name_terms sex
birth_date birthplace_code ancestral_place ethnic_group id_type id_number residence_code present_address
phone post_code only_child entry_month admission_type attendance_type residence_nature left_behind
migrant_child needs_aid living_allowance orphan martyr_child preschool distance_km travel_mode
needs_school_bus health political_status disability inclusion bought_place former_name blood_type
strengths number_in_class
"""
GUARDIAN = ("name", "relation", "phone", "id_number", "employer")
EARLIER = ("school_id", "class_id", "path")
COLUMNS = [
    *_OWN.split(),
    *(f"{position}_{column}" for position in ("first", "second") for column in GUARDIAN),
    *(f"earlier_{column}" for column in EARLIER),
]
"""The columns of a line, in order."""

WITHOUT_NUMBER = 0.008
"""Share of pupils without an identity number, beside those planted."""

_ETHNIC = chance.table({"01": 9930, "03": 30, "11": 15, "02": 10, "15": 4, "06": 4, "04": 2, "05": 2, "08": 2, "07": 1})
_STATES = chance.table(
    {
        EnrolmentState.IN_SCHOOL: 973,
        EnrolmentState.SUSPENDED: 14,
        EnrolmentState.OTHER_LEAVE: 6,
        EnrolmentState.ABROAD: 4,
        EnrolmentState.DROPPED_OUT: 2,
        EnrolmentState.MISSING: 1,
    },
    1000,
)
_HEALTH = chance.table({"10": 960, "20": 32, "30": 6, "40": 2}, 1000)
_BLOOD = chance.table({"1": 28, "2": 30, "3": 9, "4": 31, "0": 2}, 100)
_STRENGTHS = chance.table({NOTHING: 85, "书法": 3, "绘画": 4, "声乐": 3, "舞蹈": 2, "篮球": 2, "田径": 1}, 100)
_INCLUSION = {"1": "11", "2": "12", "5": "13"}
_SCHOOL_DISABILITY = {"511": "1", "512": "2", "513": "5", "514": "5"}
_AWAY = (
    "陕西省西安市雁塔区",
    "北京市朝阳区",
    "河北省石家庄市长安区",
    "内蒙古自治区呼和浩特市新城区",
    "河南省郑州市金水区",
)
_BOARDING = {Stage.PRIMARY: (0.01, 0.08), Stage.JUNIOR: (0.12, 0.55), Stage.SENIOR: (0.35, 0.75)}
"""Shares of boarders by stage: in town, in the country."""


def lines(
    counties: list[County], rooms: list[Room], plan: Plan, *, seed: int, today: date, year: int, size: int
) -> Iterator[tuple[bytes, int]]:
    """All pupils in chunks of about `size`, each as text for COPY with the number of its lines.

    Memory holds one chunk and one county's counters. The plan's cases learn their student numbers on the way, and
    its roles are forgotten once played.
    """
    held: dict[str, list[Room]] = {county.code: [] for county in counties}
    for room in rooms:
        held[room.school.county.code].append(room)
    chunk: list[str] = []
    for county in counties:
        writer = Writer(county, held.pop(county.code), plan, seed=seed, today=today, year=year)
        for room in writer.rooms:
            chunk += writer.write(room)
            if len(chunk) >= size:
                yield "".join(chunk).encode(), len(chunk)
                chunk.clear()
    if chunk:
        yield "".join(chunk).encode(), len(chunk)


class Writer:
    """Writes the pupils of one county; what it draws depends on the seed and the county alone."""

    def __init__(self, county: County, rooms: list[Room], plan: Plan, *, seed: int, today: date, year: int) -> None:
        self.county, self.rooms, self.plan, self.today, self.year = county, rooms, plan, today, year
        self.draw = chance.stream(seed, "pupils", county.code)
        self.families = Families(self.draw, county)
        self._younger = {sex: people.given("younger", sex) for sex in Sex}
        self._elder = {sex: people.given("elder", sex) for sex in Sex}
        self._turn = date(2001, 9, 1).toordinal()
        self._post_code = county.post_code
        self._room = ""
        self._written = 0
        self._sequences: dict[tuple[str, int], int] = {}
        self._siblings: list[tuple[Family, int]] = []
        self._origins = {county.code: f"山西省{county.full_name}"}
        regions = [region for region in divisions.shanxi() if region.level == "county"]
        city = [region.code for region in regions if region.parent_code == county.city]
        self._neighbours = [code for code in city if code != county.code]
        start = MOVED.start + 10 * city.index(county.code)
        self._moved = range(start, start + 10)
        # No other county has pupils from these, so their sequence numbers are free for this one.
        place = [region.code for region in regions].index(county.code)
        self._elsewhere = numbers.elsewhere()[place :: len(regions)]
        self._alike: dict[int, list[Room]] = {}
        for room in rooms:
            if len(room.grades) == 1:
                self._alike.setdefault(room.grade, []).append(room)

    def write(self, room: Room) -> list[str]:
        """The lines of a class."""
        if room.number == "0000001":
            self._siblings = []
        self._room = f"{room.school.id}\t{room.id}\t{room.path}"
        roles = self.plan.roles.pop(room.index, {})
        seats = [grade for grade, pupils in room.grades for _ in range(pupils)]
        found: list[str] = []
        twin: Person | None = None
        for seat, grade in enumerate(seats):
            role = roles.get(seat)
            left = self._left_behind() if role is None else "0"
            if role is not None:
                person = role.person or self._spoilt(role, grade)
            elif twin is not None:
                person, twin = self._twin(twin), None
            else:
                person = self._anybody(grade, left)
                free = seat + 1 < len(seats) and seats[seat + 1] == grade and seat + 1 not in roles
                if free and person.number is not None and "·" not in person.name and self.draw.random() < 0.006:
                    twin = person = person._replace(family=person.family._replace(only_child=False))
            number = self._number(person)
            if role is not None:
                self.plan.cases[role.case].student_numbers.append(number)
            found.append(self._line(room, grade, seat, person, number, left, planted=role is not None))
        return found

    def _number(self, person: Person) -> str:
        self._written += 1
        kind = "J" if person.number is None else "L"
        return numbers.student_number(kind, self.county.code, self.year, self._written)

    def _left_behind(self) -> str:
        lot = self.draw.random() * (4 if self.county.urban else 1)
        return "2" if lot < 0.07 else "1" if lot < 0.16 else "0"

    def _anybody(self, grade: int, left: str) -> Person:
        """A pupil in no planned role; the few without an identity number bear only names that are set apart."""
        if self.draw.random() < WITHOUT_NUMBER:
            return self._unnumbered(grade)
        return self._numbered(grade, left)

    def _numbered(self, grade: int, left: str = "0") -> Person:
        chance = self.draw.random
        sex = Sex.MALE if chance() < 0.53 else Sex.FEMALE
        born = problems.birth(self.draw, grade, self.year)
        family = self._family(grade, born, left)
        name, key = self._name(family, sex, born)
        if chance() < 0.0002:
            whole = people.uyghur(sex)[int(chance() * 3)]
            name, key = (name, key) if problems.set_apart(whole[0], born) else whole
        division = self.county.code
        away = chance() * (1 if self.county.urban else 8)
        if away < 0.08 and self._neighbours:
            division = self._neighbours[int(chance() * len(self._neighbours))]
        elif away < 0.12:
            division = self._elsewhere[int(chance() * len(self._elsewhere))]
        division, sequence = self._sequence(division, born, sex)
        number = numbers.identity_number(division, born, sequence)
        return Person(name, key, sex, born, division, number, family)

    def _unnumbered(self, grade: int) -> Person:
        sex = Sex.MALE if self.draw.random() < 0.53 else Sex.FEMALE
        born = problems.birth(self.draw, grade, self.year)
        family = self.families.make(born, identified=True)
        while True:
            name, key = self._drawn(family, sex, born)
            if problems.set_apart(name, born) and (name, sex, born) not in self.plan.namesakes:
                self.plan.namesakes.add((name, sex, born))
                return Person(name, key, sex, born, self.county.code, None, family)

    def _spoilt(self, role: Role, grade: int) -> Person:
        person = self._numbered(grade)
        how = self.plan.cases[role.case].detail
        wrong = problems.spoil(self.draw, str(person.number), how, self.today, self.plan.spoilt)
        return person._replace(number=wrong)

    def _twin(self, elder: Person) -> Person:
        """The other twin: same day, same parents, the next free sequence number."""
        sex = elder.sex if self.draw.random() < 0.65 else Sex.FEMALE if elder.sex == Sex.MALE else Sex.MALE
        name = elder.name
        while name == elder.name:
            name, key = self._name(elder.family, sex, elder.born)
        division, sequence = self._sequence(elder.division, elder.born, sex)
        number = numbers.identity_number(division, elder.born, sequence)
        return Person(name, key, sex, elder.born, division, number, elder.family)

    def _family(self, grade: int, born: int, left: str) -> Family:
        """The family of an elder or younger child in the same school, or a new one."""
        chance = self.draw.random
        if self._siblings and chance() < 0.08:
            family, other = self._siblings[int(chance() * len(self._siblings))]
            if other != grade:
                return family
        only = chance() < (0.75 if self.county.urban else 0.45)
        family = self.families.make(born, only_child=only, left_alone=left == "2")
        if not only and chance() < 0.2:
            if len(self._siblings) > 99:
                self._siblings.pop(0)
            self._siblings.append((family, grade))
        return family

    def _drawn(self, family: Family, sex: Sex, born: int) -> people.Named:
        given = (self._younger if born > self._turn else self._elder)[sex]
        own, spelt = given[int(self.draw.random() * len(given))]
        name = family.surname[0] + own
        return name, f"{family.surname[1]} {spelt} {name}"

    def _name(self, family: Family, sex: Sex, born: int) -> people.Named:
        while True:
            named = self._drawn(family, sex, born)
            if not problems.set_apart(named[0], born):
                return named

    def _sequence(self, division: str, born: int, sex: Sex) -> tuple[str, int]:
        """A division and a sequence number in it that nobody born that day has: odd for boys, even for girls.

        Where a day's share of numbers is used up, the child was born in the county itself.
        """
        if division == self.county.code:
            first, last = NATIVE.start, NATIVE.stop
        elif division[:2] == "14":
            first, last = self._moved.start, self._moved.stop
        else:
            first, last = 1, 1000
        sequence = self._sequences.get((division, born), first)
        sequence += (sequence % 2 == 1) != (sex == Sex.MALE)
        if sequence >= last:
            if division == self.county.code:
                raise OverflowError(f"more than {NATIVE.stop} births in {division} on {numbers.iso(born)}")
            return self._sequence(self.county.code, born, sex)
        self._sequences[division, born] = sequence + 1
        return division, sequence

    def _origin(self, division: str) -> str:
        """The ancestral place in words."""
        if division not in self._origins:
            parts = [divisions.name(code) or "" for code in (division[:2] + "0000", division[:4] + "00", division)]
            self._origins[division] = "".join(parts)
        return self._origins[division]

    def _earlier(self, room: Room, grade: int) -> str:
        """Last year's class at another school of the county, for one pupil in twenty."""
        if grade > room.first_grade and len(room.grades) == 1 and self.draw.random() < 0.11:
            rooms = self._alike[grade]
            other = rooms[int(self.draw.random() * len(rooms))]
            if other.school is not room.school and other.formed < self.year:
                return f"{other.school.id}\t{other.id}\t{other.path}"
        return "\\N\t\\N\t\\N"

    def _line(self, room: Room, grade: int, seat: int, person: Person, number: str, left: str, *, planted: bool) -> str:
        """One pupil as text for COPY, in the order of COLUMNS."""
        chance, stage, school, urban = self.draw.random, room.stage, room.school, self.county.urban
        family = person.family
        state: str = EnrolmentState.IN_SCHOOL if planted else _STATES[int(chance() * 1000)]
        if state == EnrolmentState.DROPPED_OUT and stage != Stage.JUNIOR:
            state = EnrolmentState.SUSPENDED
        boards = chance() < (0.6 if school.special else _BOARDING[stage][not urban])
        migrant = person.division != self.county.code and stage != Stage.SENIOR and chance() < 0.85
        distance = 0.2 + chance() ** 3 * (40 if boards else 8)
        travel = "1" if distance < 1.5 else "23342459"[int(chance() * 8)]
        disability = _SCHOOL_DISABILITY.get(school.type) or ("0" if chance() > 0.003 else "12345678"[int(chance() * 8)])
        included = disability != "0" and not school.special
        health = "50" if disability != "0" else _HEALTH[int(chance() * 1000)]
        ethnic = "05" if "·" in person.name else _ETHNIC[int(chance() * len(_ETHNIC))]
        residence = "1" if chance() < (0.35 if urban else 0.87) else "2"
        place = person.division + "000000"
        own = (
            f"{number}\t{self._room}\t{state}\t{grade}\t"
            f"{NOTHING if room.actual is None else room.actual.id}\t"
            f"{NOTHING if planted or room.actual or chance() > 0.001 else _AWAY[int(chance() * 5)]}\t"
            f"{person.name}\t{person.key}\t{_terms(person.name)}\t{person.sex}\t{numbers.iso(person.born)}\t{place}\t"
            f"{self._origin(person.division)}\t{ethnic}\t{'Z' if person.number is None else '1'}\t"
            f"{person.number or NOTHING}\t{place if person.number else NOTHING}\t{family.address}\t{family.phone}\t"
            f"{self._post_code}\t{_flag(family.only_child)}\t{self.year - grade + room.first_grade}-09-01\t"
            f"{_admission(stage, chance())}\t{'2' if boards else '1'}\t{residence}\t{left}\t{_flag(migrant)}\t"
            f"{_flag(chance() < (0.02 if urban else 0.08))}\t{_flag(boards and chance() < 0.3)}\t"
            f"{_flag(chance() < 0.002)}\t{_flag(chance() < 0.0005)}\t{_flag(chance() < (0.95 if urban else 0.8))}\t"
            f"{distance:.1f}\t{travel}\t{_flag(travel == '5')}\t{health}\t{_politics(grade, chance())}\t{disability}\t"
            f"{_INCLUSION.get(disability, '19') if included else '00'}\t"
            f"{_flag(school.founder == Founder.PRIVATE and chance() < 0.2)}\t"
            f"{NOTHING if chance() > 0.005 else self._drawn(family, person.sex, person.born)[0]}\t"
            f"{NOTHING if chance() > 0.3 else _BLOOD[int(chance() * 100)]}\t"
            f"{_STRENGTHS[int(chance() * 100)]}\t{seat + 1}"
        )
        return f"{own}\t{family.first}\t{family.second}\t{self._earlier(room, grade)}\n"


@lru_cache(maxsize=100_000)
def _terms(name: str) -> str:
    """The terms of a name as text of an array; they hold no sign that would have to be escaped."""
    return "{" + ",".join(f'"{term}"' for term in names.name_terms(name)) + "}"


def _flag(is_so: bool) -> str:
    return "t" if is_so else "f"


def _admission(stage: Stage, lot: float) -> str:
    if stage == Stage.SENIOR:
        return "21" if lot < 0.95 else "22" if lot < 0.97 else "23" if lot < 0.99 else "99"
    return "11" if lot < 0.93 else "12"


def _politics(grade: int, lot: float) -> str:
    if grade < 8:
        return "13"
    return "03" if lot < (0.3 if grade < 10 else 0.6) else "13"
