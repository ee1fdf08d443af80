"""Rows of any table as lines of JSON, the same for SQLite and PostgreSQL, so that one can be restored to the other."""

import base64
import json
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Connection, Table, TypeDecorator, insert, select

BATCH = 500


def lines_of(connection: Connection, table: Table) -> Iterator[bytes]:
    """Every row of a table as a line, in the order of its key."""
    query = select(table).order_by(*table.primary_key.columns)
    for row in connection.execution_options(yield_per=BATCH).execute(query):
        cells = [_told(value) for value in row]
        yield json.dumps(cells, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def put(connection: Connection, table: Table, names: Sequence[str], lines: Iterator[bytes]) -> int:
    """Insert rows; returns how many. Raises `ValueError` for lines that fit no row."""
    columns = [table.columns[name] for name in names]
    rows: Iterator[dict[str, Any]] = (_row(columns, line) for line in lines)
    if any(key.column.table is table for key in table.foreign_keys):
        rows = iter(_parents_first(table, list(rows)))
    count = 0
    while batch := [row for _, row in zip(range(BATCH), rows, strict=False)]:
        connection.execute(insert(table), batch)
        count += len(batch)
    return count


def _row(columns: Sequence[Column[Any]], line: bytes) -> dict[str, Any]:
    cells = json.loads(line)
    if not isinstance(cells, list) or len(cells) != len(columns):
        raise ValueError("a line is no row")
    return {column.name: _meant(column, cell) for column, cell in zip(columns, cells, strict=True)}


def _parents_first(table: Table, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A table that refers to itself: what is referred to comes before what refers."""
    links = [(key.parent.name, key.column.name) for key in table.foreign_keys if key.column.table is table]
    there: set[tuple[str, Any]] = set()
    ordered: list[dict[str, Any]] = []
    waiting = rows
    while waiting:
        ready = [
            row
            for row in waiting
            if all(
                row[child] in (None, row[parent]) or (parent, row[child]) in there for child, parent in links
            )
        ]
        if not ready:
            raise ValueError(f"rows of {table.name} refer to what is not there")
        ordered += ready
        there |= {(parent, row[parent]) for row in ready for _, parent in links}
        done = {id(row) for row in ready}
        waiting = [row for row in waiting if id(row) not in done]
    return ordered


def _told(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, (UUID, Decimal)):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value


def _meant(column: Column[Any], cell: Any) -> Any:
    stored = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    try:
        kind = stored.python_type
    except NotImplementedError:  # JSON is what it is
        return cell
    if cell is None or isinstance(cell, (dict, list)):
        return cell
    if kind in (datetime, date, time):
        return kind.fromisoformat(cell)
    if kind is bytes:
        return base64.b64decode(cell)
    return kind(cell) if kind in (UUID, Decimal) or issubclass(kind, Enum) else cell
