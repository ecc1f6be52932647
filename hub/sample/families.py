"""Families of the sample: parents, their telephones and where they live."""

import random
from typing import NamedTuple

from hub.sample import numbers, people, titles
from hub.sample.places import County
from hub.terms import Sex

NOTHING = "\\N"
FATHER, MOTHER, GRANDPARENT = "51", "52", "60"
_EMPLOYERS = (
    "务农",
    "务农",
    "务农",
    "个体经营",
    "外出务工",
    "煤矿",
    "事业单位",
    "国有企业",
    "私营企业",
    "待业",
    NOTHING,
    NOTHING,
)
_YEAR = 365.25


class Family(NamedTuple):
    """A family; `first` and `second` are guardians as text: name, relation, phone, identity number, employer."""

    surname: people.Named
    only_child: bool
    address: str
    phone: str
    first: str
    second: str


NOBODY = "\t".join([NOTHING] * 5)


class Families:
    """The families of a county. `draw` decides everything about them."""

    def __init__(self, draw: random.Random, county: County) -> None:
        self.draw = draw
        self.county = county
        self._surnames = people.surnames()
        self._given = {sex: people.given("parents", sex) for sex in Sex}

    def make(
        self,
        born: int,
        surname: people.Named | None = None,
        *,
        identified: bool = False,
        only_child: bool = False,
        left_alone: bool = False,
    ) -> Family:
        """A family with a child born on a day. `identified`: the guardians' identity numbers are known for sure;
        `left_alone`: both parents are away and a grandparent comes first.
        """
        chance = self.draw.random
        surname = surname or self._surnames[int(chance() * len(self._surnames))]
        identified = identified or chance() < 0.25
        phone = numbers.mobile(self.draw)
        if left_alone:
            first = self._adult(surname, GRANDPARENT, born - 24 * _YEAR, phone, identified)
            second = self._adult(surname, FATHER, born, numbers.mobile(self.draw), identified)
        elif chance() < 0.05:
            first, second = self._adult(surname, FATHER if chance() < 0.5 else MOTHER, born, phone, identified), NOBODY
        else:
            first = self._adult(surname, FATHER, born, phone, identified)
            wife = self._surnames[int(chance() * len(self._surnames))]
            second = self._adult(wife, MOTHER, born, numbers.mobile(self.draw), identified)
        return Family(surname, only_child, titles.address(self.draw, self.county), phone, first, second)

    def _adult(self, surname: people.Named, relation: str, born: float, phone: str, identified: bool) -> str:
        chance = self.draw.random
        sex = Sex.FEMALE if relation == MOTHER or (relation == GRANDPARENT and chance() < 0.6) else Sex.MALE
        given = self._given[sex]
        name = surname[0] + given[int(chance() * len(given))][0]
        number = NOTHING
        if identified:
            day = int(born - (21 + chance() * 12) * _YEAR)
            number = numbers.identity_number(self.county.code, day, int(chance() * 450) * 2 + (sex == Sex.MALE))
        return f"{name}\t{relation}\t{phone}\t{number}\t{_EMPLOYERS[int(chance() * 12)]}"
