"""What `python -m app run` listens on."""

import socket

from app.run import listen


def test_no_answer_waits_for_a_packet_to_be_filled() -> None:
    with (
        listen("127.0.0.1", 0) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as connection,
    ):
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
