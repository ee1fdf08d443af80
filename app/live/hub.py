"""Who listens to which lesson's classroom channel, and what waits to be sent to them.

Every listener has a bounded queue. A listener that does not keep up is dropped, not waited for: its page
comes back and is told everything anew, and nobody else notices.
"""

import asyncio
import json
import uuid
from collections import deque
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, Final

from app.accounts.rules import Basis, Holder
from app.errors import Unavailable

QUEUE_LENGTH: Final = 64
MEMBERS_PER_LESSON: Final = 1_000

Message = Mapping[str, Any]


class CloseCode(IntEnum):
    """Why a channel is closed: RFC 6455 codes, and from 4000 on the HTTP status the reason has elsewhere."""

    NORMAL = 1000
    TRY_AGAIN = 1013
    BAD_MESSAGE = 4400
    UNAUTHENTICATED = 4401
    FORBIDDEN = 4403
    UNKNOWN_LESSON = 4404
    NO_HELLO = 4408


class Member:
    """One socket in a lesson's channel. One event loop owns it."""

    def __init__(
        self,
        lesson_id: uuid.UUID,
        streams: Collection[str],
        sites: Collection[str] = (),
        viewer: str = "",
        holder: Holder | None = None,
        basis: Basis | None = None,
    ) -> None:
        self.holder = holder
        """Whose page it is."""
        self.basis = basis
        """What a program was let in by, if it is one's."""
        self.since = datetime.now(UTC)
        self.lesson_id = lesson_id
        self.streams = frozenset(streams)
        """The streams it may hear about."""
        self.sites = frozenset(sites)
        """The teaching sites whose links it hears about."""
        self.viewer = viewer
        """The page's name in its grants, if it told."""
        self.prefers: str | None = None
        """The stream that matters most to the page, if it told."""
        self._speaker: str | None = None
        self._waiting: deque[str] = deque()
        self._something = asyncio.Event()
        self._closed: CloseCode | None = None

    def send(self, message: Message) -> None:
        """Queue a message; a full queue closes the member."""
        self._queue(json.dumps(message, ensure_ascii=False))

    def speaker_of(self, stream: str | None) -> str | None:
        """Who speaks, as this member is told: a stream it may not hear about is nobody. Notes what it was told."""
        self._speaker = stream if stream in self.streams else None
        return self._speaker

    def tell_speaker(self, stream: str | None) -> None:
        """Say who speaks now, if that is news to this member."""
        before = self._speaker
        if self.speaker_of(stream) != before:
            self.send({"type": "speaker", "stream": self._speaker})

    def remove(self, reason: str) -> None:
        """Say why its holder is not in the lesson any more, and close."""
        self.send({"type": "removed", "reason": reason})
        self.close(CloseCode.FORBIDDEN)

    def close(self, code: CloseCode) -> None:
        """Close the socket once what waits has been sent."""
        if self._closed is None:
            self._closed = code
        self._something.set()

    async def next(self) -> str | CloseCode:
        """The next text to send, or the code to close with when there is none any more."""
        while not self._waiting:
            if self._closed is not None:
                return self._closed
            self._something.clear()
            await self._something.wait()
        return self._waiting.popleft()

    def _queue(self, text: str) -> None:
        if self._closed is not None:
            return
        if len(self._waiting) >= QUEUE_LENGTH:
            self._waiting.clear()
            self.close(CloseCode.TRY_AGAIN)
            return
        self._waiting.append(text)
        self._something.set()


class ChannelHub:
    """The channels of all lessons."""

    def __init__(self) -> None:
        self._members: dict[uuid.UUID, set[Member]] = {}

    def __len__(self) -> int:
        return sum(len(members) for members in self._members.values())

    def join(
        self,
        lesson_id: uuid.UUID,
        streams: Collection[str],
        sites: Collection[str] = (),
        viewer: str = "",
        holder: Holder | None = None,
        basis: Basis | None = None,
    ) -> Member:
        """A new member of the lesson's channel, who may hear about these streams and the links of these sites."""
        members = self._members.setdefault(lesson_id, set())
        if len(members) >= MEMBERS_PER_LESSON:
            raise Unavailable(
                "channel.full", "Channel full", "The lesson's channel is full; try again later."
            )
        member = Member(lesson_id, streams, sites, viewer, holder, basis)
        members.add(member)
        return member

    def leave(self, member: Member) -> None:
        """Forget a member."""
        members = self._members.get(member.lesson_id, set())
        members.discard(member)
        if not members:
            self._members.pop(member.lesson_id, None)

    def lessons(self) -> tuple[uuid.UUID, ...]:
        """The lessons somebody listens to."""
        return tuple(self._members)

    def holders(self) -> set[tuple[uuid.UUID, Holder]]:
        """Who listens to which lesson."""
        everybody = (member for members in self._members.values() for member in members)
        return {(member.lesson_id, member.holder) for member in everybody if member.holder is not None}

    def bases(self) -> set[Basis]:
        """What programs that listen were let in by."""
        everybody = (member for members in self._members.values() for member in members)
        return {member.basis for member in everybody if member.basis is not None}

    def members(self, lesson_id: uuid.UUID) -> Collection[Member]:
        """Everybody in the lesson."""
        return self._members.get(lesson_id, frozenset())

    def broadcast(self, lesson_id: uuid.UUID, message: Message) -> None:
        """Send to everybody in the lesson."""
        for member in self._members.get(lesson_id, ()):
            member.send(message)

    def tell_of_stream(self, lesson_id: uuid.UUID, stream: str, message: Message) -> None:
        """Send to everybody in the lesson who may hear about the stream."""
        for member in self._members.get(lesson_id, ()):
            if stream in member.streams:
                member.send(message)

    def tell_speaker(self, lesson_id: uuid.UUID, stream: str | None) -> None:
        """Say to everybody in the lesson who speaks now, as far as they may hear about it."""
        for member in self._members.get(lesson_id, ()):
            member.tell_speaker(stream)

    def close_lesson(self, lesson_id: uuid.UUID, reason: str) -> None:
        """Say goodbye to everybody in the lesson."""
        for member in self._members.get(lesson_id, ()):
            member.send({"type": "lesson_ended", "reason": reason})
            member.close(CloseCode.NORMAL)
