"""What the relay assumes of libc and the kernel: layouts, offload, truncation, and addresses that outlive a session."""

import gc
import os
import secrets
import socket
import time
from collections.abc import Iterator

import pytest

from media_relay.seams.datagrams import SLOT, Address, Receiver, Sender, ffi
from tests.patience import PATIENCE


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        for sock in (one, other):
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)
        yield one, other


def address_of(sock: socket.socket) -> Address:
    """The raw IPv4 address of a socket, as the kernel writes it."""
    host, port = sock.getsockname()
    family = socket.AF_INET.to_bytes(2, "little" if ffi.cast("uint16_t", 1) == 1 else "big")
    return Address(family + port.to_bytes(2, "big") + socket.inet_aton(host) + bytes(20))


def read_all(sock: socket.socket) -> list[bytes]:
    found = []
    while True:
        try:
            found.append(sock.recv(65_536))
        except BlockingIOError:
            return found


@pytest.mark.skipif(ffi.sizeof("void *") != 8, reason="the figures are those of the LP64 Linux ABI")
def test_the_structures_have_the_sizes_of_the_c_headers() -> None:
    # From <sys/socket.h> and <bits/types/struct_iovec.h> of glibc and musl on 64-bit Linux.
    assert ffi.sizeof("iovec_t") == 16
    assert ffi.sizeof("msghdr_t") == 56
    assert ffi.sizeof("mmsghdr_t") == 64
    assert ffi.offsetof("msghdr_t", "msg_control") == 32
    assert ffi.offsetof("msghdr_t", "msg_flags") == 48
    assert ffi.offsetof("mmsghdr_t", "msg_len") == 56
    assert ffi.sizeof("segment_t") == socket.CMSG_SPACE(2) == 24
    assert ffi.offsetof("segment_t", "segment") == socket.CMSG_LEN(0) == 16


def test_segmentation_offload_sends_separate_datagrams(pair: tuple[socket.socket, socket.socket]) -> None:
    one, other = pair
    sender = Sender(one)
    assert sender.gso, "the kernel of a relay node supports UDP_SEGMENT since 4.18"
    parts = [secrets.token_bytes(700) for _ in range(9)] + [secrets.token_bytes(31)]
    joined = b"".join(parts)
    sender.view[: len(joined)] = joined
    sender.queue(address_of(other), 0, len(joined), 700)
    sender.flush()
    assert read_all(other) == parts


def test_a_batch_keeps_its_order_and_its_destinations(pair: tuple[socket.socket, socket.socket]) -> None:
    one, other = pair
    sender = Sender(one)
    to_self, to_other = address_of(one), address_of(other)
    for i in range(50):
        sender.send(to_other if i % 2 else to_self, str(i).encode())
    sender.flush()
    assert read_all(one) == [str(i).encode() for i in range(0, 50, 2)]
    assert read_all(other) == [str(i).encode() for i in range(1, 50, 2)]


def test_a_queued_message_keeps_its_address_when_the_session_is_gone(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    one, other = pair
    sender = Sender(one)
    for i in range(200):
        sender.send(address_of(other), str(i).encode())
        # Memory of the same size, so that freed addresses would be overwritten before the kernel reads them.
        gc.collect(0)
        ffi.new("uint8_t[]", os.urandom(28))
    sender.flush()
    assert len(read_all(other)) == 200
    assert sender.rejected == 0


def test_a_refused_message_does_not_hold_up_the_others(pair: tuple[socket.socket, socket.socket]) -> None:
    one, other = pair
    sender = Sender(one)
    nowhere = Address(bytes((99, 0)) + bytes(26))
    sender.send(nowhere, b"lost")
    sender.send(address_of(other), b"kept")
    sender.flush()
    assert read_all(other) == [b"kept"]
    assert sender.rejected == 1


def test_a_datagram_too_long_for_a_slot_counts_as_truncated(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    one, other = pair
    receiver = Receiver(other, batch=4)
    for size in (SLOT + 1, SLOT, 1):
        one.sendto(b"x" * size, other.getsockname())
    assert receiver.receive() == [0, SLOT, 1]
    assert receiver.truncated == 1
    assert receiver.receive() == []


def test_what_comes_while_the_buffer_is_full_is_counted(pair: tuple[socket.socket, socket.socket]) -> None:
    one, other = pair
    other.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
    receiver = Receiver(other)
    assert receiver.overflowed == 0
    for _ in range(100):
        one.sendto(bytes(1_000), other.getsockname())
    assert 0 < receiver.overflowed == 100 - len(receiver.receive())


def test_an_empty_datagram_is_received_as_empty(pair: tuple[socket.socket, socket.socket]) -> None:
    one, other = pair
    receiver = Receiver(other, batch=4)
    one.sendto(b"", other.getsockname())
    one.sendto(b"next", other.getsockname())
    assert receiver.receive() == [0, 4]
    assert receiver.truncated == 0


def test_addresses_of_both_families_read_back() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(("::", 0))
        sock.setblocking(False)
        receiver = Receiver(sock, batch=2)
        port = sock.getsockname()[1]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as v4:
            v4.sendto(b"4", ("127.0.0.1", port))
            assert receiver.receive() == [1]
            mapped = Address(receiver.name(0))
            assert mapped.host_port == ("127.0.0.1", v4.getsockname()[1])
            assert str(mapped) == f"127.0.0.1:{v4.getsockname()[1]}"
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as v6:
            v6.sendto(b"6", ("::1", port))
            assert receiver.receive() == [1]
            assert Address(receiver.name(0)).host_port == ("::1", v6.getsockname()[1])
            assert str(Address(receiver.name(0))).startswith("[::1]:")


@pytest.fixture
def wildcard() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(("::", 0))
        sock.setblocking(False)
        yield sock


@pytest.mark.parametrize("ours", ["127.0.0.1", "127.0.0.2", "::1"])
def test_an_answer_leaves_from_the_address_that_was_asked(wildcard: socket.socket, ours: str) -> None:
    receiver, sender = Receiver(wildcard), Sender(wildcard)
    family = socket.AF_INET6 if ":" in ours else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        client.connect((ours, wildcard.getsockname()[1]))  # from now on it hears this address only
        client.settimeout(PATIENCE)
        client.send(b"check")
        assert receiver.receive() == [5]
        address = receiver.address(0)
        # Only where the kernel would choose another address is there anything to say.
        assert bool(address.source) == (ours == "127.0.0.2")
        sender.send(address, b"plain")
        sender.view[5:15] = b"onetwolast"
        sender.queue(address, 5, 10, 3)
        sender.flush()
        assert [client.recv(100) for _ in range(5)] == [b"plain", b"one", b"two", b"las", b"t"]


def test_the_kernel_tells_when_a_datagram_arrived(wildcard: socket.socket) -> None:
    receiver = Receiver(wildcard)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client:
        before = time.time()
        for text in (b"one", b"two"):
            client.sendto(text, ("::1", wildcard.getsockname()[1]))
        between = time.time()
    assert receiver.receive() == [3, 3]
    first, second = receiver.arrival(0), receiver.arrival(1)
    assert first is not None
    assert second is not None
    assert before <= first <= second <= between
