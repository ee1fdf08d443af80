"""What a watcher notes of a stream is what a person at the site would have noticed."""

from __future__ import annotations

import asyncio

from app.demo.test_card import FPS, FRAMES
from app.demo.watching import Observation, Watcher
from tests.app.demo.doors import SHOWN, TOKEN, door
from tests.patience import PATIENCE, patient


async def _watch(source: int) -> Observation:
    """Two seconds of the stream, however long they take to come."""
    async with door() as (it, http):
        watcher = Watcher(source, [None] * FRAMES)
        await watcher.open(http, "/whep", TOKEN)
        assert it.shown is not None
        watcher.handed_at = it.shown.handed_at
        if source == SHOWN.source:
            await watcher.first_picture()
        while True:  # counts tell nobody when they change
            await asyncio.sleep(0.05)
            if watcher._pictures.count + watcher._unreadable >= 2 * FPS and watcher._sounds.count >= 50:
                return await watcher.stop()


def test_notes_pictures_sound_delay_and_loss() -> None:
    seen = asyncio.run(asyncio.wait_for(_watch(SHOWN.source), PATIENCE))
    assert 2 * FPS <= seen.frames <= (seen.seconds + 1) * FPS
    assert seen.unreadable == 0
    assert seen.first_frame_ms is not None
    assert 0 < seen.first_frame_ms < patient(3_000)
    assert len(seen.latencies_ms) == seen.frames
    slowest = patient(1_000)
    assert all(0 < latency < slowest for latency in seen.latencies_ms)
    assert seen.longest_freeze < patient(1.0)
    assert seen.sound_frames >= 50 and seen.sound_packets >= 50
    assert seen.longest_silence < patient(1.0)
    assert seen.tone_share > 0.9
    assert seen.lost_packets == 0


def test_another_senders_picture_and_sound_do_not_count() -> None:
    seen = asyncio.run(asyncio.wait_for(_watch(SHOWN.source + 1), PATIENCE))
    assert seen.frames == 0
    assert seen.unreadable > FPS // 2
    assert seen.first_frame_ms is None
    assert seen.tone_share < 0.1


def test_a_freeze_is_noticed_even_when_nothing_comes_after_it() -> None:
    async def scenario() -> Observation:
        async with door() as (it, http):
            watcher = Watcher(SHOWN.source, [None] * FRAMES)
            await watcher.open(http, "/whep", TOKEN)
            await watcher.first_picture()
            for peer in it.peers.values():
                await peer.close()
            await asyncio.sleep(1.2)
            return await watcher.stop()

    seen = asyncio.run(asyncio.wait_for(scenario(), PATIENCE))
    assert seen.longest_freeze > 1.0
    assert seen.longest_silence > 1.0
    assert seen.latencies_ms == ()
