"""Transport-wide sequence numbers on what subscribers receive."""

from collections.abc import Iterator

import pytest

from media_relay.seams import rtcp
from tests.media_relay.clients import DELTA, KEYFRAME, OPUS, WITH_RTX, Bench, Client, relay_bench, rtp

BOTH_WAYS = True

TEACHER = 1_000
VOICE = 3_000


@pytest.fixture
def bench() -> Iterator[Bench]:
    with relay_bench() as found:
        yield found


def speak(teacher: Client, number: int) -> None:
    teacher.send_rtp(rtp(VOICE, number, number * 960, b"sound", payload_type=OPUS))


def show(teacher: Client, number: int) -> None:
    teacher.send_rtp(rtp(TEACHER, number, number * 3_000, (DELTA if number else KEYFRAME) + b"picture"))


@pytest.mark.parametrize("video", [("VP8/90000",), WITH_RTX])
def test_every_packet_has_the_next_number_whatever_it_carries(bench: Bench, video: tuple[str, ...]) -> None:
    teacher = bench.publisher()
    site = bench.join(Client("site"), video=video)
    for number in range(6):
        speak(teacher, number)
        show(teacher, number)
        bench.pump()
    bench.until(lambda: len(site.packets) == 12)
    assert [one.transport for one in site.packets] == list(range(12))


def test_each_subscriber_has_numbers_of_its_own(bench: Bench) -> None:
    teacher, early = bench.publisher(), bench.subscriber("early")
    speak(teacher, 0)
    bench.until(lambda: len(early.packets) == 1)
    late = bench.subscriber("late")
    speak(teacher, 1)
    bench.until(lambda: len(early.packets) == 2 and len(late.packets) == 1)
    assert [one.transport for one in early.packets] == [0, 1]
    assert [one.transport for one in late.packets] == [0]


def test_a_retransmission_has_a_new_number(bench: Bench) -> None:
    teacher = bench.publisher()
    site = bench.join(Client("site"), video=WITH_RTX)
    for number in range(3):
        show(teacher, number)
    bench.until(lambda: len(site.packets) == 3)
    lost = site.packets[1]
    site.send_rtcp(rtcp.receiver_report(9, []) + rtcp.nack(9, lost.ssrc, [lost.number]))
    bench.until(lambda: len(site.packets) == 4)
    assert site.packets[3].transport == 3


class Recorder(Client):
    """Keeps what it receives as it was on the wire: SRTP lets nobody see a packet twice."""

    def __init__(self, session: str) -> None:
        super().__init__(session)
        self.wire: list[bytes] = []

    def _take_media(self, datagram: bytes) -> None:
        if not 192 <= datagram[1] <= 223:
            self.wire.append(datagram)
        super()._take_media(datagram)


def test_what_is_sent_again_on_its_own_ssrc_is_the_same_to_the_last_bit(bench: Bench) -> None:
    """Another header with the same nonce would give away the key that authenticates (RFC 7714 section 8.4)."""
    teacher, site = bench.publisher(), Recorder("site")
    bench.join(site)
    for number in range(3):
        show(teacher, number)
        speak(teacher, number)
        bench.pump()
    bench.until(lambda: len(site.wire) == 6)
    for ssrc in {one.ssrc for one in site.packets}:
        numbers = [one.number for one in site.packets if one.ssrc == ssrc]
        site.send_rtcp(rtcp.receiver_report(9, []) + rtcp.nack(9, ssrc, numbers))
    bench.until(lambda: len(site.wire) == 12)
    assert sorted(site.wire[6:]) == sorted(site.wire[:6])
    speak(teacher, 3)
    bench.until(lambda: len(site.packets) == 7)
    assert site.packets[-1].transport == 6, "what was sent again took no number"
