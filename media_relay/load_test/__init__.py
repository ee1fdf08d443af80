"""A load generator on the relay's own seams: one publisher and many subscribers in one process, without codecs.

The clients speak ICE, DTLS-SRTP and RTCP as a browser does, and send frames of the sizes a browser would send, but
nothing is encoded or decoded. ``python -m media_relay load-test`` points it at any WHIP and WHEP server; the benchmark
hands the offers to a node over its control link instead.
"""
