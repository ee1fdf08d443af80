"""How the links are, from a node's samples to the channels and the figures for Prometheus."""

import asyncio
import json
from collections.abc import Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest

from app.live.coordinator import Coordinator
from app.live.hub import ChannelHub, Member
from app.live.quality import LinkState, QualityRecord, Rung, SiteQuality, survey
from app.live.quality_news import QualityNews
from app.live.rules import Direction
from app.live.sessions import Admission, MediaSession, Opened, SessionRegister, StreamKey
from media_relay.messages import RungChanged, Sample
from tests.app.live.coordinating import (
    ENDS_AT,
    LESSON,
    SITE_ONE,
    WANG,
    camera,
    peer,
    publish,
    running,
    waiting,
)
from tests.patience import PATIENCE

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
LIVE = {"main", "board", "site-S1"}


def session(
    stream: str, direction: Direction = Direction.WATCH, site: str | None = "S1", viewer: str = "page-1"
) -> MediaSession:
    """A connected session of a site's assistant, or without a site of the teacher."""
    admission = Admission(
        StreamKey(LESSON, stream),
        direction,
        SITE_ONE if site else WANG,
        site,
        viewer,
        lesson_ends_at=ENDS_AT,
    )
    return replace(MediaSession.new(admission, node=0), connected=True)


def sample(of: MediaSession, **changes: Any) -> Sample:
    """Figures of a good link."""
    good = Sample(
        session=of.id,
        lesson=str(LESSON),
        stream=of.key.stream,
        publishes=of.direction is Direction.PUBLISH,
        seconds=5.0,
        loss=0.001,
        rtt_ms=20.0,
        jitter_ms=2.0,
        bitrate=2_600_000,
        repaired=1,
        rung="full",
        estimate=4_000_000,
    )
    return replace(good, **changes)


def site_after(*samples: tuple[MediaSession, dict[str, Any]]) -> SiteQuality:
    record = QualityRecord()
    for each, changes in samples:
        record.connected(each.id, NOW)
        record.sampled(sample(each, **changes), NOW + timedelta(seconds=5))
    return survey([each for each, _ in samples], record, LIVE).sites["S1"]


def test_a_site_is_as_well_as_its_worst_link() -> None:
    main, board, up = session("main"), session("board"), session("site-S1", Direction.PUBLISH)
    assert site_after((main, {}), (board, {}), (up, {"rung": ""})).state is LinkState.GOOD
    reduced = site_after((main, {"rung": "low"}), (board, {}))
    assert (reduced.state, reduced.rung) == (LinkState.WEAK, Rung.LOW)
    assert site_after((main, {}), (up, {"loss": 0.2, "rung": ""})).state is LinkState.WEAK, "on its way up"
    assert site_after((main, {"freezes": 1})).state is LinkState.WEAK
    silent = site_after((main, {"rung": "audio_only"}), (board, {"rung": "low"}))
    assert (silent.state, silent.rung) == (LinkState.WEAK, Rung.AUDIO_ONLY), "the board is seen"
    assert site_after((main, {"rung": "audio_only"})).state is LinkState.AUDIO_ONLY


def test_a_site_that_does_not_receive_the_lesson_is_away() -> None:
    main, up = session("main"), session("site-S1", Direction.PUBLISH)
    assert site_after((replace(main, connected=False), {}), (up, {})).state is LinkState.AWAY
    assert site_after((main, {"rung": ""})).state is LinkState.GOOD, "nothing is known against it yet"


def test_what_is_not_on_air_says_nothing_of_a_link() -> None:
    record, main, board = QualityRecord(), session("main"), session("board")
    for each, rung in ((main, "full"), (board, "audio_only")):
        record.sampled(sample(each, rung=rung), NOW)
    assert survey([main, board], record, {"main"}).sites["S1"].state is LinkState.GOOD


def test_freezes_add_up_and_a_rung_keeps_its_reason_and_its_time() -> None:
    record, main = QualityRecord(), session("main")
    record.stepped(main.id, Rung.LOW, "loss", NOW)
    for second in range(3):
        record.sampled(sample(main, rung="low", freezes=second), NOW + timedelta(seconds=second))
    known = record.of(main.id)
    assert (known.rung, known.reason, known.rung_at, known.freezes) == (Rung.LOW, "loss", NOW, 3)
    record.sampled(sample(main, rung="full"), NOW + timedelta(seconds=9))
    known = record.of(main.id)
    assert (known.rung, known.reason, known.rung_at) == (Rung.FULL, None, NOW + timedelta(seconds=9))


