"""The WHIP and WHEP clients against a door of aiortc's own: what RFC 9725 asks of a client."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from app.demo import media_client
from app.demo.clip import Clip, VideoCodec
from app.demo.media_client import MediaRefused, MediaUnreachable, publish, watch
from app.demo.playing import play
from app.demo.sound import samples_of, tone_share
from app.demo.test_card import Card, read_mark
from tests.app.demo.doors import TOKEN, door
from tests.patience import PATIENCE


@pytest.mark.parametrize("codec", VideoCodec)
def test_publishes_what_was_encoded_beforehand(codec: VideoCodec) -> None:
    async def scenario() -> None:
        async with door() as (it, http):
            session = await publish(
                http, "/whip", TOKEN, play(Clip(Card("A lesson", 2), codec)), video_codec=codec
            )
            tracks = {track.kind: track for track in (await it.received.get(), await it.received.get())}
            mark = read_mark(await tracks["video"].recv())  # type: ignore[arg-type]
            assert mark and mark.source == 2
            assert session.location == "http://door/whip/0"
            assert session.etag == '"0"'
            await session.close()
            assert it.deleted == ["0"]
            assert session.ended

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


def test_offers_only_the_codec_of_the_clip() -> None:
    async def scenario() -> str:
        async with door() as (it, http):
            session = await publish(http, "/whip", TOKEN, play(Clip(Card("A lesson"))))
            await session.close()
            return it.offers[0]

    offer = asyncio.run(asyncio.wait_for(scenario(), PATIENCE))
    names = {line.split(" ")[1].split("/")[0] for line in offer.splitlines() if line.startswith("a=rtpmap")}
    assert names == {"VP8", "rtx", "opus"}


def test_watches_picture_and_sound_and_counts_packets() -> None:
    async def scenario() -> None:
        async with door() as (_, http):
            session = await watch(http, "/whep", TOKEN)
            mark = read_mark(await session.tracks["video"].recv())  # type: ignore[arg-type]
            assert mark and mark.source == 3
            sounds = [samples_of(await session.tracks["audio"].recv()) for _ in range(20)]  # type: ignore[arg-type]
            assert max(tone_share(samples, 3) for samples in sounds) > 0.9
            for kind in ("video", "audio"):
                counts = await session.received(kind)
                assert counts.received > 10
                assert counts.lost == 0
            await session.close()

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


def test_the_end_is_noticed_when_the_other_side_closes() -> None:
    async def scenario() -> None:
        async with door() as (it, http):
            watching = await watch(http, "/whep", TOKEN)
            publishing = await publish(http, "/whip", TOKEN, play(Clip(Card("A lesson"))))
            for session in (watching, publishing):
                assert not session.ended
            for peer in it.peers.values():
                await peer.close()
            await asyncio.gather(watching.wait_ended(), publishing.wait_ended())
            await asyncio.gather(watching.close(), publishing.close())

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


def test_follows_a_redirect_of_the_load_balancer() -> None:
    async def scenario() -> None:
        async with door() as (_, http):
            session = await publish(http, "/moved/whip", TOKEN, play(Clip(Card("A lesson"))))
            assert session.location == "http://door/whip/0"
            await session.close()

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


def test_a_refusal_carries_the_servers_code_and_words() -> None:
    async def scenario() -> MediaRefused:
        async with door() as (_, http):
            with pytest.raises(MediaRefused) as caught:
                await publish(http, "/whip", "wrong", play(Clip(Card("A lesson"))))
            return caught.value

    refusal = asyncio.run(asyncio.wait_for(scenario(), PATIENCE))
    assert (refusal.status, refusal.code, refusal.detail) == (401, "auth.missing", "sign in first")


def test_a_silent_media_port_is_an_error_and_ends_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_client, "CONNECT_SECONDS", 0.3)

    async def scenario() -> list[str]:
        async with door() as (it, http):
            with pytest.raises(MediaUnreachable, match="media port"):
                await watch(http, "/deaf", TOKEN)
            return it.deleted

    assert asyncio.run(asyncio.wait_for(scenario(), PATIENCE)) == ["0"]


def test_a_server_that_is_not_there_is_an_error() -> None:
    async def scenario() -> None:
        async with httpx.AsyncClient() as http:
            with pytest.raises(MediaUnreachable, match="POST"):
                await watch(http, "http://127.0.0.1:9/whep", TOKEN)

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))
