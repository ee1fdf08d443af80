"""Other systems are told by signed requests: until they take them, not where they must not, at least once."""

import asyncio
import contextlib
import ipaddress
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from app.database import SessionFactory
from app.keys import Keys
from app.notices import delivering
from app.notices.addresses import BadUrl, Place, check_url, place_of
from app.notices.delivering import AT_ONCE, OF_COUNTY, OF_ONE
from app.notices.models import Delivery, Webhook
from app.notices.outbox import Outbox
from app.notices.posting import Outcome, Poster
from app.notices.retrying import LEASE, MOST_ATTEMPTS, pause
from tests import counties, factories
from tests.patience import PATIENCE
from tests.webhooks import signature

QUICK = timedelta(milliseconds=50)
HERE = (ipaddress.ip_network("127.0.0.0/8"),)


@dataclass
class Receiver:
    """A server of somebody else's, which answers what it is told to."""

    port: int = 0
    answers: list[bytes] = field(default_factory=list)
    """Raw answers, one a request; afterwards it takes everything. An empty one hangs up."""
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    tasks: list[Any] = field(default_factory=list)
    told: asyncio.Queue[None] = field(default_factory=asyncio.Queue)
    """One for each that came."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?county=1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tasks.append(asyncio.current_task())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        self.came.append(
            (fields | {"target": head[0]}, await reader.readexactly(int(fields["content-length"])))
        )
        self.told.put_nowait(None)
        writer.write(self.answers.pop(0) if self.answers else b"HTTP/1.1 204 No Content\r\n\r\n")
        await hung_up(writer)


async def hung_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@asynccontextmanager
async def receiving(*answers: bytes) -> AsyncIterator[Receiver]:
    receiver = Receiver(answers=list(answers))
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    async with server:
        yield receiver
    await asyncio.gather(*receiver.tasks)


@dataclass
class Scene:
    """A county with one webhook, and a server that keeps an outbox."""

    client: TestClient
    bureau: dict[str, str]
    factory: SessionFactory
    outbox: Outbox
    registry: CollectorRegistry
    webhook: Any = None

    def call(self, method: str, path: str, **body: Any) -> Any:
        answer = self.client.request(method, f"/api/v1/{path}", headers=self.bureau, json=body or None)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def deliveries(self, query: str = "") -> list[Any]:
        return list(self.call("GET", f"webhooks/{self.webhook['id']}/deliveries{query}")["items"])

    def point_to(self, url: str) -> None:
        with self.factory.begin() as session:
            session.execute(update(Webhook).values(url=url))

    def let_time_pass(self) -> None:
        """Whatever waits, its pause is over."""
        with self.factory.begin() as session:
            waiting = update(Delivery).where(Delivery.done_at.is_(None))
            session.execute(waiting.values(next_at=datetime.now(UTC)))

    def count(self, result: str) -> float | None:
        return self.registry.get_sample_value("tongtang_outbox_attempts_total", {"result": result})


@pytest.fixture
def scene(client: TestClient, session: Session, session_factory: SessionFactory, keys: Keys) -> Scene:
    county = counties.county(session, first_day=counties.tomorrow(), weeks=2)
    county.schedule(session, weekday=counties.tomorrow().isoweekday())
    session.commit()
    registry = CollectorRegistry()
    outbox = Outbox(session_factory, registry, keys, Poster(HERE), chance=lambda: 0.5)
    scene = Scene(client, factories.bearer(keys, county.bureau), session_factory, outbox, registry)
    scene.webhook = scene.call("POST", "webhooks", name="OA", url="https://oa.example.org/hook")
    return scene


def test_a_receiver_is_told_signed_until_it_takes_it_and_may_be_told_again(scene: Scene) -> None:
    """The whole way by REST and real sockets; any step may be the last one of a server that dies."""
    closed = {"name": "Database", "url": "https://127.0.0.1:5432/"}
    refused = scene.client.post("/api/v1/webhooks", headers=scene.bureau, json=closed)
    assert refused.json()["code"] == "webhook.closed_address"
    asyncio.run(_told_until_taken(scene))
    asyncio.run(_given_up_and_sent_again(scene))
    asyncio.run(_died_before_it_could_be_noted(scene))
    scene.call("DELETE", f"webhooks/{scene.webhook['id']}")
    assert scene.call("GET", "webhooks")["items"] == []
    with scene.factory() as session:
        assert not session.scalar(select(func.count(Delivery.id)))


async def _told_until_taken(scene: Scene) -> None:
    answers = (
        b"HTTP/1.1 503 Busy\r\n\r\n",
        b"HTTP/1.1 301 Moved\r\nLocation: /\r\n\r\n",
        b"",
        b"SSH-2.0\r\n",
    )
    async with receiving(*answers) as receiver:
        scene.point_to(receiver.url)
        await scene.outbox.spread()
        problems = []
        for attempts in range(1, 5):
            await scene.outbox.deliver()
            await scene.outbox.deliver()  # it has to wait now
            (found,) = scene.deliveries()
            assert (found["state"], found["attempts"], len(receiver.came)) == ("waiting", attempts, attempts)
            problems.append(found["problem"])
            scene.let_time_pass()
        no_http = "what answers is no HTTP server"
        assert problems == ["answered 503", "redirects are not followed", no_http, no_http]
        await scene.outbox.deliver()
        (found,) = scene.deliveries()
        assert (found["state"], found["status"], found["problem"]) == ("delivered", 204, None)
        assert (scene.count("failed"), scene.count("delivered"), scene.count("given_up")) == (4, 1, 0)
        assert {fields["webhook-id"] for fields, _ in receiver.came} == {found["id"]}, "one event"
        for fields, body in receiver.came:
            assert fields["target"] == "POST /hook?county=1 HTTP/1.1"
            assert fields["webhook-signature"] == signature(scene.webhook["secret"], fields, body).lower()
        event = json.loads(receiver.came[-1][1])
        (change,) = event["data"]["changes"]
        assert (event["type"], change["kind"], change["after"]["title"]) == (
            "lessons.changed",
            "published",
            "Grade 3 English",
        )


async def _given_up_and_sent_again(scene: Scene) -> None:
    async with receiving(b"HTTP/1.1 410 Gone\r\n\r\n") as receiver:
        scene.point_to(receiver.url)
        tried = scene.call("POST", f"webhooks/{scene.webhook['id']}/test")
        await scene.outbox.deliver()
        (dead,) = scene.deliveries("?state=dead")
        assert (dead["id"], dead["status"], dead["attempts"]) == (tried["id"], 410, 1)
        await scene.outbox.deliver()
        assert scene.registry.get_sample_value("tongtang_outbox_dead") == 1
        again = scene.call("POST", f"webhook-deliveries/{dead['id']}/send-again")
        assert (again["state"], again["attempts"], again["done_at"]) == ("waiting", 0, None)
        await scene.outbox.deliver()
        assert scene.deliveries("?state=dead") == []
        assert [json.loads(body)["type"] for _, body in receiver.came] == ["webhook.test"] * 2


async def _died_before_it_could_be_noted(scene: Scene) -> None:
    """Claimed and never sent, sent and never noted: somebody else does it over, once the lease has ended."""
    async with receiving() as receiver:
        scene.point_to(receiver.url)
        scene.call("POST", f"webhooks/{scene.webhook['id']}/test")
        now = datetime.now(UTC)
        with scene.factory() as dying:  # before its commit
            assert len(delivering.claim(dying, now)) == 1
        with scene.factory.begin() as claiming:
            (attempt,) = delivering.claim(claiming, now)
        with scene.factory.begin() as claiming:
            assert not delivering.claim(claiming, now + LEASE / 2), "it is being tried"
            assert delivering.anything_due(claiming, now + LEASE)
        outcome = await Poster(HERE).post(attempt.url, {"webhook-id": str(attempt.delivery_id)}, attempt.body)
        assert outcome.delivered and len(receiver.came) == 1
        scene.let_time_pass()
        await scene.outbox.deliver()
        assert [fields["webhook-id"] for fields, _ in receiver.came] == [str(attempt.delivery_id)] * 2
        with scene.factory.begin() as late:  # whoever was slow finds it settled
            failure = Outcome(False, problem="no answer")
            assert delivering.settle(late, attempt, failure, now, 0.5) is None
        assert scene.deliveries()[0]["state"] == "delivered"


def test_a_county_whose_receivers_all_hang_keeps_no_other_waiting(scene: Scene, session: Session) -> None:
    """More than may be under way at once, and due for longer than those of the other county."""
    asyncio.run(_hanging(scene, factories.county(session).id, session))


async def _hanging(scene: Scene, other: UUID, session: Session) -> None:
    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hanging.put_nowait(writer)

    hanging = asyncio.Queue[asyncio.StreamWriter]()
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    now = datetime.now(UTC)

    def put_down(county_id: UUID, url: str, number: int, since: datetime) -> UUID:
        hook = Webhook(county_id=county_id, url=url, name="OA", created_at=since)
        session.add(hook)
        session.flush()
        session.add_all(delivering.delivery_of(hook.id, "{}", since) for _ in range(number))
        session.commit()
        return hook.id

    own = session.scalars(select(Webhook.county_id)).one()
    for _ in range(AT_ONCE // OF_ONE + 1):
        put_down(own, url, OF_ONE + 1, now - timedelta(hours=1))
    async with receiving() as receiver:
        prompt = put_down(other, receiver.url, 2 * OF_ONE, now)
        with scene.factory() as looking:  # rolled back
            claimed = delivering.claim(looking, now)
            assert Counter(each.county_id for each in claimed) == {own: OF_COUNTY, other: OF_ONE}
            assert {claimed[0].county_id, claimed[1].county_id} == {own, other}, "in turns"
            assert max(Counter(each.webhook_id for each in claimed).values()) == OF_ONE
            more = delivering.claim(looking, now, claimed)
            assert not more, "both have all that they may have"
            rest = delivering.claim(looking, now, [each for each in claimed if each.county_id == own])
            assert [each.webhook_id for each in rest] == [prompt] * OF_ONE
        outbox = Outbox(
            scene.factory, CollectorRegistry(), scene.outbox._keys, Poster(HERE, 300), every=QUICK
        )
        delivering_all = asyncio.create_task(outbox.deliver())
        async with asyncio.timeout(PATIENCE):
            for _ in range(2 * OF_ONE):
                await receiver.told.get()
            put_down(other, receiver.url, 1, now)  # comes up while they hang
            await receiver.told.get()
            writers = [await hanging.get() for _ in range(OF_COUNTY)]
        assert hanging.empty() and not delivering_all.done()
        delivering_all.cancel()
        with pytest.raises(asyncio.CancelledError):
            await delivering_all
    for writer in writers:
        await hung_up(writer)
    server.close()
    await server.wait_closed()


def test_where_webhooks_may_lead() -> None:
    own = (ipaddress.ip_network("10.20.0.0/16"), ipaddress.ip_network("fd00:20::/32"))
    places = {
        Place.PUBLIC: ("1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1"),
        Place.NAMED: ("10.20.3.4", "fd00:20::1", "::ffff:10.20.3.4"),
        Place.CLOSED: (
            *(
                "127.0.0.1",
                "10.21.0.1",
                "192.168.1.1",
                "169.254.169.254",
                "100.64.0.1",
                "0.0.0.0",
                "224.0.0.1",
            ),
            *("255.255.255.255", "::1", "::", "fe80::1", "fd00:21::1", "ff02::1", "::ffff:127.0.0.1"),
            *("2002:7f00:1::", "64:ff9b::7f00:1", "2001:0:101:101:0:0:80ff:fffe"),
        ),
    }
    for place, addresses in places.items():
        for address in addresses:
            assert place_of(ipaddress.ip_address(address), own) is place, address
    for url in (
        *("ftp://example.org/", "https://", "https://user:pw@example.org/", "https://example.org/#a"),
        *("https://example.org/a b", "https://example.org:0/", "https://example.org:x/", "//example.org"),
        *(
            "https://" + "a" * 64 + ".org/",
            "https://例.org/",
            "https://example.org/" + "a" * 500,
            "https://[::1/",
        ),
    ):
        with pytest.raises(BadUrl):
            check_url(url)
    check_url("https://oa.example.org:8443/hook?county=341524")


def test_no_name_and_no_silence_gets_around_the_bounds() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.current_task())
        with contextlib.suppress(OSError):
            while await reader.read(4096):
                pass
        await hung_up(writer)

    tasks: list[Any] = []

    async def scenario() -> None:
        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        for url in (f"https://localhost:{port}/", f"https://2130706433:{port}/", f"https://[::1]:{port}/"):
            outcome = await Poster(()).post(url, {}, b"{}")
            assert outcome.problem == "leads to an address that webhooks may not reach", url
        for scheme in ("http", "https"):
            outcome = await Poster(HERE, deadline=0.2).post(f"{scheme}://127.0.0.1:{port}/", {}, b"{}")
            assert outcome.problem == "no answer within 0.2 s"
        server.close()
        await asyncio.gather(*tasks)

    asyncio.run(scenario())


@given(attempts=st.integers(1, MOST_ATTEMPTS + 3), chance=st.floats(0, 1))
def test_pauses_grow_to_hours_and_end(attempts: int, chance: float) -> None:
    found = pause(attempts, chance)
    if attempts >= MOST_ATTEMPTS:
        assert found is None
        return
    assert found is not None and timedelta(seconds=3) < found < timedelta(hours=8)
    later = pause(attempts + 1, chance)
    assert later is None or later >= found
