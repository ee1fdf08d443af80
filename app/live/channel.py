"""The classroom channel: a WebSocket per page that says what happens in a lesson.

The first message of the client says who it is, so that no token stands in an address:

    → {"type": "hello", "token": …, "viewer": …}      the viewer is that of `join`, and may be left out
                                                          a page gives "sign_in", its name, instead of the token
    ← {"type": "welcome", "role": …, "streams": [{"stream": …, "publishing": …, "muted": …}], "speaker": …,
       "lesson_state": …}
    ← {"type": "stream_started" | "stream_stopped", "stream": …}      a stream begins unmuted
    ← {"type": "speaker", "stream": … | null}     whose turn it is, by the sound; null: nobody's
    ← {"type": "muted", "stream": …, "muted": …}  no sound comes from there any more, or it is back
    ← {"type": "quality", "sites": …, "own": …}   every few seconds, see `quality_news`
    ← {"type": "rung", "stream": …, "rung": …, "reason": …}   at once when a picture becomes smaller or larger
    → {"type": "prefer", "stream": "main" | "board"}      what matters most here while the link does not carry all
    ← {"type": "media_restarted"}     a relay node was lost: publish and watch again now
    ← {"type": "lesson_ended", "reason": …}       ended, cancelled, moved or over (its time); then the socket is closed
    ← {"type": "removed", "reason": …}            not in this lesson any more, see `review`; then closed with 4403
    ⇄ {"type": "ping"} / {"type": "pong"}
    ← {"type": "error", "code": …, "detail": …}   then the socket is closed with 4400 to 4408

A page hears about the streams it may publish or watch, and no others; another's turn is nobody's to it.
Messages of types the server does not know are left alone: they may come from a newer page.
"""

import asyncio
import contextlib
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import anyio
from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from starlette.concurrency import run_in_threadpool

from app.accounts.gates import identify, require_pace
from app.accounts.permissions import Action
from app.accounts.reach import denied
from app.accounts.rules import Basis, Holder
from app.database import CALLER_ADDRESS, address_of, reading
from app.errors import DATABASE_TROUBLE, AppError, BadRequest, database_trouble
from app.guard.throttle import Throttle
from app.guard.traffic import Limit
from app.lessons import service as lessons
from app.lessons import visits
from app.lessons.rules import BOARD_STREAM, MAIN_STREAM, LessonState, ParticipantRole, streams
from app.live.hub import CloseCode, Member, Message
from app.live.rights import Claim, Standing
from app.live.signalling import coordinator_of, stream_key

router = APIRouter()

HELLO_SECONDS: Final = 5.0
MESSAGE_CHARACTERS: Final = 4096
PING_SECONDS: Final = 20.0
SEND_SECONDS: Final = 10.0
"""A socket that takes nothing for so long is given up."""
MESSAGES_AT_ONCE: Final = 20
MESSAGES_PER_SECOND: Final = 5.0

COMMANDS: Final[Mapping[str, Action]] = {
    "hello": Action.LESSON_JOIN,
    "ping": Action.LESSON_JOIN,
    "pong": Action.LESSON_JOIN,
    "prefer": Action.LESSON_JOIN,
}
"""What a page may say, and the action it takes; everything else is left alone."""

_CLOSE_CODES: Final = {
    401: CloseCode.UNAUTHENTICATED,
    403: CloseCode.FORBIDDEN,
    404: CloseCode.UNKNOWN_LESSON,
    429: CloseCode.TRY_AGAIN,
    503: CloseCode.TRY_AGAIN,
}
_PING: Final = json.dumps({"type": "ping"})


@dataclass(frozen=True, slots=True)
class Seat:
    """Somebody's place in a lesson's channel."""

    lesson_id: uuid.UUID
    lesson_state: LessonState
    role: ParticipantRole
    streams: tuple[str, ...]
    actions: frozenset[Action]
    """What its holder may do in this lesson."""
    sites: frozenset[str]
    """The teaching sites whose links its holder may look at."""
    viewer: str
    holder: Holder
    basis: Basis | None

    def welcome(self, live: frozenset[str], muted: frozenset[str], speaker: str | None) -> Message:
        """The first message to the page."""
        return {
            "type": "welcome",
            "role": self.role,
            "streams": [
                {"stream": stream, "publishing": stream in live, "muted": stream in muted}
                for stream in self.streams
            ],
            "speaker": speaker,
            "lesson_state": self.lesson_state,
        }


@router.websocket("/api/v1/lessons/{lesson_id}/channel")
async def channel(socket: WebSocket, lesson_id: str) -> None:
    """Say what happens in a lesson, for as long as the page listens."""
    await socket.accept()
    coordinator = coordinator_of(socket)
    try:
        seat = await _seat_of(socket, lesson_id)
        member = coordinator.channels.join(
            seat.lesson_id, seat.streams, seat.sites, seat.viewer, seat.holder, seat.basis
        )
        try:
            # No await between joining and this: the page misses nothing and hears nothing twice.
            speech = coordinator.speech(seat.lesson_id)
            live = coordinator.live_streams(seat.lesson_id)
            member.send(seat.welcome(live, speech.muted, member.speaker_of(speech.speaker)))
            coordinator.quality.tell_newcomer(member)
            await _converse(socket, member, seat)
        finally:
            coordinator.channels.leave(member)
    except AppError as error:
        await _refuse(socket, error)
    except DATABASE_TROUBLE as error:
        await _refuse(socket, database_trouble(error))
    except (TimeoutError, WebSocketDisconnect):
        pass  # the page was closed, at any moment, or takes nothing any more


