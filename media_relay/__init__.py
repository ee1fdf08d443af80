"""The data plane of Tongtang: one process per node forwards the media of lessons, packet by packet, undecoded.

The control plane (``app``) may import :mod:`media_relay.api` and :mod:`media_relay.messages` only; this package never
imports ``app``.
"""
