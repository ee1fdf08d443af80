"""Who speaks and who is muted, as the people in a lesson hear of it, from the relay node to the channel."""

import asyncio
import json
import uuid
from typing import Any

from aiortc.mediastreams import AudioStreamTrack
from av import AudioFrame
from hypothesis import given
from hypothesis import strategies as st

from app.live.hub import ChannelHub, CloseCode, Member
from app.live.rules import Direction
from app.live.sessions import Admission, StreamKey
from app.live.speech import Speech, SpeechRecord
from tests.app.live.coordinating import ENDS_AT, LESSON, SITE_ONE, peer, publish, running, waiting
from tests.patience import PATIENCE

STREAMS = ["main", "site-S1", "site-S2"]


class Talk(AudioStreamTrack):
    """Syllables and the gaps between them; with `loud` off, digital silence."""

    loud = True
    _count = 0

    async def recv(self) -> AudioFrame:
        frame = await super().recv()
        assert isinstance(frame, AudioFrame)
        self._count += 1
        if self.loud:
            sample = (4_000 if self._count % 12 < 8 else 40).to_bytes(2, "little", signed=True)
            other = (-int.from_bytes(sample, "little")).to_bytes(2, "little", signed=True)
            frame.planes[0].update((sample * 4 + other * 4) * (frame.planes[0].buffer_size // 16))
        return frame


async def hear(member: Member, message: dict[str, Any]) -> None:
    """Wait until the member is told this, before anything else about speech."""
    async with asyncio.timeout(PATIENCE):
        while True:
            text = await member.next()
            assert isinstance(text, str)
            told = json.loads(text)
            if told["type"] in ("speaker", "muted"):
                assert told == message
                return


def test_a_voice_and_its_silence_travel_from_the_microphone_to_the_channel() -> None:
    async def scenario() -> None:
        voice = Talk()
        async with running() as coordinator, peer(voice) as teacher:
            member = coordinator.channels.join(LESSON, {"main", "site-S1"})
            opened = await publish(coordinator, teacher)
            await hear(member, {"type": "speaker", "stream": "main"})
            assert coordinator.speech(LESSON) == Speech("main")
            voice.loud = False
            await hear(member, {"type": "muted", "stream": "main", "muted": True})
            await hear(member, {"type": "speaker", "stream": None})
            assert coordinator.speech(LESSON) == Speech(None, frozenset({"main"}))
            voice.loud = True
            await hear(member, {"type": "muted", "stream": "main", "muted": False})
            await hear(member, {"type": "speaker", "stream": "main"})
            await coordinator.end(opened.session)
            await hear(member, {"type": "speaker", "stream": None})
            assert coordinator.speech(LESSON) == Speech()

    asyncio.run(scenario())


def test_one_site_does_not_hear_of_another() -> None:
    async def scenario() -> None:
        voice = Talk()
        async with running() as coordinator, peer(voice) as pupil:
            teacher = coordinator.channels.join(LESSON, STREAMS)
            neighbour = coordinator.channels.join(LESSON, {"main", "board", "site-S2"})
            key = StreamKey(LESSON, "site-S1")
            admission = Admission(key, Direction.PUBLISH, SITE_ONE, "S1", lesson_ends_at=ENDS_AT)
            await publish(coordinator, pupil, admission=admission)
            await hear(teacher, {"type": "speaker", "stream": "site-S1"})
            voice.loud = False
            await hear(teacher, {"type": "muted", "stream": "site-S1", "muted": True})
            neighbour.close(CloseCode.NORMAL)
            assert await neighbour.next() == CloseCode.NORMAL

    asyncio.run(scenario())


def test_another_sites_turn_is_nobodys_turn() -> None:
    hub = ChannelHub()
    teacher, site = hub.join(LESSON, STREAMS), hub.join(LESSON, {"main", "site-S2"})
    for stream in ("main", "site-S1", "site-S1", None, "site-S2"):
        hub.tell_speaker(LESSON, stream)
    assert [m["stream"] for m in waiting(teacher)] == ["main", "site-S1", None, "site-S2"]
    assert [m["stream"] for m in waiting(site)] == ["main", None, "site-S2"]


def test_who_joins_is_told_only_what_comes_after_the_welcome() -> None:
    hub = ChannelHub()
    site = hub.join(LESSON, {"main", "site-S2"})
    assert site.speaker_of("main") == "main", "said in the welcome"
    hub.tell_speaker(LESSON, "main")
    hub.tell_speaker(LESSON, "site-S1")
    assert [m["stream"] for m in waiting(site)] == [None]


STEPS = st.lists(
    st.tuples(st.sampled_from(["speaker", "muted"]), st.sampled_from([*STREAMS, None]), st.booleans()),
    max_size=30,
)


@given(STEPS)
def test_the_record_tells_news_and_keeps_nothing_of_quiet_lessons(
    steps: list[tuple[str, str | None, bool]],
) -> None:
    record, lesson = SpeechRecord(), uuid.uuid4()
    for kind, stream, muted in steps:
        before = record.of(lesson)
        if kind == "speaker":
            news = record.set_speaker(lesson, stream)
            assert record.of(lesson).speaker == stream
        elif stream is not None:
            news = record.set_muted(StreamKey(lesson, stream), muted)
            assert (stream in record.of(lesson).muted) == muted
        else:
            record.forget(lesson)
            continue
        assert news == (record.of(lesson) != before)
        assert len(record) == (record.of(lesson) != Speech())
