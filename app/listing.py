"""Lists page by page, in any of the orders they offer: keyset pagination.

A page begins after the last row of the one before, by the columns that the list is sorted by, of which the last makes
the order total. So the millionth page costs what the first does, and a row that stays is shown once, whatever is
added or deleted meanwhile. The cursor names the order it belongs to; it is a place, not a permission.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Row, Select, bindparam, tuple_
from sqlalchemy.orm import QueryableAttribute, Session

from app.schemas import bad_cursor, decode_cursor, encode_cursor, moment

Item = TypeVar("Item")
Column = ColumnElement[Any] | QueryableAttribute[Any]

_AFTER, _MOST = "after_", "most"
_LARGEST = 2**31 - 1
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page is wanted: of which order, after which place, how long."""

    sort: str
    after: str | None
    limit: int


@dataclass(frozen=True, slots=True)
class Slice(Generic[Item]):
    """One page, and the cursor that leads to the next one."""

    items: Sequence[Item]
    next: str | None


@dataclass(frozen=True, slots=True)
class Order:
    """Columns to sort by, none of them ever null, together unique; all in one direction, as an index has them."""

    columns: tuple[Column, ...]
    descending: bool = False


def both_ways(**words: Sequence[Column]) -> dict[str, Order]:
    """For each word of `sort` its order, and with a minus before the word the reverse of it."""
    forth = {word: Order(tuple(columns)) for word, columns in words.items()}
    back = {f"-{word}": Order(order.columns, descending=True) for word, order in forth.items()}
    return forth | back


def sliced(session: Session, query: Select[Any], orders: Mapping[str, Order], paging: Paging) -> Slice[Any]:
    """A page of what a query finds, by its first column; raises `Invalid` for a cursor of nothing or another order."""
    page = sliced_rows(session, query, orders, paging)
    return Slice([row[0] for row in page.items], page.next)


def sliced_rows(
    session: Session, query: Select[Any], orders: Mapping[str, Order], paging: Paging
) -> Slice[Row[Any]]:
    """The same as rows, with the columns of the order behind the query's own."""
    order = orders[paging.sort]
    query = page_of(query.add_columns(*order.columns), order, goes_on=paging.after is not None)
    return rows_of_page(session, query, order, paging, {})


def rows_of_page(
    session: Session, query: Select[Any], order: Order, paging: Paging, values: Mapping[str, Any]
) -> Slice[Row[Any]]:
    """What a query of `page_of` finds with these values of its own parameters; its last columns are the order's."""
    rows = session.execute(query, {**values, **_place(order, paging), _MOST: paging.limit + 1}).all()
    page = rows[: paging.limit]
    if len(rows) <= paging.limit:
        return Slice(page, None)
    last = page[-1][-len(order.columns) :]
    return Slice(page, encode_cursor(paging.sort, *map(_word_of, last)))


def page_of(query: Select[Any], order: Order, *, goes_on: bool) -> Select[Any]:
    """The rows of a page in order, and the one behind it; whether it is the first or goes on after a place.

    The place and the length are parameters, so that a query can be made once for all pages.
    """
    if goes_on:
        place = tuple_(
            *(bindparam(f"{_AFTER}{at}", type_=each.type) for at, each in enumerate(order.columns))
        )
        here = tuple_(*order.columns)
        query = query.where(here < place if order.descending else here > place)
    by = [column.desc() if order.descending else column.asc() for column in order.columns]
    return query.order_by(None).order_by(*by).limit(bindparam(_MOST, type_=Integer()))


def _word_of(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def _place(order: Order, paging: Paging) -> dict[str, Any]:
    """Where a page begins, as parameters; raises `Invalid` for a cursor of nothing or another order."""
    if paging.after is None:
        return {}
    sort, *words = decode_cursor(paging.after, len(order.columns) + 1)
    if sort != paging.sort:
        raise bad_cursor()
    try:
        values = [
            _value_of(column.type.python_type, word)
            for column, word in zip(order.columns, words, strict=True)
        ]
    except ValueError:
        raise bad_cursor() from None
    return {f"{_AFTER}{at}": value for at, value in enumerate(values)}


def _value_of(kind: type[Any], word: str) -> Any:
    """A column's value; raises `ValueError` for what no column of ours holds, whatever a database would say to it."""
    if kind is datetime:
        return moment(word)
    if kind is date:
        return date.fromisoformat(word)
    if kind is UUID:
        return UUID(word)
    if kind is int:
        number = int(word)
        if abs(number) > _LARGEST:
            raise ValueError("too large")
        return number
    if len(word) > _LONGEST or "\0" in word:
        raise ValueError("not a text of ours")
    word.encode()  # half a character is none
    return word
