"""What is answered about an import."""

from pydantic import Field

from app.schemas import Output, example
from app.transfer.kinds import Imported

_ERROR = {
    "table": "Sheet1",
    "row": 7,
    "column": "上级编码",
    "cell": "D7",
    "code": "org_unit.not_found",
    "detail": "没有编码为“3415249999”的单位。",
}


_REMARK = {"code": "oneroster.pupils", "detail": "4213 名学生只计入人数,未保存任何姓名。"}


class RowError(Output):
    """One thing that is wrong with one row."""

    table: str = Field(description="The sheet, or the file in a bundle; empty for a CSV file")
    row: int = Field(description="As a spreadsheet counts, from 1 with the header; 0: the whole file")
    column: str | None = Field(
        description="The column as the reader's language calls it; null: the whole row"
    )
    cell: str | None = Field(description="Where that is in the file, such as D7; null: the whole row")
    code: str = Field(description="Stable kind of the error")
    detail: str = Field(description="In the language of `Accept-Language`, Chinese or English")

    model_config = example(_ERROR)


class Remark(Output):
    """Something to know that is no error."""

    code: str
    detail: str = Field(description="In the language of `Accept-Language`")

    model_config = example(_REMARK)


class ImportReport(Output):
    """What a file would do, or did."""

    kind: Imported
    dry_run: bool = Field(description="Nothing was stored, whatever else this says")
    sha256: str = Field(description="Of the file, as the trail keeps it")
    rows: int = Field(description="Rows with anything in them, without the header")
    created: int
    changed: int
    unchanged: int = Field(description="Rows that say what is so already")
    refused: int = Field(description="Rows with errors; with any, nothing is stored")
    errors: list[RowError] = Field(description="The first 200, by row")
    more_errors: int = Field(description="How many there are beyond those")
    remarks: list[Remark] = Field([], description="What was counted or left out, or becomes of lessons")

    model_config = example(
        {
            "kind": "org-units",
            "dry_run": True,
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "rows": 283,
            "created": 4,
            "changed": 1,
            "unchanged": 277,
            "refused": 1,
            "errors": [_ERROR],
            "more_errors": 0,
            "remarks": [],
        }
    )
