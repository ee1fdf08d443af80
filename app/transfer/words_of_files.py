"""What is said about files: tables, bundles, and our own templates."""

from collections.abc import Mapping
from typing import Final

FILES: Final[Mapping[str, tuple[str, str]]] = {
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
    "template.notes": ("填写说明", "Notes"),
    "template.remark": (
        "请在第一个工作表中填写,不要改动表头。带 * 的列必须填写。列的顺序可以改变。",
        "Fill in the first sheet and leave its header as it is. Columns with * are required; in any order.",
    ),
    "template.examples": ("示例", "Examples"),
}