def test_the_teacher_has_links_too_and_guests_belong_to_no_site() -> None:
    own, tile = session("main", Direction.PUBLISH, None), session("site-S1", site=None)
    guest = session("main", site=None)
    quality = survey([own, tile, guest], QualityRecord(), LIVE)
    assert [each.session for each in quality.teacher] == [own, tile]
    assert quality.sites == {}


# --- in the channels ---


class Desk:
    """News with a register and a hub of their own."""

    def __init__(self, *sessions: MediaSession) -> None:
        self.sessions = SessionRegister()
        self.hub = ChannelHub()
        self.news = QualityNews(self.hub, self.sessions, lambda lesson: LIVE)
        for each in sessions:
            self.sessions.add(each)

    def rung(self, of: MediaSession, rung: str, reason: str = "congestion") -> None:
        self.news.stepped(RungChanged(of.id, str(LESSON), of.key.stream, rung, reason))

    def figures(self) -> dict[str, float]:
        """What Prometheus would read of the rungs."""
        return {
            f"{each.labels['stream']} {each.labels['rung']}": each.value
            for metric in self.news.figures.collect()
            for each in metric.samples
            if each.name == "tongtang_subscriber_rungs" and each.value
        }


def test_a_rung_is_told_at_once_to_its_page_and_to_who_looks_after_the_site() -> None:
    main = session("main")
    desk = Desk(main)
    teacher = desk.hub.join(LESSON, LIVE, {"S1", "S2"}, "desk")
    page = desk.hub.join(LESSON, LIVE, {"S1"}, "page-1")
    neighbour = desk.hub.join(LESSON, {"main"}, {"S2"}, "page-2")
    desk.rung(main, "low")
    own = {"type": "rung", "stream": "main", "rung": "low", "reason": "congestion"}
    assert waiting(page) == [own]
    assert waiting(teacher) == [{**own, "site": "S1"}]
    assert waiting(neighbour) == []


def test_what_a_node_tells_of_strangers_or_in_unknown_words_is_passed_over() -> None:
    main, gone = session("main"), session("main")
    desk = Desk(main)
    member = desk.hub.join(LESSON, LIVE, {"S1"})
    desk.rung(gone, "low")
    desk.rung(main, "sideways")
    desk.news.sampled([sample(gone)])
    desk.news.tell()
    assert ["loss" in each["streams"][0] for each in waiting(member)[0]["sites"]] == [False]


def test_everybody_hears_of_the_links_that_concern_them() -> None:
    main, other, own = (
        session("main"),
        session("main", site="S2", viewer="page-2"),
        session("site-S1", site=None),
    )
    desk = Desk(main, other, own)
    desk.news.sampled([sample(main), sample(other, rung="low")])
    teacher = desk.hub.join(LESSON, LIVE, {"S1", "S2"}, "page-1")
    site = desk.hub.join(LESSON, {"main"}, {"S2"}, "page-2")
    guest = desk.hub.join(LESSON, {"main"})
    desk.news.tell()
    (told,) = waiting(teacher)
    assert {each["site"]: each["state"] for each in told["sites"]} == {"S1": "good", "S2": "weak"}
    assert WANG.hex not in json.dumps(told).replace("-", ""), "names nobody"
    (told,) = waiting(site)
    assert [each["site"] for each in told["sites"]] == ["S2"]
    assert [(each["stream"], each["rung"]) for each in told["own"]] == [("main", "low")]
    assert waiting(guest) == [], "nothing to tell"


def test_who_comes_late_is_told_how_things_are() -> None:
    desk = Desk(session("main"))
    member = desk.hub.join(LESSON, LIVE, {"S1"})
    desk.news.tell_newcomer(member)
    assert [each["type"] for each in waiting(member)] == ["quality"]


# --- for Prometheus ---

STEPS = st.lists(
    st.tuples(
        st.integers(0, 2), st.sampled_from(["stepped", "sampled", "left"]), st.sampled_from(list(Rung))
    ),
    max_size=30,
)


