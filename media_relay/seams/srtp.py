"""SRTP in place: libsrtp's functions called on our own buffers, without the copies of ``pylibsrtp.Session``.

``pylibsrtp.Session`` copies every packet into a buffer of 1,500 bytes and refuses plaintext above 1,356 bytes. Private
names used: ``pylibsrtp._binding.lib``, ``pylibsrtp._binding.ffi`` and ``Session._srtp``. Sources: RFC 3711, RFC 7714.
"""

from __future__ import annotations

import socket
from typing import Any, Final

from pylibsrtp import Policy, Session
from pylibsrtp._binding import ffi, lib

protect_rtp: Final[Any] = lib.srtp_protect
"""``protect_rtp(context, pointer, length_pointer) -> 0`` or an error number; the packet grows by the tag in place."""
unprotect_rtp: Final[Any] = lib.srtp_unprotect
PROTECT_ADDRESS: Final = int(ffi.cast("uintptr_t", ffi.addressof(lib, "srtp_protect")))
"""The same function for callers in C."""
UNPROTECT_ADDRESS: Final = int(ffi.cast("uintptr_t", ffi.addressof(lib, "srtp_unprotect")))

ERROR_REPLAY_FAIL: Final = 9
ERROR_REPLAY_OLD: Final = 10

_RTCP_ROOM: Final = 1_500
_RTCP_TRAILER: Final = 4 + 16


def new_length() -> Any:
    """An ``int *`` for the calls above."""
    return ffi.new("int *")


class SrtpError(Exception):
    """libsrtp refused a packet: forged, replayed or too old."""


class SrtpContext:
    """One direction of an SRTP session with one peer.

    ``allow_repeat_tx`` lets a lost packet be sent again unchanged: the same sequence number then has the same
    plaintext, so the GCM nonce is not misused.
    """

    __slots__ = ("_length", "_scratch", "_session", "_view", "context", "tag")

    def __init__(self, key: bytes, profile: int, tag: int, *, inbound: bool) -> None:
        policy = Policy(
            key=key,
            ssrc_type=Policy.SSRC_ANY_INBOUND if inbound else Policy.SSRC_ANY_OUTBOUND,
            srtp_profile=profile,
        )
        policy.allow_repeat_tx = True
        policy.window_size = 1024
        self._session = Session(policy)
        self.context: Any = self._session._srtp[0]
        self.tag = tag
        """Bytes by which a protected RTP packet is longer: 16 for AES-GCM, 10 for SHA1-80."""
        self._length = new_length()

    def forget(self, ssrc: int) -> None:
        """Free what libsrtp keeps for a source (RTP and RTCP), which it creates for every authentic new SSRC."""
        # libsrtp wants network byte order, as the SSRC lies in a packet.
        lib.srtp_remove_stream(self.context, socket.htonl(ssrc))

    def protect(self, packet: bytes) -> bytes:
        """A protected copy of an RTP packet: for tools and tests, not for the forwarding path."""
        return self._apply(lib.srtp_protect, packet, self.tag)

    def unprotect(self, packet: bytes) -> bytes:
        """The plaintext of a protected RTP packet; raises :class:`SrtpError`."""
        return self._apply(lib.srtp_unprotect, packet, 0)

    def protect_rtcp(self, packet: bytes) -> bytes:
        """A protected copy of a compound RTCP packet."""
        return self._apply(lib.srtp_protect_rtcp, packet, _RTCP_TRAILER)

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        """The plaintext of a protected RTCP packet; raises :class:`SrtpError`."""
        return self._apply(lib.srtp_unprotect_rtcp, packet, 0)

    def _apply(self, function: Any, packet: bytes, growth: int) -> bytes:
        if len(packet) + growth > _SCRATCH_SIZE:
            raise SrtpError("packet is too long")
        _scratch_view[: len(packet)] = packet
        length = self._length
        length[0] = len(packet)
        status = function(self.context, _scratch, length)
        if status:
            raise SrtpError(f"libsrtp status {status}")
        return bytes(_scratch_view[: length[0]])


# One scratch buffer for the whole process: the calls are synchronous and the node has one thread.
_SCRATCH_SIZE: Final = 4096
_scratch: Final = ffi.new("uint8_t[]", _SCRATCH_SIZE)
_scratch_view: Final = ffi.buffer(_scratch)
