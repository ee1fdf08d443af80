"""The columns of the table of weekly lessons."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

from app.timetables.rules import LessonMode
from app.timetables.weeks import WeekPattern
from app.transfer.columns import (
    BadValue,
    Column,
    Value,
    Words,
    as_code,
    as_day,
    as_text,
    as_word,
    listed,
    plain,
    separated,
    word_of,
)
from app.transfer.references import name_in
from app.transfer.tables import Cell
from app.transfer.weekly import as_period, as_weekday, as_weeks, weekday_in, weeks_in
from app.web.language import Language

DRAFT: Final = "draft"
PUBLISHED: Final = "published"
CALLED_OFF: Final = "called_off"
MODES: Words = {
    LessonMode.SYNCHRONOUS.value: ("同步课堂", "synchronous"),
    LessonMode.DEDICATED.value: ("专递课堂", "dedicated"),
    LessonMode.EVENT.value: ("公开活动", "event"),
}
STATES: Words = {
    DRAFT: ("草稿", "draft"),
    PUBLISHED: ("已发布", "published"),
    CALLED_OFF: ("停课", "called off"),
}
_BEFORE_GROUP: Final = re.compile(r"\s*[;；\n]\s*(?=[A-Za-z0-9-]{1,32}/)")


def as_groups(cell: Cell) -> list[str]:
    """Groups as they are written. A name may hold whatever lists are written with, so those after the first are told by
    the code before them; names of the main school need none."""
    found = []
    for part in _BEFORE_GROUP.split(as_text(cell)):
        found += [part] if "/" in part else re.split(r"[;；\n]", part)
    return [name for each in found if (name := plain(each.strip(";；")))]


def _sites(names: Value, language: Language) -> str:
    return separated(names, language)


def _groups(names: Value, _language: Language) -> str:
    return "; ".join(names)


def as_entry_id(cell: Cell) -> UUID:
    """The id that an export has written."""
    text = as_code(cell)
    try:
        return UUID(text)
    except ValueError:
        raise BadValue("cell.bad_id", value=text[:40]) from None


def entry_id_in(entry_id: Value, _language: Language) -> str:
    """Writes the id of a weekly lesson."""
    return str(entry_id)


COLUMNS = (
    Column("term", ("学期", "Term"), ("学期名称;空着表示今天所在的学期", "Its name; empty: the term of today"),
           as_text, width=24),
    Column("org_unit", ("主课堂单位编码", "Code of the main classroom's unit"), ("学校的编码", "Of the school"),
           as_code, required=True, width=20),
    Column("main_room", ("主课堂编码", "Main classroom"),
           ("该单位只有一间主课堂时可空", "May be empty where the unit has one only"), as_code),
    Column("weekday", ("星期", "Weekday"), ("星期一、周一或 1", "Monday, Mon or 1"), as_weekday, weekday_in,
           required=True),
    Column("period", ("节次", "Period"), ("主课堂学校作息表的节次", "By the bells of the main school"), as_period,
           required=True),
    Column("weeks", ("周次", "Weeks"),
           ("每周、单周、双周、第1-8、10周或第1-16周(单);空着表示每周",
            "every week, odd weeks, even weeks, weeks 1-8, 10 or weeks 1-16 (odd); empty: every week"),
           as_weeks, weeks_in, width=20),
    Column("first_day", ("开始日期", "First day"), ("空着表示学期第一天", "Empty: that of the term"), as_day),
    Column("last_day", ("结束日期", "Last day"), ("空着表示学期最后一天", "Empty: that of the term"), as_day),
    Column("subject", ("学科", "Subject"), ("本县学科表中的名称", "Of the county's list"), as_text,
           name_in, required=True),
    Column("title", ("课程名称", "Title"), ("新课空着表示与学科同名", "Of a new one, empty: the subject's name"),
           as_text, width=28),
    Column("mode", ("方式", "Mode"), ("同步课堂、专递课堂或公开活动;空着表示同步课堂",
           "synchronous, dedicated or event; empty: synchronous"), as_word(MODES), word_of(MODES)),
    Column("teacher", ("主讲教师", "Teacher"),
           ("登录名;没有同名教师时也可写姓名", "The login, or the name unless other teachers have it, too"),
           as_text, required=True, width=20),
    Column("sites", ("接收教室", "Receiving rooms"),
           ("教学点编码/教室编码,用顿号分隔;教学点只有一间接收教室时只写教学点编码",
            "Code of the site/code of the room, with commas between; the site's alone where it has one room only"),
           listed, _sites, required=True, width=32),
    Column("groups", ("班级", "Pupil groups"),
           ("单位编码/班级名称,用分号分隔;本校班级可只写名称;可空",
            "Code of the unit/name, with semicolons between; the name alone of the main school's; may be empty"),
           as_groups, _groups, width=40),
    Column("status", ("状态", "Status"),
           ("新课写“草稿”(以后再发布)或“已发布”(保存即通知);空着表示草稿。已有的课写“停课”,取消以后的全部课次",
            "Of a new one: draft (published later) or published (people are told at once); empty: draft. "
            "Of one that is there: called off, which cancels all lessons to come"),
           as_word(STATES), word_of(STATES)),
    Column("reason", ("调整原因", "Reason"),
           ("更改或停课时告诉有关人员,可空", "Told to those concerned by a change; may be empty"),
           as_text, width=24),
    Column("entry_id", ("课表编号", "Id"),
           ("导出时自动填写,请勿改动:改了星期、节次等,也靠它认出是哪门课。新课空着",
            "Filled in by exports, and to be left as it is: by it a lesson is known whose slot the row changes. "
            "Empty for new ones"), as_entry_id, entry_id_in, width=38),
)  # fmt: skip
_EVERY = (WeekPattern.EVERY, ())
EXAMPLES: Sequence[Sequence[Value]] = (
    (None, "3415240012", "M1", 1, 2, _EVERY, None, None, ("英语", "English"), "三年级英语", "synchronous", "wang",
     ["3415240112/R1", "3415240113/R1"], ["3415240012/三(1)班", "3415240112/一二年级复式班"], DRAFT, None, None),
    (None, "3415240012", None, 3, 5, (WeekPattern.LISTED, (1, 2, 3, 4, 6)), date(2026, 9, 1), date(2026, 12, 31),
     ("音乐", "Music"), None, "dedicated", "王老师", ["3415240112"], [], None, None, None),
)  # fmt: skip
