"""Workbooks read and checked in the other process: their parts, their faults, and why they are refused."""

import asyncio

import pytest
from pupils import CLASS_NUMBERS, SCHOOL, TODAY, make_row, make_workbook

from hub.errors import HubError
from hub.intake import workbook
from hub.intake.container import Limits

SHEET = "xl/worksheets/sheet1.xml"
GOOD = make_workbook(make_row(), make_row(1))


def parts_of(data, *, abreast=False, **limits):
    async def collect():
        school = {"school_code": SCHOOL, "class_numbers": CLASS_NUMBERS, "today": TODAY, "beside": abreast}
        return [part async for part in workbook.examine(data, Limits(**limits), **school)]

    return asyncio.run(collect())


def examine(data, **limits):
    [checked] = parts_of(data, **limits)
    return checked


def refusal(data, **limits):
    with pytest.raises(HubError) as caught:
        workbook.read(data, Limits(**limits))
    for language in ("zh", "en"):
        assert "{" not in caught.value.text(language) + caught.value.remedy(language)
    return caught.value.key


def faults_of(checked):
    return [(fault.row, fault.column, fault.slot, fault.key) for fault in checked.faults]
