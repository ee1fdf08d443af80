"""The least that forwarding can cost here: AES-GCM by libsrtp in place and ``sendmmsg`` with GSO, and nothing else.

The packet sizes, batches and numbers of subscribers are those of the relay's benchmark, but there is no receiving, no
copying, no parsing and no bookkeeping: everything that can be prepared is prepared, and everything is warm.
"""

from __future__ import annotations

import secrets
import socket
import time
from contextlib import ExitStack
from typing import Any, Final

from pylibsrtp import Policy

from media_relay.core.forwarding import Layout, WireFormat, render
from media_relay.core.history import SLOT, History
from media_relay.core.packet import HEADER, canonical_block, extension_table
from media_relay.load_test.arrivals import Arrivals, open_socket
from media_relay.load_test.media import AUDIO_PERIOD, Frames, MediaPlan
from media_relay.node import bind
from media_relay.seams.datagrams import MAX_GSO_BYTES, MAX_SEGMENTS, Address, ffi
from media_relay.seams.srtp import SrtpContext, new_length, protect_rtp

_libc: Final[Any] = ffi.dlopen(None)
_SOL_UDP: Final = 17
_UDP_SEGMENT: Final = 103
_CONTROL_LENGTH: Final = 18
_CONTROL_SPACE: Final = 24
_TAG: Final = 16
_PAYLOAD_TYPE: Final = 96
_KEY_AND_SALT: Final = 28
_CPU_SECONDS: Final = 1.5


class Batch:
    """One frame for all subscribers: copies to protect, and the messages that carry them."""

    def __init__(self, payloads: list[bytes], destinations: list[Address]) -> None:
        template = bytearray(len(payloads) * (SLOT + _TAG))
        self.layout = _lay_out(payloads, template)
        size = self.layout.size
        self._memory: Any = ffi.new("uint8_t[]", size * len(destinations))
        self.copies = [self._memory + index * size for index in range(len(destinations))]
        for copy in self.copies:
            ffi.memmove(copy, bytes(template[:size]), size)
        self.packets = len(self.layout.packets) * len(destinations)
        self.count = len(self.layout.messages) * len(destinations)
        self.messages: Any = ffi.new("mmsghdr_t[]", self.count)
        self._vectors: Any = ffi.new("iovec_t[]", self.count)
        self._segments: Any = ffi.new("segment_t[]", self.count)
        index = 0
        for copy, destination in zip(self.copies, destinations, strict=True):
            for offset, total, segment in self.layout.messages:
                self._message(index, destination, copy + offset, total, segment)
                index += 1

    def _message(self, index: int, destination: Address, start: Any, total: int, segment: int) -> None:
        vector: Any = ffi.addressof(self._vectors, index)
        control: Any = ffi.addressof(self._segments, index)
        vector.iov_base, vector.iov_len = start, total
        header = self.messages[index].msg_hdr
        header.msg_name, header.msg_namelen = destination.pointer, destination.length
        header.msg_iov, header.msg_iovlen = vector, 1
        if segment:
            control.cmsg_len, control.cmsg_level, control.cmsg_type = _CONTROL_LENGTH, _SOL_UDP, _UDP_SEGMENT
            control.segment = segment
            header.msg_control, header.msg_controllen = control, _CONTROL_SPACE


def _lay_out(payloads: list[bytes], template: bytearray) -> Layout:
    """The batch as the relay would lay it out."""
    history = History(len(payloads))
    for number, payload in enumerate(payloads):
        rest = canonical_block(b"") + payload
        at = history.store(number, HEADER.size + len(rest)) * SLOT
        HEADER.pack_into(history.view, at, 0x90, _PAYLOAD_TYPE, number, 0, 1)
        history.view[at + HEADER.size : at + HEADER.size + len(rest)] = rest
    wire = WireFormat(bytes(range(128)), bytes(128), extension_table({}), _TAG)
    return render(
        history,
        range(len(payloads)),
        wire,
        memoryview(template),
        max_segments=MAX_SEGMENTS,
        max_message=MAX_GSO_BYTES,
    )


def measure_floor(subscribers: int, plan: MediaPlan) -> float:
    """Microseconds of processor time a packet, for the mix of sound and pictures of ``plan``."""
    frames = Frames(plan)
    with ExitStack() as stack:
        sender = stack.enter_context(bind(0))
        sockets = [stack.enter_context(open_socket("127.0.0.1")) for _ in range(subscribers)]
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        destinations = [_destination(sock, sender.family) for sock in sockets]
        contexts = [_context() for _ in range(subscribers)]
        video = Batch(frames.usual_video(), destinations)
        audio = Batch([frames.audio()], destinations)
        audio_share = 1 / AUDIO_PERIOD / plan.frames_per_second
        sent = due = 0.0
        cpu, packets = 0.0, 0
        arrivals = Arrivals()
        while cpu < _CPU_SECONDS:
            batches = [video]
            due += audio_share
            while sent < due:
                sent += 1
                batches.append(audio)
            for batch in batches:
                cpu += _send(batch, contexts, sender)
                packets += batch.packets
                for sock in sockets:
                    while arrivals.receive(sock):
                        pass
    return cpu / packets * 1e6


def _send(batch: Batch, contexts: list[SrtpContext], sender: socket.socket) -> float:
    """Processor seconds to protect and send a batch. Sending the same numbers again is allowed by the policy."""
    protect, length, packets = protect_rtp, new_length(), batch.layout.packets
    work = list(zip([c.context for c in contexts], batch.copies, strict=True))
    descriptor, messages, count = sender.fileno(), batch.messages, batch.count
    failed = done = 0
    began = time.process_time()
    for context, copy in work:
        for offset, plain in packets:
            length[0] = plain
            failed |= protect(context, copy + offset, length)
    while done < count:
        done += max(0, _libc.sendmmsg(descriptor, messages + done, count - done, 0))
    elapsed = time.process_time() - began
    if failed:
        raise RuntimeError("libsrtp refused a packet")
    return elapsed


def _context() -> SrtpContext:
    profile = Policy.SRTP_PROFILE_AEAD_AES_128_GCM
    return SrtpContext(secrets.token_bytes(_KEY_AND_SALT), profile, _TAG, inbound=False)


def _destination(sock: socket.socket, family: int) -> Address:
    """The socket's address as the node's dual-stack socket would see it."""
    host, port = sock.getsockname()
    packed = socket.inet_aton(host)
    if family == socket.AF_INET6:
        raw = (
            family.to_bytes(2, "little")
            + port.to_bytes(2, "big")
            + bytes(14)
            + b"\xff\xff"
            + packed
            + bytes(4)
        )
    else:
        raw = family.to_bytes(2, "little") + port.to_bytes(2, "big") + packed + bytes(20)
    return Address(raw)
