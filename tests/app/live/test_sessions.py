"""The register of media sessions."""

import uuid
from datetime import UTC, datetime

import pytest

from app.errors import TooManyRequests, Unavailable
from app.live.rules import Direction, Limits
from app.live.sessions import Admission, MediaSession, SessionRegister, StreamKey

LESSON = uuid.uuid4()
MAIN = StreamKey(LESSON, "main")
BOARD = StreamKey(LESSON, "board")
WANG = uuid.uuid4()
LI = uuid.uuid4()
ENDS_AT = datetime(2026, 11, 23, 10, tzinfo=UTC)


def session(
    key: StreamKey = MAIN,
    direction: Direction = Direction.WATCH,
    person_id: uuid.UUID = WANG,
    node: int = 0,
) -> MediaSession:
    return MediaSession.new(Admission(key, direction, person_id, lesson_ends_at=ENDS_AT), node)


def test_a_session_is_found_by_its_whole_address_only() -> None:
    register = SessionRegister()
    mine = session()
    register.add(mine)
    assert register.find(MAIN, Direction.WATCH, mine.secret) == mine
    assert register.find(MAIN, Direction.PUBLISH, mine.secret) is None
    assert register.find(BOARD, Direction.WATCH, mine.secret) is None
    assert register.find(MAIN, Direction.WATCH, mine.id) is None
    assert register.find(MAIN, Direction.WATCH, "") is None


def test_the_secret_has_256_bits_and_is_not_shown() -> None:
    mine = session()
    assert len(mine.secret) == 43  # base64url of 32 bytes
    assert mine.secret not in repr(mine)
    assert mine.secret != mine.id


def test_removing_a_session_leaves_nothing_behind() -> None:
    register = SessionRegister()
    mine = session(direction=Direction.PUBLISH)
    register.add(mine)
    assert register.remove(mine.id) == mine
    assert register.remove(mine.id) is None
    assert (len(register), register.lessons(), register.publisher(MAIN)) == (0, (), None)
    assert register.find(MAIN, Direction.PUBLISH, mine.secret) is None


def test_a_newer_publisher_stays_when_the_older_one_goes() -> None:
    register = SessionRegister()
    older, newer = session(direction=Direction.PUBLISH), session(direction=Direction.PUBLISH)
    register.add(older)
    register.add(newer)
    register.remove(older.id)
    assert register.publisher(MAIN) == newer


def test_a_stream_goes_back_to_its_publisher_after_a_failed_takeover() -> None:
    register = SessionRegister()
    older, newer = session(direction=Direction.PUBLISH), session(direction=Direction.PUBLISH)
    register.add(older)
    register.add(newer)
    register.remove(newer.id)
    register.restore_publisher(older)
    assert register.publisher(MAIN) == older


def test_connecting_and_restarting_ice_change_what_the_register_says() -> None:
    register = SessionRegister()
    mine = session()
    register.add(mine)
    connected = register.mark_connected(mine.id)
    assert connected is not None
    assert connected.connected
    renewed = register.renew_entity_tag(mine.id)
    assert renewed is not None
    assert renewed.connected
    assert renewed.entity_tag != mine.entity_tag
    assert register.get(mine.id) == renewed
    assert register.mark_connected("unknown") is None


def test_sessions_are_counted_by_node_and_direction() -> None:
    register = SessionRegister()
    for node in (0, 0, 2):
        register.add(session(node=node))
    assert len(register.of_node(0)) == 2
    assert len(register.of_node(2)) == 1
    assert register.counts() == {Direction.PUBLISH: 0, Direction.WATCH: 3}


def test_one_person_cannot_open_a_stream_without_end() -> None:
    register = SessionRegister(Limits(per_person_and_stream=2))
    register.add(session())
    register.add(session())
    with pytest.raises(TooManyRequests, match="session.too_many"):
        register.add(session())
    register.add(session(key=BOARD))
    register.add(session(person_id=LI))


@pytest.mark.parametrize("limits", [Limits(per_lesson=2), Limits(in_all=2)])
def test_a_full_lesson_or_server_says_so(limits: Limits) -> None:
    register = SessionRegister(limits)
    register.add(session())
    register.add(session(person_id=LI))
    with pytest.raises(Unavailable, match="session.server_full") as refusal:
        register.add(session(key=BOARD, person_id=uuid.uuid4()))
    assert "Retry-After" in refusal.value.headers
