from hub import codes
from hub.intake import sheet


def test_the_sheet_has_the_71_columns_of_the_national_system():
    assert [column.number for column in sheet.COLUMNS] == list(range(1, 72))
    headers = [column.header for column in sheet.COLUMNS]
    assert headers[:4] == ["学校标识码", "姓名", "性别", "出生日期"]
    assert headers[31:34] == ["上下学距离(公里)", "上下学(交通)方式", "是否需要乘坐校车"]
    assert (headers[46], headers[58], headers[70]) == ("成员1姓名", "成员2姓名", "是否进城务工人员随迁子女")
    assert len(set(headers)) == 71


def test_addresses_are_unique_and_family_members_have_twelve_each():
    assert len(sheet.BY_SLOT) == 71
    assert [sum(column.member == member for column in sheet.COLUMNS) for member in (0, 1, 2)] == [47, 12, 12]
    assert sheet.BY_SLOT["guardian2.id_number"].letter == "BO"


def test_only_columns_of_codes_name_a_list_that_exists():
    for column in sheet.COLUMNS:
        if column.kind == "code":
            assert column.codes in codes.lists()
        else:
            assert column.codes in (None, "SEX")
        assert column.hint.endswith("。")


def test_letters_follow_the_spreadsheet():
    assert [sheet.letter(number) for number in (1, 26, 27, 52, 53, 702, 703, 16_384)] == [
        *("A", "Z", "AA", "AZ", "BA", "ZZ", "AAA", "XFD")
    ]
