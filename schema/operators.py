"""What a field can be compared with, by its scalar: the inside of every filter."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from keyword import iskeyword
from typing import Any

import strawberry

Fields = Mapping[str, tuple[Any, str]]
"""Of an input: by GraphQL name the annotation and the description of each field; any of them may be left out."""

_EQUAL = ("eq", "Equal to this (等于).")
_RANGE = (
    ("gt", "Greater, or later, than this (大于)."),
    ("gte", "This, or greater, or later (大于等于)."),
    ("lt", "Less, or earlier, than this (小于)."),
    ("lte", "This, or less, or earlier (小于等于)."),
)
_PREFIX = ("prefix", "Begins with this (以此开头).")


def make_input(name: str, fields: Fields, description: str) -> type:
    """An input type whose fields may all be left out; what is left out is told from null."""
    namespace: dict[str, Any] = {"__annotations__": {}, "__module__": __name__}
    for key, (annotation, about) in fields.items():
        python = f"{key}_" if iskeyword(key) else key
        namespace["__annotations__"][python] = annotation | None
        namespace[python] = strawberry.field(default=strawberry.UNSET, description=about, name=key)
    return strawberry.input(type(name, (), namespace), description=description)


def _operators(
    name: str, value: Any, about: str, *names: tuple[str, str], many: bool = True, null: bool = True
) -> type:
    fields: dict[str, tuple[Any, str]] = {key: (value, text) for key, text in (_EQUAL, *names)}
    if many:
        fields["in"] = (list[value], "One of these (属于).")
    if null:
        fields["isNull"] = (bool, "Whether it is blank (是否为空).")
    return make_input(name, fields, f"{about} All that is given must hold.")


StringFilter = _operators("StringFilter", str, "What a text must be (文本条件).", _PREFIX)
ExactFilter = _operators("ExactFilter", str, "A number that tells who somebody is, only whole (完整号码条件).")
IntFilter = _operators("IntFilter", int, "What a whole number must be (整数条件).", *_RANGE)
DecimalFilter = _operators("DecimalFilter", Decimal, "What a decimal number must be (小数条件).", *_RANGE)
DateFilter = _operators("DateFilter", date, "When a day must be (日期条件).", *_RANGE)
DateTimeFilter = _operators(
    "DateTimeFilter", datetime, "When a moment must be; without a zone it is China's (时间条件).", *_RANGE
)
CodeFilter = _operators("CodeFilter", str, "Which code of its code list (代码条件).")
BooleanFilter = _operators("BooleanFilter", bool, "Yes or no (是否条件).", many=False)
IDFilter = _operators("IDFilter", strawberry.ID, "Which id (标识条件).", null=False)

SCALARS: dict[Any, type] = {
    str: StringFilter,
    int: IntFilter,
    bool: BooleanFilter,
    date: DateFilter,
    datetime: DateTimeFilter,
    Decimal: DecimalFilter,
    strawberry.ID: IDFilter,
}
"""The operators of each scalar."""

_ENUMS: dict[type[StrEnum], type] = {}


def of_enum(words: type[StrEnum]) -> type:
    """The operators of a closed list."""
    if words not in _ENUMS:
        described: Any = words.__dict__["__strawberry_definition__"]
        _ENUMS[words] = _operators(f"{words.__name__}Filter", words, described.description)
    return _ENUMS[words]
