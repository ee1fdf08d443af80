"""What `python -m app run` listens on."""

import socket
from pathlib import Path

import pytest

from app.run import in_the_clear, listen
from app.settings import load_settings


def test_no_answer_waits_for_a_packet_to_be_filled() -> None:
    with (
        listen("127.0.0.1", 0) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as connection,
    ):
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, []),
        ({"http_host": "::1"}, []),
        ({"http_host": "0.0.0.0"}, ["over http on 0.0.0.0"]),
        ({"http_host": "0.0.0.0", "public_url": "https://lessons.example.org"}, []),
        ({"database_url": "postgresql://tongtang@/tongtang?host=/run/postgresql"}, []),
        ({"database_url": "postgresql://tongtang@127.0.0.1/tongtang"}, []),
        ({"database_url": "postgresql://tongtang@db/tongtang"}, ["the database at db is not asked"]),
        ({"database_url": "postgresql://tongtang@db/tongtang?sslmode=require"}, ["sslmode=verify-full"]),
        ({"database_url": "postgresql://tongtang@db/tongtang?sslmode=verify-full"}, []),
    ],
)
def test_what_others_on_the_network_could_read_is_told(
    given: dict[str, str], told: list[str], tmp_path: Path
) -> None:
    found = list(in_the_clear(load_settings(data_dir=str(tmp_path), **given)))
    assert len(found) == len(told)
    assert all(words in line for words, line in zip(told, found, strict=True))
