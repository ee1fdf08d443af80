"""The native kernel gives what the Python path gives, byte for byte. Needs a C compiler."""

from __future__ import annotations

import gc
import secrets
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pylibsrtp import Policy

from media_relay import native
from media_relay.core import red
from media_relay.core.forwarding import WireFormat, render
from media_relay.core.history import SLOT, History
from media_relay.core.packet import Codec, canonical_block, dependency_block, extension_table
from media_relay.core.rendition import FULL, Rendition
from media_relay.core.track import Track
from media_relay.core.transport_log import TransportLog
from media_relay.counters import Counters
from media_relay.fanout import Fanout, Group
from media_relay.seams import kernel as seam
from media_relay.seams.ancillary import send_from
from media_relay.seams.datagrams import MAX_GSO_BYTES, Address, ConnectionAddress, Sender, ffi
from media_relay.seams.kernel import Kernel, KernelError
from media_relay.seams.srtp import SrtpContext
from tests.media_relay.core.packets import packet
from tests.media_relay.test_seams_datagrams import address_of, read_all

SLOTS = 256
PROFILE = Policy.SRTP_PROFILE_AEAD_AES_128_GCM

carried = st.lists(
    st.tuples(st.sampled_from([1, 2, 3, 4, 5]), st.binary(min_size=1, max_size=16)), max_size=3
).map(lambda elements: b"".join(bytes([number << 4 | len(d) - 1]) + d for number, d in elements))
blocks = st.one_of(
    st.just(canonical_block(b"")),
    carried.map(canonical_block),
    st.builds(dependency_block, carried, st.binary(min_size=1, max_size=60)),
)
ordinary = st.builds(
    packet,
    st.integers(0, 65_535),
    st.integers(0, 2**32 - 1),
    st.one_of(st.integers(1, 1_200), st.sampled_from([1_000, 1_000, 999])).map(bytes),
    payload_type=st.sampled_from([Codec.VP8, Codec.VP8, Codec.H264, Codec.OPUS, Codec.AV1]),
    marker=st.booleans(),
    block=blocks,
)
redundant = st.builds(
    lambda number, former, present, block: packet(
        number,
        number * 960,
        red.pack(Codec.OPUS, 960, memoryview(former), memoryview(present)) or b"",
        payload_type=Codec.RED,
        block=block,
    ),
    st.integers(0, 65_535),
    st.binary(min_size=1, max_size=100),
    st.binary(max_size=100),
    blocks,
)
packets = st.one_of(ordinary, ordinary, redundant)
wires = st.builds(
    WireFormat,
    payload_types=st.dictionaries(st.sampled_from(list(Codec)), st.integers(1, 127)).map(
        lambda types: bytes(types.get(Codec(n), 0) if n in set(Codec) else 0 for n in range(128))
    ),
    repair_types=st.just(bytes(128)),
    extensions=st.dictionaries(st.integers(1, 6), st.integers(1, 14)).map(extension_table),
    tag=st.sampled_from([10, 16]),
    transport=st.sampled_from([0, 5]),
)
EVERYTHING = WireFormat(bytes(range(128)), bytes([97]) * 128, extension_table({1: 9}), 16, 5)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The kernel, compiled just now with all warnings as errors."""
    path = native.build(tmp_path_factory.mktemp("kernel"), (*native.FLAGS, "-Werror"))
    return seam.load(path)


def filled(stored: Sequence[bytes]) -> History:
    history = History(SLOTS)
    for index, data in enumerate(stored):
        slot = history.store(index, len(data))
        history.view[slot * SLOT : slot * SLOT + len(data)] = data
    return history


@settings(max_examples=150)
@given(st.lists(packets, max_size=60), wires, st.sampled_from([1, 3, 64]))
def test_a_batch_is_laid_out_as_python_does(
    built: Any, stored: list[bytes], wire: WireFormat, max_segments: int
) -> None:
    history, slots = filled(stored), range(len(stored))
    out = memoryview(bytearray(128 * (SLOT + 18)))
    wanted = render(history, slots, wire, out, max_segments=max_segments, max_message=MAX_GSO_BYTES)
    kernel = Kernel(built, max_segments)
    assert kernel.render(history, slots, wire) == wanted.batch
    assert kernel.layout().packets == wanted.packets
    assert kernel.layout().messages == wanted.messages
    for at, length in wanted.packets:
        assert kernel.view[at : at + length] == out[at : at + length]


def test_what_the_kernel_does_not_know_is_left_to_python(built: Any) -> None:
    kernel = Kernel(built, 64)
    for payload in (bytes(4), b"\xef\0\0\x09\x6fshort"):
        torn = packet(1, 1, payload, payload_type=Codec.RED, block=canonical_block(b""))
        assert kernel.render(filled([torn]), [0], EVERYTHING) is None
    with pytest.raises((IndexError, OverflowError)):
        kernel.render(filled([torn]), range(200), EVERYTHING)
    assert kernel.render(filled([torn]), [SLOTS], EVERYTHING) is None


def test_what_the_kernel_has_seen_can_be_thrown_away(built: Any) -> None:
    # A memoryview with exports inside of a cycle is the end of the process when garbage is collected.
    kernel, stored = Kernel(built, 64), frame(1, 3)
    for _ in range(20):
        history = filled(stored)
        assert kernel.render(history, range(3), EVERYTHING) is not None
        history.handle = history.handle, history  # as a stream and its subscribers know each other
    del history
    assert gc.collect() > 0


class Site:
    """A target."""

    def __init__(self, key: bytes, destination: Address) -> None:
        self.protection = SrtpContext(key, PROFILE, 16, inbound=False)
        self.context = self.protection.context
        self.destination = destination
        self.transport = TransportLog()


class Half:
    """One of two equal relays: the kernel's and Python's."""

    def __init__(
        self, sock: socket.socket, sites: list[Site], kernel: Any, arena: int, messages: int
    ) -> None:
        self.sender = Sender(sock, arena, messages)
        self.sites: Group[Site] = Group()
        self.sites.extend(sites)
        self.counters = Counters()
        made = None if kernel is None else Kernel(kernel, self.sender.max_segments)
        self.fanout = Fanout(self.sender, self.counters, lambda: 1.5, made)

    def queued(self) -> list[tuple[bytes, bytes, bytes]]:
        """What would be sent: name, data, control of each message."""
        found = []
        for index in range(self.sender.lend().count):
            header = self.sender.lend().messages[index].msg_hdr
            vector = header.msg_iov[0]
            found.append(
                (
                    bytes(ffi.buffer(header.msg_name, header.msg_namelen)),
                    bytes(ffi.buffer(vector.iov_base, vector.iov_len)),
                    bytes(ffi.buffer(header.msg_control, header.msg_controllen))
                    if header.msg_controllen
                    else b"",
                )
            )
        return found


Halves = tuple[Half, Half, socket.socket]


def halves(built: Any, arena: int = 1 << 21, messages: int = 1_024, sites: int = 5) -> Iterator[Halves]:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        for one in (sock, other):
            one.bind(("127.0.0.1", 0))
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            one.setblocking(False)
        raw = address_of(other).raw
        loopback = send_from(socket.inet_aton("127.0.0.1"))
        addresses = [Address(raw, loopback if index == 2 else b"") for index in range(sites)]
        keys = [secrets.token_bytes(28) for _ in addresses]
        made = [
            Half(
                sock,
                [Site(key, address) for key, address in zip(keys, addresses, strict=True)],
                kernel,
                arena,
                messages,
            )
            for kernel in (built, None)
        ]
        yield made[0], made[1], other


@pytest.fixture
def pair(built: Any) -> Iterator[Halves]:
    """Two relays with sites of the same keys; one of them is sent to from an address of its own."""
    yield from halves(built)


def frame(first: int, count: int, size: int = 1_000) -> list[bytes]:
    return [
        packet(first + i, 9, secrets.token_bytes(size - i % 2), block=canonical_block(b"\x10\x7f"), ssrc=7)
        for i in range(count)
    ]


def track_with(stored: Sequence[bytes]) -> Rendition:
    track = Track(is_video=True, ssrc=7, repair_ssrc=8, first_sequence=1, slots=SLOTS)
    for index, data in enumerate(stored):
        slot = track.history.store(index, len(data))
        track.history.view[slot * SLOT : slot * SLOT + len(data)] = data
    return Rendition(track, FULL)


def test_the_same_messages_leave(pair: Halves) -> None:
    one, two, _ = pair
    path = track_with(frame(65_530, 20)).base
    for half in (one, two):
        for part in (range(9), [9], range(10, 20)):
            assert half.fanout.forward(path, part, EVERYTHING, half.sites) == len(part)
        half.fanout.repair(path, [3, 4], EVERYTHING, half.sites[0], ssrc=8, first=100)
        half.fanout.repeat(path, [9], EVERYTHING, half.sites[1])
        half.fanout.pad(EVERYTHING, half.sites[2], 3, ssrc=8, first=7, timestamp=1)
    assert one.queued() == two.queued()
    assert one.sender.view[: one.sender.used] == two.sender.view[: two.sender.used]
    assert one.counters == two.counters
    for ours, theirs in zip(one.sites, two.sites, strict=True):
        assert ours.transport.next == theirs.transport.next >= 20
        assert ours.transport.octets == theirs.transport.octets
        assert ours.transport.number_of(7, 65_531) == theirs.transport.number_of(7, 65_531) == 1


def test_a_full_queue_is_sent_and_filled_again(built: Any) -> None:
    for one, two, other in halves(built, arena=30_000, messages=16, sites=12):
        path = track_with(frame(1, 9)).base
        received = []
        for half in (one, two):
            half.fanout.forward(path, range(9), EVERYTHING, half.sites)
            half.sender.flush()
            received.append(read_all(other))
        assert len(received[0]) == 12 * 9
        assert received[0] == received[1]


class Kept:
    """A connection that keeps what it is given."""

    def __init__(self) -> None:
        self.data: list[bytes] = []

    def write(self, data: memoryview, segment: int) -> None:
        self.data.append(bytes(data))

    def flush(self) -> None:
        """There is nothing in its way."""


def test_a_queue_that_datagrams_fill_to_the_brim_has_room_for_connections(built: Any) -> None:
    for one, two, other in halves(built, messages=16, sites=17):
        path = track_with(frame(1, 1)).base
        received = []
        for half in (one, two):
            kept = Kept()
            half.sites[0].destination = ConnectionAddress(kept, ("127.0.0.1", 1))
            half.fanout.forward(path, [0], EVERYTHING, half.sites)
            half.sender.flush()
            received.append((kept.data, read_all(other)))
            assert half.counters.packets_forwarded == 17
        assert [len(data) for data in received[0]] == [1, 16]
        assert received[0] == received[1]


def test_hundreds_of_targets_are_served_in_parts(built: Any) -> None:
    for one, two, _ in halves(built, sites=seam.MAX_TARGETS + 3):
        path = track_with(frame(1, 1)).base
        for half in (one, two):
            half.fanout.forward(path, [0], EVERYTHING, half.sites)
        assert one.queued() == two.queued()
        assert one.counters.packets_forwarded == seam.MAX_TARGETS + 3


def test_what_cannot_be_protected_does_not_leave(pair: Halves) -> None:
    one, two, _ = pair
    path = track_with(frame(5, 3)).base
    for half in (one, two):
        # Two thousand packets on: libsrtp refuses what is older than its window.
        half.sites[1].protection.protect(packet(3_000, 9, b"later", ssrc=7))
        half.fanout.forward(path, range(3), EVERYTHING, half.sites)
        assert half.counters.drops["protect"] == 3
        assert half.counters.packets_forwarded == 12
        assert [site.transport.next for site in half.sites] == [3, 0, 3, 3, 3]
    assert one.queued() == two.queued()


def test_a_library_for_other_structures_is_not_used(
    built: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert seam.load(tmp_path / "missing.so") is None
    (tmp_path / "broken.so").write_bytes(b"no library")
    with pytest.raises(KernelError):
        seam.load(tmp_path / "broken.so")
    path = native.build(tmp_path)
    monkeypatch.setattr(seam, "library", lambda: path)
    assert seam.choose(True, 64)[1] == "native"
    assert seam.choose(False, 64) == (None, "python")
    monkeypatch.setattr(seam, "_STRUCTURES", tuple(reversed(seam._STRUCTURES)))
    kernel, forwards = seam.choose(True, 64)
    assert kernel is None
    assert forwards.startswith("python: ")
    assert "other structures" in forwards


def test_a_machine_without_a_compiler_does_without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(native.BuildError, match="no C compiler"):
        native.build(tmp_path)
