"""What is said about tables, in Chinese and English. The pages have texts of their own, which browsers load."""

from collections.abc import Mapping
from typing import Final

from app.web.language import Language

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    # --- files ---
    "file.empty": ("文件里没有内容。", "There is nothing in the file."),
    "file.encoding": (
        "无法识别文字编码。请另存为 UTF-8 或 GB18030 编码的 CSV,或 XLSX。",
        "The encoding is not known. Save the file as CSV in UTF-8 or GB18030, or as XLSX.",
    ),
    "file.not_text": (
        "这不是文字表格。请选择 CSV 或 XLSX 文件。",
        "This is no table in text. Choose a file in CSV or XLSX.",
    ),
    "file.csv_broken": (
        "第 {line} 行附近的引号不成对,无法读取。",
        "The quotation marks near line {line} do not match.",
    ),
    "file.xlsx_broken": (
        "这不是可读取的 XLSX 工作簿,请用 Excel 或 WPS 重新另存为 XLSX。",
        "This is no XLSX workbook that can be read; save it as XLSX once more.",
    ),
    "file.encrypted": ("文件有密码保护,请去掉密码。", "The file is protected by a password; take it off."),
    "file.zip_bomb": (
        "文件解压后超过 {most} MiB 或文件数过多。",
        "Unpacked, the file is over {most} MiB, or it holds too many files.",
    ),
    "file.too_many_rows": (
        "一个文件最多 {most} 行,请分成几个文件。",
        "A file has up to {most} rows; divide it into several.",
    ),
    "file.too_many_columns": (
        "第 {row} 行超出了 {most} 列。",
        "Row {row} goes beyond {most} columns.",
    ),
    "file.too_many_cells": (
        "表格超过 {most} 个单元格(含只有格式的空单元格),请删除多余的行。",
        "The sheet has over {most} cells, empty ones with a format included; delete the rows that are not needed.",
    ),
    "file.too_many_merged": (
        "合并单元格超过 {most} 处,请取消合并。",
        "The sheet has over {most} merged cells; unmerge them.",
    ),
    "file.old_xls": (
        "这是旧的 XLS 格式或有密码保护的文件,请另存为不加密的 XLSX。",
        "This is the old XLS format, or protected by a password; save it as XLSX without one.",
    ),
    "file.other_sheets": (
        "只读取了工作表“{name}”，没有读取：{others}。请分别另存为一个文件，或合并到同一张表。",
        "Only the sheet “{name}” was read, and not {others}. Put their rows into one sheet, or save each as a file.",
    ),
    "import.refused": (
        "有 {rows} 行有错误,没有导入任何内容。请改正后重试。",
        "{rows} rows have errors, and nothing was imported. Correct them and try again.",
    ),
    # --- OneRoster ---
    "oneroster.no_bundle": (
        "这不是 OneRoster 压缩包(ZIP,根目录含 manifest.csv)。",
        "This is no OneRoster bundle: a ZIP file with manifest.csv at its top.",
    ),
    "oneroster.version": (
        "只支持 OneRoster {versions} 版本。",
        "Only OneRoster {versions} can be read.",
    ),
    "oneroster.delta": (
        "只支持完整(bulk)导出,不支持增量(delta)。",
        "Only bulk bundles can be read, no delta.",
    ),
    "oneroster.file_missing": ("压缩包里缺少 {name}。", "The bundle has no {name}."),
    "oneroster.column_missing": ("{name} 缺少 {column} 列。", "{name} has no column {column}."),
    "oneroster.too_many_rows": (
        "{name} 中用到的行超过 {most} 行,请分成几个文件。",
        "Of {name} more than {most} rows would be taken in; divide it into several bundles.",
    ),
    "oneroster.pupils": (
        "{number} 名学生只计入人数,未保存任何姓名。",
        "Pupils counted, and nothing stored that names them: {number}.",
    ),
    "oneroster.orgs": (
        "{number} 个部门未导入:这里没有对应的单位。",
        "Departments left out, since there is nothing like them here: {number}.",
    ),
    "oneroster.roles": (
        "{number} 个角色(家长、辅导员等)未导入:这里没有对应的角色。",
        "Roles left out, such as of parents and counselors: {number}.",
    ),
    "oneroster.township_roles": (
        "{number} 个乡镇（学区）级的角色未导入：这里没有乡镇管理员，请让他们在所属学校担任管理员。",
        "Roles at townships left out, which have no admins here; make these people admins of their schools: {number}.",
    ),
    "oneroster.classes": (
        "{number} 个课程班未导入:学生班组只取行政班(homeroom)。",
        "Classes of courses left out, since pupil groups are homerooms: {number}.",
    ),
    "oneroster.gone": (
        "{number} 个停用或待删除的用户未导入;已有账号请另行关闭。",
        "Users left out who are disabled or to be deleted; accounts they have here are closed by hand: {number}.",
    ),
    "oneroster.nobody": (
        "{number} 个角色所属的用户不在包内，未导入。",
        "Roles left out, since the bundle does not have their users: {number}.",
    ),
    "oneroster.mails": (
        "{number} 人的邮箱未导入；需要时请用“人员”表导入。",
        "People whose mail addresses were left out; bring those in by a table of people: {number}.",
    ),
    "oneroster.unread": (
        "没有读取这些文件：{names}。学期、课程和课表在这里另行设置。",
        "Files that were not read, since terms, courses and timetables are made otherwise here: {names}.",
    ),
    "oneroster.no_term": (
        "今天不在任何学期内,各年级人数未导入。",
        "No term has today in it, so pupils by grade were left out.",
    ),
    # --- templates ---
    "template.notes": ("填写说明", "Notes"),
    "template.remark": (
        "请在第一个工作表中填写,不要改动表头。带 * 的列必须填写。列的顺序可以改变。",
        "Fill in the first sheet and leave its header as it is. Columns with * are required; in any order.",
    ),
    "template.examples": ("示例", "Examples"),
    # --- columns ---
    "column.unknown": (
        "没有名为“{name}”的列。请按模板命名，或删除该列。",
        "There is no column “{name}”. Name it as in the template, or delete it.",
    ),
    "column.twice": ("这一列出现了两次。", "This column is there twice."),
    "column.missing": ("缺少这一列。", "This column is missing."),
    "table.of_kind": (
        "这是“{chinese}”表，请在页面上选择这一种。",
        "This is a table of {english}; choose that kind.",
    ),
    "row.beyond_columns": (
        "这一行在表头以外的列里还有内容。",
        "This row has something in a column without a name.",
    ),
    "row.twice": ("与第 {first} 行重复。", "Row {first} is about the same already."),
    # --- cells ---
    "cell.empty": ("必须填写。", "This must be filled in."),
    "cell.too_long": ("内容太长。", "This is too long."),
    "cell.merged": (
        "这是合并单元格。请取消合并,并在每一行分别填写。",
        "The cell is merged with others. Unmerge them and fill in each.",
    ),
    "cell.formula_without_result": (
        "公式没有保存计算结果。请用 Excel 打开并保存,或粘贴为数值。",
        "The formula was stored without its result. Open and save the file in a spreadsheet, or paste the value.",
    ),
    "cell.formula_failed": ("公式的结果是错误值。", "The formula has an error for a result."),
    "cell.unreadable": ("含有无法读取的内容,请重新填写。", "This cannot be read; type it again."),
    "cell.became_date": (
        "表格软件把它变成了日期。请把单元格设为文本后重新填写。",
        "The spreadsheet made a date of this. Format the cell as text and type it again.",
    ),
    "cell.number_lost_digits": (
        "数字超过 15 位,末尾几位已被表格软件改掉。请把单元格设为文本后重新填写。",
        "Spreadsheets keep 15 digits of a number. Format the cell as text and type it again.",
    ),
    "cell.scientific": (
        "表格软件把长数字写成了“{value}”，后面几位已丢失。请把单元格设为文本后重新填写。",
        "The spreadsheet wrote a long number as “{value}”, and its last digits are lost. Format the cell as text and "
        "type it again.",
    ),
    "code.zeros_lost": (
        "没有“{value}”，但有“{other}”：表格软件可能去掉了前面的 0。请把单元格设为文本后重新填写。",
        "There is no “{value}” but “{other}”: a spreadsheet may have taken the zeros off. Format the cell as text and "
        "type it again.",
    ),
    "cell.no_number": ("“{value}”不是数字。", "“{value}” is no number."),
    "cell.no_whole_number": ("必须是整数。", "This has to be a whole number."),
    "cell.no_half": (
        "必须是整数或半数，如 2 或 2.5。",
        "This has to be a whole number or a half, such as 2 or 2.5.",
    ),
    "curriculum.own_within": (
        "自授课时不能多于每周课时。",
        "Own teachers cannot give more periods than there have to be.",
    ),
    "cell.no_date": (
        "不是日期。请写成 2026-09-01。",
        "This is no date. Write it as 2026-09-01.",
    ),
    "cell.unknown_word": (
        "“{value}”不在可选范围内:{words}。",
        "“{value}” is none of these: {words}.",
    ),
    "cell.bad_id": (
        "“{value}”不是课表编号。请照导出的表格填写；新课空着。",
        "“{value}” is no id of a weekly lesson. Leave it as it was exported, and empty for new ones.",
    ),
    "cell.bad_code": (
        "只能用英文字母、数字和连字符,最多 32 个。",
        "Letters A to Z, digits and dashes only, up to 32.",
    ),
    "cell.bad_login": (
        "登录名只能用英文字母、数字、点、下划线和连字符,以字母或数字开头,最多 64 个。",
        "A login has letters A to Z, digits, dots, dashes and underscores, up to 64; the first is a letter or digit.",
    ),
    "cell.bad_mail": ("请填写类似 wang@example.org 的邮箱。", "Write an address like wang@example.org."),
    "cell.bad_text": (
        "太长,或含有换行等控制字符。",
        "This is too long, or has line breaks or other control characters in it.",
    ),
    "cell.out_of_range": ("超出允许的范围。", "This is out of range."),
    "cell.bad_time_zone": (
        "不是 IANA 时区名,例如 Asia/Shanghai。",
        "This is no time zone of the IANA database, such as Asia/Shanghai.",
    ),
    "cell.bad_grades": (
        "“{value}”不是年级。请写成 1、2 或 1-3(文本),最高 12 年级。",
        "“{value}” names no grades. Write 1, 2 or 1-3 as text, up to 12.",
    ),
    "cell.one_grade": ("一行只写一个年级。", "One grade a row."),
    "cell.no_time": (
        "“{value}”不是时间。请写成 08:00。",
        "“{value}” is no time of the day. Write it as 08:00.",
    ),
    "cell.no_weekday": (
        "“{value}”不是星期几。请写成 星期一 或 1。",
        "“{value}” is no weekday. Write Monday or 1.",
    ),
    "cell.bad_weeks": (
        "“{value}”不是周次。请写成 每周、单周、双周 或 第1-8、10周。",
        "“{value}” names no weeks. Write every week, odd weeks, even weeks or weeks 1-8, 10.",
    ),
    "cell.invalid": ("内容不符合要求。", "This is not what belongs here."),
    # --- rules, by the codes that REST answers ---
    "access.denied": ("您无权在这里做这件事。", "You may not do this here."),
    "org_unit.closed": (
        "该单位自 {closed_from} 起停用，不能再新增内容。",
        "The unit is closed from {closed_from}; nothing is added to it.",
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
    "person.not_found": (
        "本县没有这位教师。",
        "The county has no such teacher.",
    ),
    "bells.not_found": (
        "这份作息表刚刚被更改或删除，请重新导入。",
        "These bells were changed or deleted a moment ago; import again.",
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
    "pupil_group.wrong_place": ("学生只能属于学校或教学点。", "Pupils belong to a school or teaching site."),
}


def text(code: str, language: Language, facts: Mapping[str, str | int | float], detail: str = "") -> str:
    """What a code means in a language.

    `detail` stands in for a code that has no text, and for a text about a fact that is not known here: a room, say,
    whose line nobody has declared.
    """
    chinese, english = TEXTS.get(code, ("{detail}", "{detail}"))
    words = chinese if language is Language.CHINESE else english
    try:
        return words.format_map({"detail": detail or code, "value": "", **facts})
    except KeyError:
        return detail or code
