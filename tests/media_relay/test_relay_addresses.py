"""Where a client's media goes: only to where the client answers, whatever others repeat, forge or take."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from aioice import stun

from tests.media_relay.clients import DELTA, KEYFRAME, Bench, Client, rtp

BOTH_WAYS = True

VIDEO = 0x11111111


@contextmanager
def somewhere() -> Iterator[socket.socket]:
    """An address that is not the client's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        yield sock


def heard(sock: socket.socket) -> list[bytes]:
    """What has arrived there."""
    found = []
    while True:
        try:
            found.append(sock.recv(2_048))
        except BlockingIOError:
            return found


@pytest.fixture
def lesson(bench: Bench) -> tuple[Client, Client]:
    """A teacher and a site that has seen the first picture."""
    teacher, site = bench.publisher(), bench.subscriber()
    teacher.send_rtp(rtp(VIDEO, 1, 1, KEYFRAME))
    bench.until(lambda: len(site.packets) == 1)
    return teacher, site


def test_a_check_repeated_by_somebody_else_does_not_lead_the_media_away(
    bench: Bench, lesson: tuple[Client, Client]
) -> None:
    teacher, site = lesson
    overheard = site.check()
    with somewhere() as thief:
        for number in range(2, 60):
            thief.sendto(overheard, site.target)
            teacher.send_rtp(rtp(VIDEO, number, number, DELTA))
            bench.live(0.020)
        # It gets answers and a few questions that only the client can answer, but no picture and nothing large.
        got = heard(thief)
    assert len(site.packets) == 59
    assert got and all(datagram[0] < 4 and len(datagram) <= len(overheard) + 24 for datagram in got)
    assert sum(map(len, got)) <= 1.2 * 58 * len(overheard)


def test_a_client_that_moves_takes_its_media_with_it(bench: Bench, lesson: tuple[Client, Client]) -> None:
    teacher, site = lesson
    with somewhere() as old:
        site.socket, old = old, site.socket
        site.send(site.check())
        bench.until(lambda: site.questions == 1)
        bench.pump()
        for number in range(2, 10):
            teacher.send_rtp(rtp(VIDEO, number, number, DELTA))
        bench.until(lambda: len(site.packets) == 9)
        assert heard(old) == [] and site.undecodable == 0
        old.close()
        bench.clients.remove(site)


def test_the_question_to_a_new_address_is_repeated_a_few_times_and_given_up(
    bench: Bench, lesson: tuple[Client, Client]
) -> None:
    _, site = lesson
    with somewhere() as deaf:
        deaf.sendto(site.check(), site.target)
        bench.live(10.0)
        questions = [datagram for datagram in heard(deaf) if datagram[:2] == b"\x00\x01"]
    assert 2 <= len(questions) <= 10


def test_an_answer_from_elsewhere_or_to_another_question_moves_nothing(
    bench: Bench, lesson: tuple[Client, Client]
) -> None:
    teacher, site = lesson
    with somewhere() as thief, somewhere() as accomplice:
        thief.sendto(site.check(), site.target)
        bench.pump()
        question = next(stun.parse_message(d) for d in heard(thief) if d[:2] == b"\x00\x01")
        for key, transaction, sender in (
            (b"a guess", question.transaction_id, thief),
            (site.local.password.encode(), bytes(12), thief),
            (site.local.password.encode(), question.transaction_id, accomplice),
        ):
            answer = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, transaction_id=transaction)
            answer.add_message_integrity(key)
            sender.sendto(bytes(answer), site.target)
        bench.pump()
        teacher.send_rtp(rtp(VIDEO, 2, 2, DELTA))
        bench.until(lambda: len(site.packets) == 2)
    assert bench.relay.drops()["stun"] == 3


def test_the_address_of_a_running_session_is_nobody_elses(
    bench: Bench, lesson: tuple[Client, Client]
) -> None:
    """Another client, authentic itself, that writes the teacher's address on its checks."""
    teacher, site = lesson
    rival = Client("rival")
    bench.offer(rival)
    for _ in range(5):
        teacher.send(rival.check())  # from the teacher's address
    bench.pump()
    assert bench.relay.drops()["stun"] == 5
    teacher.send_rtp(rtp(VIDEO, 2, 2, DELTA))
    bench.until(lambda: len(site.packets) == 2)


def test_a_flood_of_checks_in_a_clients_name_is_bounded_and_does_not_cut_it_off(
    bench: Bench, lesson: tuple[Client, Client]
) -> None:
    teacher, site = lesson
    forged = Client("forger")
    forged.remote = type(site.remote)(site.remote.ufrag, "a guess of the password, too")
    with somewhere() as forger:
        for _ in range(60):
            for _ in range(50):
                forger.sendto(forged.check(), site.target)
            bench.live(0.020)
        drops = bench.relay.drops()
        assert drops["stun_flood"] > 2_000, (
            "of three thousand; fifty a second and a burst of a hundred are read"
        )
        assert heard(forger) == [], "what is not authentic is not answered"
        answered = len(site.stun_answers)
        site.send(site.check())
        bench.until(lambda: len(site.stun_answers) == answered + 1)
    forged.socket.close()


def test_a_clients_own_flood_of_checks_is_bounded_too(bench: Bench, lesson: tuple[Client, Client]) -> None:
    _, site = lesson
    good, answered = site.check(), len(site.stun_answers)
    for _ in range(50):
        for _ in range(20):
            site.send(good)
        bench.live(0.020)
    assert len(site.stun_answers) - answered < 250
    assert bench.relay.drops()["stun_flood"] > 750
