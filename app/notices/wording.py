"""What a notice says, in Chinese and English: pure rules over the facts it keeps."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from app.feeds.rules import Language
from app.lessons.rules import ChangeKind

Item = Mapping[str, Any]
"""One change, as a notice keeps it."""


@dataclass(frozen=True, slots=True)
class Names:
    """What ids are called, by their text, and the county's time."""

    people: Mapping[str, str]
    rooms: Mapping[str, str]
    units: Mapping[str, str]
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Words:
    """What a notice says."""

    title: str
    lines: tuple[str, ...]
    """One a change, and how many more there are."""


_ZH: Final = Language.CHINESE
_EN: Final = Language.ENGLISH

_HEAD: Final[Mapping[Language, Mapping[ChangeKind, str]]] = {
    _ZH: {
        ChangeKind.PUBLISHED: "课表已发布",
        ChangeKind.PLANNED: "新增课次",
        ChangeKind.CANCELLED: "课次已取消",
        ChangeKind.MOVED: "课次已调整时间",
        ChangeKind.EDITED: "课次有变动",
        ChangeKind.SUBSTITUTED: "更换授课教师",
        ChangeKind.ROOMS_CHANGED: "更换教室",
        ChangeKind.SITE_ADDED: "教学点加入课次",
        ChangeKind.SITE_DROPPED: "教学点退出课次",
        ChangeKind.MADE_UP: "安排补课",
    },
    _EN: {
        ChangeKind.PUBLISHED: "Timetable published",
        ChangeKind.PLANNED: "Lessons added",
        ChangeKind.CANCELLED: "Lesson cancelled",
        ChangeKind.MOVED: "Lesson moved",
        ChangeKind.EDITED: "Lesson changed",
        ChangeKind.SUBSTITUTED: "Another teacher",
        ChangeKind.ROOMS_CHANGED: "Other rooms",
        ChangeKind.SITE_ADDED: "Site added to a lesson",
        ChangeKind.SITE_DROPPED: "Site dropped from a lesson",
        ChangeKind.MADE_UP: "Lesson made up for",
    },
}
_SAYS: Final[Mapping[Language, Mapping[str, str]]] = {
    _ZH: {
        "day": "{date}({weekday})第{period}节 {start}–{end}",
        "week": "每{weekday}第{period}节",
        "one": "{head}:{title}",
        "many": "{head}:共{count}项",
        "item": "{when} {title}",
        "moved": "原定{was}",
        "teacher": "授课教师:{name}",
        "room": "主课堂:{name}",
        "added": "加入:{names}",
        "dropped": "退出:{names}",
        "renamed": "原名:{name}",
        "reason": "原因:{reason}",
        "more": "另有{count}项",
        "between": ";",
        "list": "、",
    },
    _EN: {
        "day": "{weekday} {date}, period {period}, {start}–{end}",
        "week": "{weekday}s, period {period}",
        "one": "{head}: {title}",
        "many": "{head}: {count} changes",
        "item": "{when}: {title}",
        "moved": "was {was}",
        "teacher": "teacher: {name}",
        "room": "main classroom: {name}",
        "added": "added: {names}",
        "dropped": "dropped: {names}",
        "renamed": "was called {name}",
        "reason": "Reason: {reason}",
        "more": "and {count} more",
        "between": "; ",
        "list": ", ",
    },
}
_WEEKDAYS: Final = {
    _ZH: ("周一", "周二", "周三", "周四", "周五", "周六", "周日"),
    _EN: ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}


def words(
    kind: ChangeKind,
    items: Sequence[Item],
    changes: int,
    reason: str | None,
    names: Names,
    language: Language,
) -> Words:
    """What a notice of so many changes says; `items` are the first of them."""
    says, head = _SAYS[language], _HEAD[language][kind]
    if changes == 1:
        title = says["one"].format(head=head, title=items[0]["after"]["title"])
    else:
        title = says["many"].format(head=head, count=changes)
    lines = [_line(each, names, language) for each in items]
    if changes > len(items):
        lines.append(says["more"].format(count=changes - len(items)))
    if reason:
        lines.append(says["reason"].format(reason=reason))
    return Words(title, tuple(lines))


def _line(item: Item, names: Names, language: Language) -> str:
    says, after = _SAYS[language], item["after"]
    whole = says["item"].format(when=_when(after, names.zone, language), title=after["title"])
    if item["before"] is None:
        details = [says["teacher"].format(name=names.people.get(after["teacher_id"], ""))]
    else:
        details = list(_differences(item["before"], after, names, language))
    return says["between"].join([whole, *details])


def _differences(
    before: Mapping[str, Any], after: Mapping[str, Any], names: Names, language: Language
) -> Iterator[str]:
    """What is not as it was, whatever kind of change it is called."""
    says = _SAYS[language]
    was = _when(before, names.zone, language)
    if was != _when(after, names.zone, language):
        yield says["moved"].format(was=was)
    if before["title"] != after["title"]:
        yield says["renamed"].format(name=before["title"])
    if before["teacher_id"] != after["teacher_id"]:
        yield says["teacher"].format(name=names.people.get(after["teacher_id"], ""))
    if before["main_room_id"] != after["main_room_id"]:
        yield says["room"].format(name=names.rooms.get(after["main_room_id"], ""))
    for key, here, there in (("added", after, before), ("dropped", before, after)):
        # A lesson that is off has no sites any more, which says nothing that its head does not.
        if after["sites"] and (ids := [each for each in here["sites"] if each not in there["sites"]]):
            listed = says["list"].join(names.units.get(each, "") for each in ids)
            yield says[key].format(names=listed)


def _when(facts: Mapping[str, Any], zone: ZoneInfo, language: Language) -> str:
    says, weekdays = _SAYS[language], _WEEKDAYS[language]
    if "date" not in facts:
        return says["week"].format(weekday=weekdays[facts["weekday"] - 1], period=facts["period"])
    start, end = (datetime.fromisoformat(facts[key]).astimezone(zone) for key in ("starts_at", "ends_at"))
    day = date.fromisoformat(facts["date"])
    return says["day"].format(
        date=day.isoformat(),
        weekday=weekdays[day.isoweekday() - 1],
        period=facts["period"],
        start=f"{start:%H:%M}",
        end=f"{end:%H:%M}",
    )
