"""Pupils' rows and workbooks for the tests of the import."""

import io
import zipfile
from datetime import date, timedelta

from hub import identity
from hub.intake import sheet, template
from hub.intake.grid import Sheet

SCHOOL = "2114000123"
CLASSES = [("2013001", "一年级1班"), ("2013002", "一年级2班"), ("0013003", "一年级3班")]
CLASS_NUMBERS = [number for number, _ in CLASSES]
TODAY = date(2013, 9, 16)
SLOTS = [column.slot for column in sheet.COLUMNS]


def make_id(born=date(2006, 1, 2), sequence="001", division="140105"):
    first17 = f"{division}{born:%Y%m%d}{sequence}"
    return first17 + identity.check_character(first17)


def make_row(place=0, **changes):
    """The texts of a sound row; `place` makes pupils differ."""
    born = date(2006, 1, 2) + timedelta(days=place)
    row = {
        "school_code": SCHOOL,
        "name": f"王小{chr(0x4E00 + place)}",
        "sex": "男",
        "birth_date": f"{born:%Y%m%d}",
        "birthplace_code": "140105000000",
        "ancestral_place": "山西省太原市",
        "ethnic_group": "汉族",
        "nationality": "中国",
        "id_type": "居民身份证",
        "overseas_status": "否",
        "health": "健康或良好",
        "id_number": make_id(born),
        "residence_nature": "农业户口",
        "residence_code": "140105100000",
        "class_number": "2013001",
        "entry_month": "201309",
        "admission_type": "就近入学",
        "attendance_type": "走读",
        "present_address": "小店区平阳路1号",
        "mail_address": "小店区平阳路1号",
        "home_address": "小店区平阳路1号",
        "phone": "13900000001",
        "post_code": "030032",
        "only_child": "是",
        "preschool": "是",
        "left_behind": "非留守儿童",
        "needs_aid": "否",
        "living_allowance": "否",
        "orphan": "否",
        "martyr_child": "否",
        "distance_km": "1.5",
        "travel_mode": "步行",
        "needs_school_bus": "否",
        "guardian1.name": "王大明",
        "guardian1.relation": "父亲",
        "guardian1.address": "小店区平阳路1号",
        "guardian1.residence_code": "140105100000",
        "guardian1.phone": "0351-7654321",
        "guardian1.is_guardian": "是",
    }
    return row | changes


def make_sheet(*rows, first=2):
    """A read sheet of rows given by slot, as if they began at Excel row `first`."""
    letters = {column.slot: column.letter for column in sheet.COLUMNS}
    listed = [(number, [row.get(slot) for slot in SLOTS]) for number, row in enumerate(rows, first)]
    return Sheet(1, letters, listed)


def make_workbook(*rows):
    """The bytes of a filled template."""
    target = io.BytesIO()
    template.fill(template.SchoolSheet(SCHOOL, "平阳路小学", CLASSES), rows, target)
    return target.getvalue()


def rebuild(data, change=None, drop=(), add=None):
    """A workbook with parts changed (name -> bytes function), dropped or added (name -> bytes)."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            if entry.filename not in drop:
                content = old.read(entry)
                new.writestr(entry.filename, (change or {}).get(entry.filename, lambda same: same)(content))
        for name, content in (add or {}).items():
            new.writestr(name, content)
    return target.getvalue()
