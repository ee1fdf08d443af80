"""Entity tags over HTTP (RFC 9110 §8.8.3, §13): ask whether something is new, change only what one has seen.

    def show_room(room_id, ..., known: IfNoneMatch) -> Response:
        return known.answer(RoomOut.model_validate(service.show_room(...)))

    def change_room(room_id, body, ..., seen: IfMatch) -> Response:
        return tagged(RoomOut.model_validate(service.change_room(..., seen)))

A tag is `"<version>-<digest>"`. The digest is of the answer itself, since there is more in it than the row: names of
others, today's state, fields that a newer release adds. For `If-Match` the version alone counts, as the rest is not
what a change overwrites; so `"<version>"`, with the `version` of an item of a list, will do as well.
"""

import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import Annotated, Final

from fastapi import Depends, Header, Response

from app.schemas import VersionedOutput
from app.versions import ANY, Seen

_TAG: Final = re.compile(r'(W/)?"([!#-~\x80-\xff]*)"')
_VERSION: Final = re.compile(r"([0-9]{1,9})(-[0-9a-f]+)?")
_MOST: Final = 1000


def tagged(body: VersionedOutput, status_code: int = 200, location: str | None = None) -> Response:
    """An answer with its entity tag."""
    data = body.model_dump_json(by_alias=True).encode()
    headers = {"ETag": _tag_of(body.version, data)}
    if location is not None:
        headers["Location"] = location
    return Response(data, status_code, headers, "application/json")


def _tag_of(version: int, data: bytes) -> str:
    return f'"{version}-{blake2b(data, digest_size=6).hexdigest()}"'


@dataclass(frozen=True, slots=True)
class Known:
    """The tags of what a client has already."""

    tags: frozenset[str] = frozenset()

    def answer(self, body: VersionedOutput) -> Response:
        """What was asked for, or 304 when the client has exactly that."""
        response = tagged(body)
        tag = response.headers["ETag"]
        if tag.strip('"') in self.tags or "*" in self.tags:
            return Response(status_code=304, headers={"ETag": tag})
        return response


def read_if_none_match(text: str) -> Known:
    """What the field `If-None-Match` names, by weak comparison (RFC 9110 §13.1.2): W/ is as good."""
    if text.strip() == "*":
        return Known(frozenset("*"))
    return Known(frozenset(tag for _weak, tag in _TAG.findall(text)))


def read_if_match(text: str) -> Seen:
    """What the field `If-Match` names, by strong comparison (RFC 9110 §13.1.1): what is weak, or no tag of ours, is
    never the same."""
    if text.strip() == "*":
        return ANY
    tags = [_VERSION.fullmatch(tag) for weak, tag in _TAG.findall(text) if not weak]
    return Seen(frozenset(int(found[1]) for found in tags if found))


async def _known(
    if_none_match: Annotated[
        str | None,
        Header(max_length=_MOST, description="An `ETag`: 304 without a body when it is still the same"),
    ] = None,
) -> Known:
    return Known() if if_none_match is None else read_if_none_match(if_none_match)


async def _seen(
    if_match: Annotated[
        str | None,
        Header(
            max_length=_MOST,
            description="The `ETag` of what is to be changed, or its `version` in quotes: 412 `version.stale` when "
            "somebody changed it meanwhile. Without, the change is made whatever is there",
        ),
    ] = None,
) -> Seen:
    return ANY if if_match is None else read_if_match(if_match)


IfNoneMatch = Annotated[Known, Depends(_known)]
IfMatch = Annotated[Seen, Depends(_seen)]
