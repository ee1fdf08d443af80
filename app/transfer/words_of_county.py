"""What is said about rows on units, rooms, people and groups, mostly by the codes of REST."""

from collections.abc import Mapping
from typing import Final

COUNTY: Final[Mapping[str, tuple[str, str]]] = {
    "access.denied": ("您无权在这里做这件事。", "You may not do this here."),
    "org_unit.closed": (
        "该单位自 {closed_from} 起停用，不能再新增内容。",
        "The unit is closed from {closed_from}; nothing is added to it.",
    ),
    "person.not_found": (
        "本县没有这位教师。",
        "The county has no such teacher.",
    ),
    "org_unit.not_found": ("没有编码为“{value}”的单位。", "There is no org unit with the code “{value}”."),
    "org_unit.wrong_parent": (
        "这种单位不能放在该上级之下。",
        "A unit of this kind does not belong below that one.",
    ),
    "org_unit.parent_refused": (
        "上级单位(第 {first} 行)有错误。",
        "Something is wrong with the unit above, in row {first}.",
    ),
    "org_unit.circle": ("上级关系形成了循环。", "These units stand above each other in a circle."),
    "org_unit.place_fixed": (
        "已有单位的类型和上级不能更改。",
        "The kind of an org unit, and the unit above it, never change.",
    ),
    "org_unit.is_county": ("这是县级单位自己的编码。", "This is the county's own code."),
    "room.wrong_place": ("这种教室不能设在该单位。", "A room of this kind does not belong to that unit."),
    "room.kind_fixed": ("已有教室的类型不能更改。", "The kind of a room never changes."),
    "person.role_does_not_fit": ("该角色不能设在这种单位。", "This role is not held on a unit of that kind."),
    "person.may_not_appoint": ("您无权在该单位授予这个角色。", "You may not give this role on that unit."),
    "person.login_taken": ("登录名“{value}”已被占用。", "The login “{value}” is taken."),
    "person.other_name": (
        "登录名“{value}”已属于另一个姓名;若是同名不同人,请换一个登录名。",
        "The login “{value}” belongs to another name. Choose another login for somebody else.",
    ),
    "person.names_differ": (
        "同一登录名在第 {first} 行是另一个姓名。",
        "Row {first} has another name for this login.",
    ),
    "person.mails_differ": (
        "同一登录名在第 {first} 行是另一个邮箱。",
        "Row {first} has another mail address for this login.",
    ),
    "person.other_mail": (
        "“{value}”已有另一个邮箱,请在“人员”页更改。",
        "“{value}” has another mail address; change it on the page People.",
    ),
    "person.may_not_manage": (
        "此人还有您职权之外的角色。",
        "They also hold a role beyond your office.",
    ),
    "person.erased": ("此人已被删除,不能恢复。", "This person was erased; that cannot be undone."),
    "person.oneself": ("您自己的账号须由他人更改。", "Somebody else has to do this to your account."),
    "person.last_admin": ("至少要保留一位县级管理员。", "The county needs another bureau admin first."),
    "assignment.there": ("在同一时间已有这个角色。", "They have this role there on such a day already."),
    "assignment.over": (
        "这个角色已定好更早的结束日期;要延续,请另起一行写新的开始日期。",
        "This role ends earlier already; to go on, add a row with a first day after that.",
    ),
    "assignment.of_provider": (
        "这个角色由身份提供方授予,请在那里结束。",
        "The identity provider gives this role: end it there.",
    ),
    "assignment.past": ("不能更改过去。", "What was so yesterday stays so."),
    "assignment.too_many": ("一个人的角色太多了。", "One person cannot have so many roles."),
    "days_in_order": ("结束日期早于开始日期。", "The last day is before the first."),
    "headcount.wrong_place": ("学生只能属于学校或教学点。", "Pupils belong to a school or teaching site."),
    "room.not_found": ("没有编码为“{value}”的教室。", "There is no room “{value}”."),
    "room.name_one": (
        "“{value}”不止一间这种教室，请写明教室编码。",
        "“{value}” has several rooms of this kind; name one by its code.",
    ),
    "room.no_main_room": ("“{value}”没有主课堂。", "“{value}” has no main classroom."),
    "room.no_receiving_room": ("“{value}”没有接收教室。", "“{value}” has no receiving room."),
    "room.closed": (
        "教室自 {closed_from} 起停用，请换一间，或在此之前结束。",
        "The room is closed from {closed_from}; name another one, or end before that day.",
    ),
    "subject.unknown": (
        "本县学科表中没有“{value}”，请改正，或先在“学科”页添加。",
        "“{value}” is not on the county's list of subjects; name another one, or add it there first.",
    ),
    "pupil_group.not_found": (
        "没有班级“{value}”；请写 单位编码/班级名称，且须属于主课堂学校或听课的教学点。",
        "There is no group “{value}”, or not at the main school or a site of the lesson; write code of the unit/name.",
    ),
    "pupil_group.name_shared": (
        "在这些日子有几个班级都叫“{value}”，请在“课表”页安排，或给其中一个改名。",
        "Several groups are called “{value}” on these days; plan this on the page Timetable, or rename one of them.",
    ),
    "pupil_group.closed": (
        "班级“{value}”自 {closed_from} 起停用。",
        "The group “{value}” is closed from {closed_from}.",
    ),
    "pupil_group.wrong_place": ("学生只能属于学校或教学点。", "Pupils belong to a school or teaching site."),
}
