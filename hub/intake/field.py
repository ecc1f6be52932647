"""One field of a form as somebody typed it into a screen: the same checks as a cell of a sheet, told as a refusal."""

from typing import Any

from hub import clock
from hub.errors import BadInput
from hub.intake import values
from hub.intake.sheet import Column
from hub.intake.values import School, Wrong

_NO_SCHOOL = School("", ())


def typed(column: Column, given: str | None) -> Any:
    """The tidy value of a text, None if it is blank.

    Raises BadInput naming the field when the text is too long, holds control characters, lacks what is required, or
    is not what the column's kind wants.
    """
    value = values.parse(column, given, _NO_SCHOOL, clock.today())
    if value is None and column.required:
        value = Wrong("REQUIRED")
    if isinstance(value, Wrong):
        key = f"FIELD_{value.key}"
        raise BadInput(key, field=camel(column.key), header=column.header, **value.values)
    return value


def camel(key: str) -> str:
    """The GraphQL name of a field: `headPhone` of `head_phone`."""
    head, *rest = key.split("_")
    return head + "".join(part.title() for part in rest)