@given(STEPS)
def test_subscribers_are_counted_by_rung_and_not_after_they_left(steps: list[tuple[int, str, Rung]]) -> None:
    sessions = [session("main"), session("board"), session("site-S9", site=None)]
    desk = Desk(*sessions)
    expected: dict[int, Rung] = {}
    left = set()
    for number, kind, rung in steps:
        of = sessions[number]
        if kind == "left":
            left.add(number)
            expected.pop(number, None)
            if desk.sessions.remove(of.id):
                desk.news.forget(of)
            continue
        if number not in left:
            expected[number] = rung
        if kind == "stepped":
            desk.rung(of, rung)
        else:
            desk.news.sampled([sample(of, rung=rung.value)])
    kinds = ("main", "board", "site")
    assert desk.figures() == {f"{kinds[number]} {rung}": 1 for number, rung in expected.items()}


def test_figures_name_kinds_of_streams_and_nothing_else() -> None:
    sessions = [session(f"site-S{number}", site=None) for number in range(50)]
    desk = Desk(*sessions)
    for each in sessions:
        desk.news.sampled([sample(each)])
        desk.rung(each, "low", "a reason nobody knows")
    samples = [each for metric in desk.news.figures.collect() for each in metric.samples]
    assert {each.labels["stream"] for each in samples} == {"site"}
    assert {each.labels.get("reason", "other") for each in samples} == {"other"}


# --- with a real node ---


async def watch(coordinator: Coordinator, connection: RTCPeerConnection, viewer: str) -> Opened:
    key = StreamKey(LESSON, "main")
    admission = Admission(key, Direction.WATCH, SITE_ONE, "S1", viewer, lesson_ends_at=ENDS_AT)
    opened = await coordinator.watch(admission, connection.localDescription.sdp)
    await connection.setRemoteDescription(RTCSessionDescription(opened.sdp, "answer"))
    return opened


async def news(member: Member, kind: str) -> dict[str, Any]:
    """The next message of this kind."""
    async with asyncio.timeout(PATIENCE):
        while True:
            text = await member.next()
            assert isinstance(text, str)
            message: dict[str, Any] = json.loads(text)
            if message["type"] == kind:
                return message


def test_a_real_link_is_measured_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes the second until the node's first samples."""

    async def scenario() -> None:
        async with running() as coordinator, peer(*camera()) as teacher, peer() as site:
            member = coordinator.channels.join(LESSON, {"main"}, {"S1"}, "page-1")
            await coordinator.wait_ready(PATIENCE)
            opened = await publish(coordinator, teacher)
            samples: asyncio.Queue[None] = asyncio.Queue()
            take = coordinator.quality.sampled

            def listen(taken: Collection[Sample]) -> None:
                take(taken)
                samples.put_nowait(None)

            monkeypatch.setattr(coordinator.quality, "sampled", listen)
            watched = await watch(coordinator, site, "page-1")
            async with asyncio.timeout(PATIENCE):
                while len(measured(coordinator)) < 2:
                    await samples.get()
            found = measured(coordinator)
            coordinator.quality.tell()
            told = await news(member, "quality")
            assert told["sites"][0]["state"] == "good"
            assert [each["stream"] for each in told["own"]] == ["main"]
            assert {each.publishes for each in found.values()} == {True, False}
            assert all(each.bitrate > 0 and each.loss == 0.0 for each in found.values())
            text = generate_latest(cast(CollectorRegistry, coordinator.quality.figures)).decode()
            assert 'tongtang_subscriber_loss_ratio_count{node="0",stream="main"} 1.0' in text
            for each in (opened, watched):
                await coordinator.end(each.session)
            assert measured(coordinator) == {}, "nothing is kept of who has left"

    asyncio.run(scenario())


def measured(coordinator: Coordinator) -> dict[str, Sample]:
    streams = coordinator.quality.of(LESSON).streams
    return {each.session.id: each.measured.sample for each in streams if each.measured.sample is not None}


def test_a_preference_outlives_the_node_that_was_told() -> None:
    async def scenario() -> None:
        async with running() as coordinator, peer() as site, peer() as again:
            member = coordinator.channels.join(LESSON, {"main", "board"}, {"S1"}, "page-1")
            await coordinator.prefer(member, "board")
            await coordinator.wait_ready(PATIENCE)
            await watch(coordinator, site, "page-1")
            await coordinator.prefer(member, "main")
            await coordinator._pool.stop()
            await coordinator.prefer(member, "board")
            coordinator.start()
            await coordinator.wait_ready(PATIENCE)
            await watch(coordinator, again, "page-1")
            assert member.prefers == "board"

    asyncio.run(scenario())
