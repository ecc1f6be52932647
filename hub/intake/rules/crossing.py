"""Rules that hold cells of one row, and the class it names, against each other."""

from datetime import date, timedelta
from functools import partial

from hub.intake.rules.rule import Kind, Rule, Severity, rule

_refused = partial(rule, Kind.CROSS_FIELD, Severity.REFUSE, switchable=True)
_warned = partial(rule, Kind.CROSS_FIELD, Severity.WARN, switchable=True)

_GUARDIAN_ID_REQUIRED = (
    "GUARDIAN_ID_REQUIRED",
    "学生没有证件号，监护人的证件号必须填写。",
    "The pupil has no identity number, so the guardian's is required.",
    "请补填监护人的身份证件号。",
    "Fill in the guardian's number.",
)

_SECOND_SYSTEM = date(2018, 1, 1)
"""Since the second generation of the national system one guardian's number is enough; the form of 2013 wanted all."""

_ALLOWANCE_OF_BOARDERS = date(2019, 8, 31)
"""From autumn 2019 poor day pupils get the living allowance, too."""

RULES: tuple[Rule, ...] = (
    _refused(
        "ID_BIRTH_DATE_DISAGREES",
        "“{header}”与出生日期不一致。",
        "'{header}' and the birth date disagree.",
        "请对照户口簿改正其中错误的一项。",
        "Correct the wrong one of the two from the household book.",
    ),
    _refused(
        "ID_SEX_DISAGREES",
        "“{header}”的第 17 位与性别不一致（单数为男，双数为女）。",
        "Digit 17 of '{header}' and the sex disagree (odd is male, even female).",
        "请对照户口簿改正其中错误的一项。",
        "Correct the wrong one of the two from the household book.",
    ),
    _refused(
        "ID_TWICE_IN_ROW",
        "“{header}”与本行另一人的证件号相同。",
        "'{header}' is also the number of another person of this row.",
        "请填写本人的证件号。",
        "Write the person's own number.",
    ),
    _refused(
        "ENTRY_BEFORE_BIRTH",
        "入学年月早于出生日期。",
        "The entry month is before the birth date.",
        "请核对出生日期和入学年月。",
        "Check the birth date and the entry month.",
    ),
    _refused(
        "RELATION_NOTE_REQUIRED",
        "关系为“其他”时，“{header}”必须填写。",
        "When the relation is 其他, '{header}' is required.",
        "请说明与学生的关系，如 姑母。",
        "Say how the person is related to the pupil, such as 姑母.",
    ),
    _refused(
        "INCLUSION_DISAGREES",
        "“随班就读”与“残疾类型”不一致。",
        "Inclusion and disability disagree.",
        "无残疾的填“非随班就读”；视力、听力、智力残疾填相应的随班就读，其余残疾填“其他残疾随班就读”。",
        "Without disability: 非随班就读; visual, hearing, intellectual: the one of that name; else 其他残疾随班就读.",
    ),
    _refused(*_GUARDIAN_ID_REQUIRED, until=_SECOND_SYSTEM - timedelta(days=1), guardians=2),
    _refused(*_GUARDIAN_ID_REQUIRED, since=_SECOND_SYSTEM, guardians=1),
    _refused(
        "NO_GUARDIAN",
        "学生没有证件号，必须有一名家庭成员是监护人。",
        "The pupil has no identity number, so one family member has to be the guardian.",
        "请把监护人的“是否监护人”填为“是”，并填写其证件号。",
        "Write 是 under 是否监护人 for the guardian, and fill in that person's number.",
    ),
    _refused(
        "RESIDENCE_CODE_REQUIRED",
        "证件为居民身份证的，“{header}”必须填写。",
        "'{header}' is required of whoever holds a resident identity card.",
        "请按户口簿填 12 位行政区划代码。",
        "Write the 12 digits of the division in the household book.",
    ),
    _refused(
        "BOUGHT_PLACE_AT_PUBLIC_SCHOOL",
        "公办学校没有政府购买的学位，“{header}”应为“否”。",
        "A public school has no places bought by the government: '{header}' has to be 否.",
        "请改填“否”；学校的举办者登记有误的，请先更正学校信息。",
        "Write 否; if the school's founder is registered wrongly, have that corrected first.",
    ),
    _refused(
        "MIGRANT_BEYOND_COMPULSORY",
        "随迁子女只在义务教育阶段登记，“{header}”应为“否”或不填。",
        "Migrant workers' children are registered in the compulsory stage only: '{header}' has to be 否 or blank.",
        "高中学生请改填“否”或清空，并核对班号。",
        "For a pupil of senior high write 否 or leave it blank, and check the class number.",
    ),
    _warned(
        "AGE_UNUSUAL_FOR_GRADE",
        "按出生日期，该生到 8 月 31 日 {age} 岁，不像 {grade}的学生。",
        "By the birth date the pupil was {age} on 31 August, unusual for {grade}.",
        "请核对出生日期和班号；确实如此的不必修改。",
        "Check the birth date and the class number; leave it if it is so.",
        younger=1,
        older=3,
    ),
    _warned(
        "ENTRY_UNUSUAL_FOR_GRADE",
        "{grade}的学生一般在 {expected} 前后进入本学段，与“{header}”不符。",
        "Pupils of {grade} usually began the present stage about {expected}, unlike '{header}'.",
        "请填本学段（小学、初中或高中）的入学年月；留级、跳级的不必修改。",
        "Write the month in which the present stage began; leave it if the pupil repeated or skipped a year.",
        months=6,
    ),
    _warned(
        "POLITICAL_STATUS_EARLY",
        "按年级和年龄，该生的“{header}”一般为“群众”。",
        "By grade and age '{header}' would be 群众.",
        "小学生填“群众”；入团须满 14 周岁，入党须满 18 周岁。",
        "Primary pupils: 群众; the Youth League takes members from 14 years, the Party from 18.",
        league=14,
        party=18,
    ),
    _warned(
        "LEFT_BEHIND_ORPHAN",
        "孤儿一般不登记为留守儿童。",
        "An orphan is not usually registered as left behind.",
        "留守儿童是父母外出的；请核对“是否孤儿”和“是否留守儿童”。",
        "A left-behind child has parents who are away: check 是否孤儿 and 是否留守儿童.",
    ),
    _warned(
        "LEFT_BEHIND_MIGRANT",
        "同时登记为留守儿童和随迁子女。",
        "The pupil is both left behind and a migrant worker's child.",
        "随父母进城的不是留守儿童；请核对两项。",
        "Who came along with the parents was not left behind: check both.",
    ),
    _warned(
        "LEFT_BEHIND_PARENT_HERE",
        "登记为双亲留守，但“{header}”与学生现住址相同。",
        "Both parents are said to be away, but '{header}' is where the pupil lives.",
        "请核对是否留守儿童，或改填父母的现住址。",
        "Check 是否留守儿童, or write where the parent lives now.",
    ),
    _warned(
        "ORPHAN_WITH_PARENT",
        "登记为孤儿，但有父亲或母亲是监护人。",
        "The pupil is an orphan, but a father or mother is the guardian.",
        "请核对“是否孤儿”和家庭成员的关系。",
        "Check 是否孤儿 and the relation of the family members.",
    ),
    _warned(
        "ONLY_CHILD_WITH_SIBLING",
        "登记为独生子女，但家庭成员中有兄弟姐妹。",
        "The pupil is an only child, but a sibling is among the family members.",
        "请核对“是否独生子女”和家庭成员的关系。",
        "Check 是否独生子女 and the relation of the family members.",
    ),
    _warned(
        "HEALTH_DISAGREES",
        "健康状况为残疾，但没有填写残疾类型。",
        "By health the pupil is disabled, but no disability is named.",
        "请填写残疾类型，或改正健康状况。",
        "Name the disability or correct the health.",
    ),
    _warned(
        "DISTANCE_TOO_FAR",
        "走读学生的“{header}”超过 {limit} 公里。",
        "'{header}' of a day pupil is more than {limit} km.",
        "请核对单位是否为公里，或就读方式是否应为住校。",
        "See whether the unit is kilometres, or whether the pupil boards.",
        kilometres=50,
    ),
    _warned(
        "SCHOOL_BUS_DISAGREES",
        "乘坐校车上下学，但“{header}”为“否”。",
        "The pupil comes by school bus, but '{header}' is 否.",
        "请核对上下学方式和是否需要乘坐校车。",
        "Check 上下学(交通)方式 and 是否需要乘坐校车.",
    ),
    _warned(
        "ALLOWANCE_OF_DAY_PUPIL",
        "走读学生一般不享受寄宿生生活补助（一补）。",
        "A day pupil does not usually get the boarders' living allowance.",
        "请核对就读方式和是否享受一补。",
        "Check 就读方式 and 是否享受一补.",
        until=_ALLOWANCE_OF_BOARDERS,
    ),
    _warned(
        "NATIONALITY_DISAGREES",
        "国籍/地区与证件类型或港澳台侨外不一致。",
        "Nationality disagrees with the type of document or the overseas status.",
        "持居民身份证的应为中国国籍，外国人不应为中国国籍；请核对。",
        "Holders of a resident identity card are Chinese nationals, foreigners are not: check which is wrong.",
    ),
    _warned(
        "ID_TYPE_DOUBTFUL",
        "“{header}”是居民身份证号码，但证件类型不是居民身份证。",
        "'{header}' is that of a resident identity card, but the type of document is another.",
        "请核对身份证件类型。",
        "Check the type of document.",
    ),
    _warned(
        "GUARDIAN_TOO_YOUNG",
        "按“{header}”，该成员与学生相差 {years} 岁，与关系不合。",
        "By '{header}' this member is {years} years older than the pupil, too few for the relation.",
        "请核对关系，并确认没有填成学生或他人的号码。",
        "Check the relation and see that it is not the pupil's or someone else's number.",
        parent=14,
        grandparent=28,
    ),
    _warned(
        "GUARDIAN_UNDER_AGE",
        "按“{header}”，监护人未满 {limit} 周岁。",
        "By '{header}' the guardian is under {limit}.",
        "监护人须是成年人；请核对“是否监护人”和证件号。",
        "A guardian is of age: check 是否监护人 and the number.",
        years=18,
    ),
    _warned(
        "RELATION_SEX_DISAGREES",
        "“{header}”的第 17 位与关系（父亲、母亲）的性别不一致。",
        "Digit 17 of '{header}' disagrees with the relation, father or mother.",
        "请核对关系和证件号，看是否填成了另一人的。",
        "Check the relation and the number: it may be the other person's.",
    ),
    _warned(
        "RELATION_TWICE",
        "两名家庭成员的关系都是“{relation}”。",
        "Both family members are {relation}.",
        "请核对两人的关系。",
        "Check how the two are related to the pupil.",
    ),
)
"""Of a code with two rows the day decides."""
