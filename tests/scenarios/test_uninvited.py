"""What reaches a real server besides lessons: noise on the media port, endless bodies, a class that changes hands."""

import asyncio
import contextlib
import random
import socket

import httpx
import pytest

from app.demo import media_client
from app.demo.api import Api, new_http
from app.demo.arranging import Arranged, arrange
from app.demo.clip import Clip
from app.demo.playing import play
from app.demo.test_card import FRAMES, Card
from app.demo.watching import Observation, Watcher
from tests.patience import PATIENCE, patient
from tests.scenarios.conftest import County, found_county
from tests.scenarios.server import command

SITE = 0


async def offer_of(api: Api, arranged: Arranged, direction: str, stream: str = "main") -> tuple[str, str]:
    """URL and grant for a stream."""
    join = await api.get(f"/api/v1/lessons/{arranged.lesson_id}/join")
    return next((offer["url"], offer["token"]) for offer in join[direction] if offer["stream"] == stream)


async def publish(arranged: Arranged, source: int) -> media_client.MediaSession:
    """The teacher publishes the test card of this source."""
    url, token = await offer_of(arranged.teacher, arranged, "publish")
    tracks = play(Clip(Card(arranged.title, source)))
    return await media_client.publish(arranged.teacher.http, url, token, tracks)


async def watch(arranged: Arranged, source: int) -> Watcher:
    """A site watches until it sees the test card of this source."""
    watcher = Watcher(source, [None] * FRAMES)
    url, token = await offer_of(arranged.sites[SITE].api, arranged, "watch")
    await watcher.open(arranged.sites[SITE].api.http, url, token)
    async with asyncio.timeout(PATIENCE):
        await watcher.first_picture()
    return watcher


@pytest.mark.slow
def test_a_takeover_reaches_those_who_watch_without_a_new_connection(shared_county: County) -> None:
    async def scenario() -> Observation:
        async with new_http(shared_county.server.url) as http:
            arranged = await arrange(Api(http, shared_county.admin))
            before = await publish(arranged, source=1)
            first = await watch(arranged, source=1)
            second = Watcher(2, [None] * FRAMES)
            url, token = await offer_of(arranged.sites[SITE].api, arranged, "watch")
            await second.open(http, url, token)
            after = await publish(arranged, source=2)
            async with asyncio.timeout(PATIENCE):
                await second.first_picture()
                await before.wait_ended()
            seen = await second.stop()
            for each in (first, before, after):
                await each.close()
            return seen

    assert asyncio.run(scenario()).frames > 0


@pytest.mark.slow
def test_noise_on_the_media_port_does_not_disturb_a_lesson(shared_county: County) -> None:
    noise = random.Random(20261122)

    def make_noise() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(3000):
                # The first byte says STUN, DTLS or RTP (RFC 7983); what follows is no such thing.
                first = noise.choice([0, 1, 20, 22, 63, 128, 144, 191, 255])
                body = bytes([first]) + noise.randbytes(noise.randrange(200))
                sender.sendto(body, ("127.0.0.1", shared_county.server.media_port))

    async def scenario() -> Observation:
        async with new_http(shared_county.server.url) as http:
            arranged = await arrange(Api(http, shared_county.admin))
            teacher = await publish(arranged, source=1)
            watcher = await watch(arranged, source=1)
            await asyncio.to_thread(make_noise)
            await asyncio.sleep(1)
            seen = await watcher.stop()
            await teacher.close()
            return seen

    seen = asyncio.run(scenario())
    assert seen.frames > 10
    assert seen.longest_freeze < patient(1)
    figures = httpx.get(f"{shared_county.server.url}/metrics", trust_env=False, timeout=PATIENCE).text
    assert 'tongtang_relay_drops_total{node="0",reason="stun"}' in figures


def test_a_body_without_end_is_cut_off(shared_county: County) -> None:
    async def grant() -> tuple[str, str]:
        async with new_http(shared_county.server.url) as http:
            arranged = await arrange(Api(http, shared_county.admin))
            return await offer_of(arranged.teacher, arranged, "publish")

    url, token = asyncio.run(grant())
    head = f"POST {url} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
    head += "Content-Type: application/sdp\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"2000\r\n" + b"a" * 0x2000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", shared_county.server.http_port), timeout=PATIENCE) as client:
        client.sendall(head.encode())
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(5000):
                client.sendall(chunk)
            pytest.fail("the server takes 40 MB without a word")


def test_a_body_over_the_bound_is_told_so(shared_county: County) -> None:
    async def scenario() -> httpx.Response:
        async with new_http(shared_county.server.url) as http:
            arranged = await arrange(Api(http, shared_county.admin))
            url, token = await offer_of(arranged.teacher, arranged, "publish")
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
            return await http.post(url, content=b"a" * (64 * 1024 + 1), headers=headers)

    answer = asyncio.run(scenario())
    assert (answer.status_code, answer.json()["code"]) == (413, "offer.too_large")


def test_a_bureau_admin_of_another_county_sees_nothing_of_a_lesson(shared_county: County) -> None:
    server = shared_county.server
    foreign = found_county(server.data_dir, server.database_url, code="C2", login="elsewhere")

    async def scenario() -> tuple[int, int]:
        async with new_http(server.url) as http:
            arranged = await arrange(Api(http, shared_county.admin))
            stranger = Api(http, foreign)
            headers = {"Authorization": f"Bearer {await stranger.token()}", "Content-Type": "application/sdp"}
            join = await http.get(f"/api/v1/lessons/{arranged.lesson_id}/join", headers=headers)
            door = await http.post(f"/whep/{arranged.lesson_id}/main", content="v=0", headers=headers)
            return join.status_code, door.status_code

    assert asyncio.run(scenario()) == (404, 404)


def test_a_second_county_of_the_same_code_is_refused_in_one_line(shared_county: County) -> None:
    server = shared_county.server
    storage = ("--data-dir", str(server.data_dir), "--database-url", server.database_url)
    done = command("create-county", "C1", "Again", "--admin", "again", *storage, "--log-level", "warning")
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "C1" in done.stderr
