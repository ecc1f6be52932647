"""Who acts: the roles of the register, their titles, and where each may be granted."""

from enum import IntEnum, StrEnum


class Level(IntEnum):
    """How deep a place lies (层级), counted as the steps of its path."""

    PROVINCE = 1
    CITY = 2
    COUNTY = 3
    SCHOOL = 4
    CLASS = 5


class Role(StrEnum):
    """A role (角色). A grant joins it to a root; a request acts under one role at a time.

    An *administrator* enters and a *leader* approves, and no case is decided by the person who entered it.
    """

    PROVINCE_ADMINISTRATOR = "province_administrator"
    PROVINCE_LEADER = "province_leader"
    CITY_ADMINISTRATOR = "city_administrator"
    CITY_LEADER = "city_leader"
    COUNTY_ADMINISTRATOR = "county_administrator"
    COUNTY_LEADER = "county_leader"
    SCHOOL_ADMINISTRATOR = "school_administrator"
    SCHOOL_LEADER = "school_leader"
    CLASS_TEACHER = "class_teacher"
    REVIEWER = "reviewer"
    DASHBOARD = "dashboard"
    AUDITOR = "auditor"
    ACCOUNT_ADMINISTRATOR = "account_administrator"
    INTEGRATION = "integration"

    @property
    def chinese(self) -> str:
        """The title as officers write it, such as 学校学籍管理员."""
        return _CHINESE[self]

    @property
    def english(self) -> str:
        """The title in English, such as `school administrator`."""
        return self.value.replace("_", " ")

    @property
    def levels(self) -> frozenset[Level]:
        """Where the role may be granted: a grant whose root lies at another level is refused by its giver."""
        return _LEVELS[self]


_CHINESE = {
    Role.PROVINCE_ADMINISTRATOR: "省级学籍管理员",
    Role.PROVINCE_LEADER: "省级学籍主管领导",
    Role.CITY_ADMINISTRATOR: "市级学籍管理员",
    Role.CITY_LEADER: "市级学籍主管领导",
    Role.COUNTY_ADMINISTRATOR: "县级学籍管理员",
    Role.COUNTY_LEADER: "县级学籍主管领导",
    Role.SCHOOL_ADMINISTRATOR: "学校学籍管理员",
    Role.SCHOOL_LEADER: "学校学籍主管领导",
    Role.CLASS_TEACHER: "班主任",
    Role.REVIEWER: "问题学籍审核员",
    Role.DASHBOARD: "统计看板",
    Role.AUDITOR: "安全审计员",
    Role.ACCOUNT_ADMINISTRATOR: "账号管理员",
    Role.INTEGRATION: "系统对接",
}

_OFFICES = frozenset({Level.PROVINCE, Level.CITY, Level.COUNTY})
_WITH_SCHOOLS = _OFFICES | {Level.SCHOOL}
_LEVELS = {
    Role.PROVINCE_ADMINISTRATOR: frozenset({Level.PROVINCE}),
    Role.PROVINCE_LEADER: frozenset({Level.PROVINCE}),
    Role.CITY_ADMINISTRATOR: frozenset({Level.CITY}),
    Role.CITY_LEADER: frozenset({Level.CITY}),
    Role.COUNTY_ADMINISTRATOR: frozenset({Level.COUNTY}),
    Role.COUNTY_LEADER: frozenset({Level.COUNTY}),
    Role.SCHOOL_ADMINISTRATOR: frozenset({Level.SCHOOL}),
    Role.SCHOOL_LEADER: frozenset({Level.SCHOOL}),
    Role.CLASS_TEACHER: frozenset({Level.CLASS}),
    Role.REVIEWER: _OFFICES,
    Role.DASHBOARD: _WITH_SCHOOLS,
    Role.AUDITOR: _OFFICES,
    Role.ACCOUNT_ADMINISTRATOR: _WITH_SCHOOLS,
    Role.INTEGRATION: _WITH_SCHOOLS,
}