async def _seat_of(socket: WebSocket, lesson_id: str) -> Seat:
    try:
        async with asyncio.timeout(HELLO_SECONDS):
            hello = await _receive_message(socket)
    except TimeoutError:
        raise _no_hello() from None
    token, sign_in, viewer = hello.get("token"), hello.get("sign_in"), hello.get("viewer", "")
    names_somebody = isinstance(token, str) or (token is None and isinstance(sign_in, str))
    if hello.get("type") != "hello" or not names_somebody or not isinstance(viewer, str):
        raise _no_hello()
    key = stream_key(lesson_id, "")
    find = partial(_find_seat, socket, token, sign_in, key.lesson_id, viewer)
    return await run_in_threadpool(find)


def _find_seat(
    socket: WebSocket, token: str | None, sign_in: str | None, lesson_id: uuid.UUID, viewer: str
) -> Seat:
    with reading(socket.app.state.session_factory) as session:
        principal = identify(session, socket, token, sign_in)
        require_pace(socket, principal, Limit.ACCOUNT_SOCKETS)
        lesson = lessons.get_lesson(session, lesson_id)
        part = lessons.participation(session, lesson, principal)
        every = streams(site.site_code for site in lesson.sites)  # in their order on the pages
        # An assistant hears about the own stream and what is watched, not about the other sites.
        seen = tuple(stream for stream in every if stream in part.publish + part.watch)
        asked = {*COMMANDS.values(), Action.LESSON_QUALITY}
        actions = lessons.actions_in(session, lesson, principal, asked)
        looks = Action.LESSON_QUALITY in actions  # a guest who watches is told of no links
        sites = lessons.oversight(session, lesson, principal).sites if looks else frozenset()
        if lessons.takes_media(lesson, datetime.now(UTC)):
            standing = Standing.of(lesson, part, principal)
            socket.app.state.rights.note(Claim(lesson.id, principal.holder), standing)
    if part.role is ParticipantRole.OBSERVER:
        with socket.app.state.session_factory.begin() as session:
            session.info[CALLER_ADDRESS] = address_of(socket)
            visits.note_visit(session, lesson, principal.holder, datetime.now(UTC))
    return Seat(
        *(lesson.id, lesson.state, part.role, seen, actions, sites, viewer), principal.holder, principal.basis
    )


def _no_hello() -> BadRequest:
    return BadRequest(
        "channel.no_hello",
        "No hello",
        f'Send {{"type": "hello", "token": …}} within {HELLO_SECONDS:.0f} s of connecting.',
    )


async def _converse(socket: WebSocket, member: Member, seat: Seat) -> None:
    """Send and listen until either is over."""
    over: list[Exception] = []
    async with anyio.create_task_group() as both:

        async def run(part: Callable[[], Awaitable[None]]) -> None:
            try:
                await part()
            except (AppError, TimeoutError, WebSocketDisconnect) as reason:
                over.append(reason)
            both.cancel_scope.cancel()

        both.start_soon(run, lambda: _send(socket, member))
        both.start_soon(run, lambda: _listen(socket, member, seat))
    if over:
        raise over[0]


async def _send(socket: WebSocket, member: Member) -> None:
    while True:
        try:
            async with asyncio.timeout(PING_SECONDS):
                text = await member.next()
        except TimeoutError:
            text = _PING
        if isinstance(text, CloseCode):
            await socket.close(text)
            return
        async with asyncio.timeout(SEND_SECONDS):
            await socket.send_text(text)


async def _listen(socket: WebSocket, member: Member, seat: Seat) -> None:
    pace = Throttle(burst=MESSAGES_AT_ONCE, per_second=MESSAGES_PER_SECOND)
    clock = asyncio.get_running_loop().time
    while True:
        message = await _receive_message(socket)
        if pace.wait(None, clock()) > 0:
            raise BadRequest("channel.too_fast", "Too many messages", "Send fewer messages.")
        command = message.get("type")
        action = COMMANDS.get(command) if isinstance(command, str) else None
        if action is not None and action not in seat.actions:
            raise denied(action)
        if command == "ping":
            member.send({"type": "pong"})
        elif command == "prefer" and (stream := message.get("stream")) in (MAIN_STREAM, BOARD_STREAM):
            await coordinator_of(socket).prefer(member, stream)


async def _receive_message(socket: WebSocket) -> dict[str, Any]:
    received = await socket.receive()
    if received["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(received.get("code", 1005))
    text = received.get("text") or ""
    if len(text) <= MESSAGE_CHARACTERS:
        with contextlib.suppress(ValueError, RecursionError):
            message = json.loads(text)
            if isinstance(message, dict):
                return message
    raise BadRequest(
        "channel.bad_message",
        "Message not understood",
        f"Messages are JSON objects of up to {MESSAGE_CHARACTERS} characters.",
    )


async def _refuse(socket: WebSocket, error: AppError) -> None:
    socket.app.state.watch(socket, error)
    code = _CLOSE_CODES.get(error.status, CloseCode.BAD_MESSAGE)
    if error.code == "channel.no_hello":
        code = CloseCode.NO_HELLO
    with contextlib.suppress(WebSocketDisconnect):
        await socket.send_json({"type": "error", "code": error.code, "detail": error.detail})
        await socket.close(code)
