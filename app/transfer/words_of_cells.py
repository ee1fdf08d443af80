"""What is said about columns, rows and cells."""

from collections.abc import Mapping
from typing import Final

CELLS: Final[Mapping[str, tuple[str, str]]] = {
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
}
