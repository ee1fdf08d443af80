"""What is said about rows on bells, the curriculum, agreements and the timetable, mostly by the codes of REST."""

from collections.abc import Mapping
from typing import Final

PLANNING: Final[Mapping[str, tuple[str, str]]] = {
    "curriculum.own_within": (
        "自授课时不能多于每周课时。",
        "Own teachers cannot give more periods than there have to be.",
    ),
    "lesson.wrong_state": (
        "其中一节课刚刚开始或被更改，请重新导入。",
        "One of its lessons has begun or was changed a moment ago; import again.",
    ),
    "timetable.entry_not_found": (
        "这门课刚刚被更改或停课，请重新导入。",
        "This weekly lesson was changed or called off a moment ago; import again.",
    ),
    "timetable.clash": (
        "教师、教室或班级刚刚被占用，请重新导入。",
        "The teacher, a room or a pupil group was taken a moment ago; import again.",
    ),
    "bells.not_found": (
        "这份作息表刚刚被更改或删除，请重新导入。",
        "These bells were changed or deleted a moment ago; import again.",
    ),
    "pairing.days_reversed": ("结束日期早于开始日期。", "The last day is before the first."),
    "pairing.not_a_main_room": ("这间教室不是主课堂。", "This is no main classroom."),
    "pairing.not_a_receiving_room": ("这间教室不是接收教室。", "This is no receiving room."),
    "pairing.exists": (
        "这两间教室在 {valid_from} 至 {valid_to} 已有涉及同一学科的协议。",
        "These rooms have an agreement on one of these subjects from {valid_from} to {valid_to} already.",
    ),
    "pairing.exists_in_row": (
        "与第 {first} 行是同样的教室和学科，日期重叠。",
        "Row {first} is about the same rooms and one of these subjects on the same days.",
    ),
    "pairing.link_too_slow": (
        "教学点线路申报 {declared_mbps} Mbit/s，低于要求的 {minimum_mbps} Mbit/s。",
        "The site's line is declared with {declared_mbps} Mbit/s; {minimum_mbps} are asked for.",
    ),
    "pairing.fixed": (
        "已有的协议不能更改；请在“结对”页结束它，再另立协议。",
        "What was agreed does not change; end the agreement on the page Pairings, and make another one.",
    ),
    "pairing.state_fixed": (
        "表格只能批准已提出的协议；其他决定请在“结对”页作出。",
        "A table can approve what was proposed; decide anything else on the page Pairings.",
    ),
    "pairing.state_not_new": (
        "新协议只能是“已提出”或“已批准”，没有停止日期。",
        "A new agreement is proposed or approved, and has not been stopped.",
    ),
    "days.reversed": ("结束日期早于开始日期。", "The last day is before the first."),
    "bells.rows_differ": (
        "与第 {first} 行属于同一作息表（单位和开始日期相同），这里却不一致。",
        "Row {first} is of the same schedule (unit and first day), and says otherwise.",
    ),
    "bells.overlap": (
        "该单位在这些日子已有作息表：{others}。请在同一文件中写明它新的结束日期。",
        "The unit has bells on some of these days already: {others}. Say in the same file when those end now.",
    ),
    "bells.period_reversed": ("下课时间不晚于上课时间。", "The period has to end after it begins."),
    "bells.periods_overlap": (
        "与同一作息表的另一节时间重叠。",
        "It overlaps another period of its schedule.",
    ),
    "calendar.too_many": (
        "一个文件最多更改 {most} 天，请分成几个文件。",
        "A file changes up to {most} days; divide it into several.",
    ),
    "calendar.follows_nothing": (
        "调休上课要写明按星期几上课。",
        "A make-up day needs the weekday whose timetable it follows.",
    ),
    "calendar.follows_without_need": (
        "只有调休上课才写按星期几上课。",
        "Only a make-up day follows another weekday; leave this empty.",
    ),
    "calendar.follows_itself": (
        "这天本来就是这个星期几，请把类型写成“上课”。",
        "It is such a day already; make it a school day.",
    ),
    "calendar.follows_a_free_day": (
        "本学期这个星期几没有课，不能按它上课。",
        "In this term there are no lessons on that weekday.",
    ),
    "calendar.outside_terms": (
        "这天不在任何学期内，没有课表可循。",
        "It lies in no term, so there is no timetable to follow.",
    ),
    "calendar.falling": (
        "这天已排 {count} 节课（首节：“{title}”）。如同意停课，请勾选“随校历调整”。",
        "{count} lessons are planned on this day, the first “{title}”. Choose to let lessons follow, which cancels "
        "them.",
    ),
    "calendar.missing": (
        "按课表这天应有 {count} 节课（首节：“{title}”）。要补排，请勾选“随校历调整”。",
        "The timetable has {count} lessons for this day, the first “{title}”. Choose to let lessons follow, which adds "
        "them.",
    ),
    "calendar.held": (
        "这天已有 {count} 节课开始或上完（首节：“{title}”），不能再改。",
        "{count} lessons of this day have begun or are over, the first “{title}”; it stays as it was.",
    ),
    "calendar.follow": (
        "{falling} 节课停课，新增 {added} 节课；相关人员会收到通知。",
        "Lessons that are cancelled: {falling}; that are added: {added}. Everybody concerned is told.",
    ),
    "calendar.not_added": (
        "有 {count} 节课排不进去（首节：{day}“{title}”），不会新增；原因请在“校历”页查看。",
        "Lessons that something is in the way of, and that are not added: {count}, the first “{title}” on {day}. "
        "The page Calendar says why.",
    ),
    "bells.moving": (
        "会改动 {count} 节已排课的时间（首节：{day} 第 {period} 节“{title}”）。要让课随之调整，请勾选“随作息调整”。",
        "{count} planned lessons would move, the first “{title}” on {day}, period {period}. Choose to let them follow.",
    ),
    "bells.falling": (
        "会使 {count} 节课失去节次（首节：{day} 第 {period} 节“{title}”）。如同意取消，请勾选“随作息调整”。",
        "{count} planned lessons would lose their period, the first “{title}” on {day}, period {period}. "
        "Choose to let them follow, which cancels them.",
    ),
    "bells.apart": (
        "会使 {count} 节课与教学点作息对不上（首节：{day} 第 {period} 节“{title}”）。请同时给教学点相应的作息。",
        "{count} lessons would lie outside of a site's periods, the first “{title}” on {day}, period {period}. "
        "Give that site matching bells in the same file.",
    ),
    "bells.clash": (
        "随作息调整后，有课会与同一教师、教室或班级的其他课冲突，请先在“课表”页调整。",
        "Lessons that follow would meet others of their teacher, room or pupils; plan these otherwise first.",
    ),
    "bells.follow": (
        "{moving} 节已排的课随作息改变时间，{falling} 节因没有节次而取消；相关人员会收到通知。",
        "Planned lessons that move with the bells: {moving}; that are cancelled for want of their period: {falling}. "
        "Everybody concerned is told.",
    ),
    "teacher.not_found": (
        "没有登录名或姓名为“{value}”的教师。",
        "No teacher has “{value}” for a login or a name.",
    ),
    "teacher.name_shared": (
        "有几位教师叫“{value}”，请写登录名：{logins}。",
        "Several teachers are called “{value}”; write one of their logins: {logins}.",
    ),
    "entry.several": (
        "这一时间已有几门这样的课，请在“课表”页更改。",
        "There are several weekly lessons with this slot and these days; change them on the page Timetable.",
    ),
    "entry.too_many": (
        "一个文件最多新增 {most} 门课，请分成几个文件。",
        "A file adds up to {most} weekly lessons; divide it into several.",
    ),
    "entry.too_much": (
        "从这一行起，课次、教学点和班级合计太多，请分成几个文件。",
        "From this row on, lessons with all their sites and groups are too many; divide the file into several.",
    ),
    "bells.too_many": (
        "一个文件最多更改 {most} 份作息表，请分成几个文件。",
        "A file changes up to {most} bell schedules; divide it into several.",
    ),
    "pairing.too_many": (
        "一个文件最多新增 {most} 份协议，请分成几个文件。",
        "A file adds up to {most} agreements; divide it into several.",
    ),
    "entry.too_many_changes": (
        "一个文件最多更改 {most} 门已有的课，请分成几个文件。",
        "A file changes up to {most} weekly lessons; divide it into several.",
    ),
    "entry.id_twice": (
        "第 {first} 行已有这个课表编号。复制的行如是另一门课，请清空课表编号。",
        "Row {first} has this id already. If this is a copy for another lesson, leave its id empty.",
    ),
    "entry.gone": (
        "这门课已停课，或已由另一门课接续。请重新导出；要另排新课，请清空课表编号。",
        "It was called off, or another one took over from it. Export again, or leave the id empty to plan anew.",
    ),
    "entry.start_fixed": (
        "已有的课不能改学期和开始日期。要从某天起改，请在“课表”页操作；或让它到前一天结束，另起一行。",
        "Term and first day of a lesson stay. To change it from a day on, use the page Timetable, or let it end the "
        "day before and add a row.",
    ),
    "entry.called_off": (
        "{number} 门课（首行：第 {first} 行）以后的课次都已逐次停课，保持不变；要恢复，请在“课表”页补课或另排。",
        "Weekly lessons whose lessons to come were all called off one by one, and stay so: {number}, the first in row "
        "{first}. Make up for them, or plan anew, on the page Timetable.",
    ),
    "entry.beside": (
        "{number} 门新课（首行：第 {first} 行）与已有的课只有时间不同，会两门都上。"
        "要移动已有的课，请导出课表，在带课表编号的行里改时间。",
        "New lessons that differ from one that is there in nothing but the time, and take place beside it: {number}, "
        "the first in row {first}. To move that one, export the timetable and change the time in the row with its id.",
    ),
    "entry.published": (
        "这门课已发布，不能改回草稿；要停课请在“课表”页操作。",
        "This is published already and stays so; to call it off, go to the page Timetable.",
    ),
    "clash.lesson": (
        "{day} {starts}–{ends} 已有“{title}”，共 {count} 次。被占用的：{value}。",
        "“{title}” is on {day} from {starts} to {ends}, {count} times in all. Taken by it: {value}.",
    ),
    "clash.row": (
        "与第 {first} 行“{title}”同时：{day} {starts}–{ends}，共 {count} 次。两边都需要：{value}。",
        "Row {first}, “{title}”, is at the same time: on {day} from {starts} to {ends}, {count} times in all. "
        "Both need: {value}.",
    ),
    "clash.too_many": (
        "前面的冲突太多，从这一行起没有再检查冲突；请先改正前面各行。",
        "There are so many clashes above that none were looked for from this row on; correct those first.",
    ),
    "clash.free": (
        "大家都有空的时间（星期-节次）：{slots}。",
        "Everybody and everything is free at (weekday-period): {slots}.",
    ),
    "timetable.not_a_main_room": ("这间教室不是主课堂。", "This is no main classroom."),
    "timetable.site_twice": (
        "同一教学点只能用一间教室听课。",
        "A teaching site takes part with one room only.",
    ),
    "timetable.not_a_teacher": (
        "此人在 {date} 没有教师角色，请先在“人员”中任命，或换一位教师。",
        "This person is no teacher on {date}; assign them first, or name somebody else.",
    ),
    "timetable.main_class_taught": (
        "专递课堂只教教学点，请去掉本校班级“{value}”，或改为同步课堂。",
        "A dedicated lesson teaches sites only; leave out {value}, or make it synchronous.",
    ),
    "timetable.no_bells": (
        "主课堂学校在 {date} 没有作息表。",
        "The main school has no bell schedule on {date}; put one in force first.",
    ),
    "timetable.period_unknown": (
        "作息表在 {date} 没有这一节，只有：{periods}。",
        "The main school's bells have no such period on {date}; they have {periods}.",
    ),
    "timetable.outside_term": (
        "日期或周次超出学期：{first_day} 至 {last_day}，第 1 至 {weeks} 周。",
        "Days or weeks go beyond the term, which is from {first_day} to {last_day}, weeks 1 to {weeks}.",
    ),
    "timetable.no_lessons": (
        "这样排不出任何课：日期已过，或校历上没有这样的日子。",
        "This gives no lesson: all days are over, or the calendar has no such day.",
    ),
    "timetable.bells_apart": (
        "“{value}”按自己的作息，在 {day} {starts}–{ends} 没有对应的节次，共 {count} 次。",
        "{value} has no period by its own bells on {day} from {starts} to {ends}; {count} times in all.",
    ),
    "pairing.not_active": (
        "“{value}”在 {date} 没有与该主课堂生效的、含此学科的结对协议。",
        "{value} has no active pairing with the main classroom for this subject on {date}.",
    ),
    "pairing.changes": (
        "“{value}”的结对协议中途更换，请按协议日期分成几行。",
        "{value} is paired on all these days, but not under one agreement; write a row for each.",
    ),
    "pairing.over_capacity": (
        "按结对协议，该主课堂最多同时带 {capacity} 个教学点，这里有 {wanted} 个。",
        "Under its pairings the main classroom serves {capacity} sites at once; {wanted} are named.",
    ),
    "term.not_found": ("没有名为“{value}”的学期。", "There is no term “{value}”."),
    "term.none_today": ("今天不在任何学期内,请填写学期名称。", "No term has today in it; name one."),
}
