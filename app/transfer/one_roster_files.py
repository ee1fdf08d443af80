"""The files of a OneRoster bundle (1EdTech CSV binding 1.1 and 1.2), row by row; what is in them is `one_roster`'s."""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from app.transfer.archives import Parts
from app.transfer.columns import plain, unguarded
from app.transfer.csv_files import csv_rows
from app.transfer.tables import MOST_COLUMNS, BadFile

MOST_ROWS: Final = 300_000
"""Rows of one file: a county's pupils, once for each class they are in."""
MOST_CELLS: Final = 20_000_000
"""Of all files of a bundle."""
_VERSIONS: Final = ("1.1", "1.2")
_NEEDED: Final = {
    "manifest": ("propertyName", "value"),
    "orgs": ("sourcedId", "name", "type", "parentSourcedId"),
    "users": ("sourcedId", "enabledUser", "username", "givenName", "familyName", "grades"),
    "roles": ("userSourcedId", "role", "orgSourcedId"),
    "classes": ("sourcedId", "title", "grades", "classType", "schoolSourcedId"),
    "enrollments": ("classSourcedId", "userSourcedId", "role"),
}
"""The files that are read, each with the columns it has to have, which 1.1 and 1.2 have in common; roles are a file of
1.2 (imsglobal.org/oneroster-v11-final-csv-tables and /spec/oneroster/v1p2/bind/csv). Columns go by their names."""
_OTHERS: Final = ("status", "identifier", "role", "orgSourcedIds", "beginDate", "endDate", "email")
"""Columns that are read where a file has them: role and orgSourcedIds of a user are 1.1's, days of a role 1.2's."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of one of the files."""

    number: int
    values: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return plain(unguarded(self.values.get(column, "")))

    def word(self, column: str) -> str:
        """One of the words that OneRoster has for something; not everybody writes their capitals as it does."""
        return self[column].lower()

    @property
    def stays(self) -> bool:
        """Whether it is not about something that is gone."""
        return self.word("status") != "tobedeleted"


class Files:
    """The files of one bundle."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._folder = _folder_of(parts.names)
        self._cells = 0
        self.rows = 0
        """How many were read."""

    def __contains__(self, name: str) -> bool:
        return self._path(name) in self._parts.names

    def _path(self, name: str) -> str:
        return f"{self._folder}{name}.csv"

    def check(self) -> None:
        """Raise `BadFile` for a bundle of another version, for a delta, and for one without orgs or users."""
        said = {line["propertyName"]: line.word("value") for line in self.lines("manifest")}
        if said.get("oneroster.version") not in _VERSIONS:
            raise BadFile("oneroster.version", versions=" / ".join(_VERSIONS))
        if any(value == "delta" for name, value in said.items() if name.startswith("file.")):
            raise BadFile("oneroster.delta")
        for name in ("orgs", "users"):
            if name not in self:
                raise BadFile("oneroster.file_missing", name=f"{name}.csv")
        self.rows = 0

    def unread(self) -> list[str]:
        """The names of the files that are not read at all."""
        inside = (
            name.removeprefix(self._folder) for name in self._parts.names if name.startswith(self._folder)
        )
        return sorted(
            name for name in inside if name.endswith(".csv") and "/" not in name and name[:-4] not in _NEEDED
        )

    def lines(self, name: str) -> Iterator[Line]:
        """The rows of a file, one by one; none for one that is not there."""
        if name not in self:
            return
        file, needed = f"{name}.csv", _NEEDED[name]
        places: dict[str, int] = {}
        for number, texts in self._texts(name):
            self._count(number, len(texts))
            if not places:
                columns = {plain(each): place for place, each in enumerate(texts)}
                missing = [each for each in needed if each not in columns]
                if missing:
                    raise BadFile("oneroster.column_missing", name=file, column=missing[0])
                places = {each: columns[each] for each in (*needed, *_OTHERS) if each in columns}
                continue
            self.rows += 1
            yield Line(number, {each: texts[place] for each, place in places.items() if place < len(texts)})

    def _texts(self, name: str) -> Iterator[tuple[int, list[str]]]:
        try:
            yield from csv_rows(self._parts.read(self._path(name)), MOST_ROWS)
        except BadFile as bad:
            bad.facts["file"] = f"{name}.csv"
            raise

    def _count(self, row: int, cells: int) -> None:
        if cells > MOST_COLUMNS:
            raise BadFile("file.too_many_columns", most=MOST_COLUMNS, row=row)
        self._cells += cells
        if self._cells > MOST_CELLS:
            raise BadFile("file.too_many_cells", most=MOST_CELLS)


def _folder_of(names: set[str]) -> str:
    """Where the manifest is: at the top, or in the one folder that somebody zipped instead of its files."""
    folders = {posixpath.dirname(name) for name in names if posixpath.basename(name) == "manifest.csv"}
    if "" in folders:
        return ""
    if len(folders) != 1:
        raise BadFile("oneroster.no_bundle")
    return folders.pop() + "/"
