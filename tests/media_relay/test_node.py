"""A relay node as the process it is: started, talked to, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from media_relay.api import NodeLost, OfferRefused, node_command
from media_relay.messages import MAX_LINE, NodeReady, SessionClosed
from media_relay.sdp import MAX_OFFER
from tests.media_relay.nodes import RunningNode, running_node
from tests.patience import PATIENCE

OBS = (Path(__file__).parent / "offers" / "obs_publish.sdp").read_text()
PLAYER = (Path(__file__).parent / "offers" / "chromium_play.sdp").read_text()


def run(scenario: Callable[[RunningNode], object], *addresses: str) -> None:
    async def main() -> None:
        async with running_node(*addresses) as node:
            outcome = scenario(node)
            if asyncio.iscoroutine(outcome):
                await outcome

    asyncio.run(main())


def test_it_says_when_it_is_ready_and_where() -> None:
    def scenario(node: RunningNode) -> None:
        ready = next(e for e in node.events if isinstance(e, NodeReady))
        assert ready.pid == node.process.pid
        assert 1_024 <= ready.port <= 65_535
        assert ready.addresses == ("192.0.2.9", "2001:db8::9")
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
            pytest.raises(OSError, match="in use"),
        ):
            other.bind(("0.0.0.0", ready.port))

    run(scenario, "192.0.2.9", "2001:db8::9")


@pytest.mark.slow
def test_under_stress_it_turns_newcomers_away_until_it_is_well_again() -> None:
    names = itertools.count()

    async def refusal(node: RunningNode) -> str | None:
        try:
            await node.link.subscribe(f"site{next(names)}", "lesson", "main", PLAYER)
        except OfferRefused as refused:
            return refused.code
        return None

    async def scenario(node: RunningNode) -> None:
        assert (await node.link.stats()).stress < 0.5
        async with asyncio.timeout(PATIENCE):
            while await refusal(node) is None:
                # The machine gives it no time to run, for longer than any jitter buffer bridges.
                node.process.send_signal(signal.SIGSTOP)
                await asyncio.sleep(0.5)
                node.process.send_signal(signal.SIGCONT)
                await asyncio.sleep(0.05)
        assert await refusal(node) == "node.full"
        assert (await node.link.stats()).stress > 0.7
        await node.link.publish("teacher", "lesson", "main", OBS)  # of a lesson that is here
        with pytest.raises(OfferRefused, match="try again"):
            await node.link.publish("elsewhere", "other", "main", OBS)
        async with asyncio.timeout(PATIENCE):
            while (code := await refusal(node)) is not None:
                assert code == "node.full"
                await asyncio.sleep(0.2)

    run(scenario)


def test_it_answers_offers_and_refuses_bad_ones_with_a_code() -> None:
    async def scenario(node: RunningNode) -> None:
        answer = await node.link.publish("teacher", "lesson", "main", OBS)
        assert answer.sdp.startswith("v=0\r\n") and "a=ice-lite" in answer.sdp
        assert "a=ssrc:" in (await node.link.subscribe("site", "lesson", "main", PLAYER)).sdp
        for code, offer in (("offer.malformed", "课程"), ("offer.too_large", "v=0\n" + "x" * MAX_OFFER)):
            with pytest.raises(OfferRefused) as refused:
                await node.link.publish("other", "lesson", "main", offer)
            assert refused.value.code == code
        stats = await node.link.stats()
        assert (stats.publishers, stats.subscribers, stats.pid) == (1, 1, node.process.pid)
        assert stats.rss_bytes > 1_000_000 and stats.cpu_seconds > 0

    run(scenario)


def test_trickle_answers_a_restart_only() -> None:
    async def scenario(node: RunningNode) -> None:
        await node.link.publish("teacher", "lesson", "main", OBS)
        assert await node.link.trickle("teacher", "a=end-of-candidates\r\n") is None
        answer = await node.link.trickle("teacher", "a=ice-ufrag:next\r\na=ice-pwd:" + "p" * 22 + "\r\n")
        assert answer is not None and "a=ice-ufrag:" in answer.sdp
        with pytest.raises(OfferRefused) as refused:
            await node.link.trickle("nobody", "")
        assert refused.value.code == "session.unknown"

    run(scenario)


def test_closing_is_idempotent_and_what_is_not_kept_is_closed() -> None:
    async def scenario(node: RunningNode) -> None:
        for name in ("one", "two", "three"):
            await node.link.subscribe(name, "lesson", "main", PLAYER)
        await node.link.close("one")
        await node.link.close("one")
        await node.link.close("never-there")
        await node.link.keep_only(["two"])
        await node.link.keep_only(["two"])
        closed = [e for e in node.events if isinstance(e, SessionClosed)]
        assert closed == [SessionClosed("one", "closed"), SessionClosed("three", "closed")]
        assert (await node.link.stats()).subscribers == 1

    run(scenario)


def test_it_ends_with_its_control_link() -> None:
    async def scenario(node: RunningNode) -> None:
        node.link.detach()
        assert await node.ended() == 0
        with pytest.raises(NodeLost):
            await node.link.stats()

    run(scenario)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told_to(number: signal.Signals) -> None:
    async def scenario(node: RunningNode) -> None:
        node.process.send_signal(number)
        assert await node.ended() == 0
        async with asyncio.timeout(PATIENCE):
            await node.lost.wait()

    run(scenario)


@pytest.mark.parametrize("line", [b"nonsense\n", b"x" * (MAX_LINE + 10)])
def test_it_ends_when_the_link_talks_nonsense(line: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        command = node_command(theirs.fileno(), 0, ["127.0.0.1"])
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stderr=subprocess.PIPE)
        theirs.close()
        ours.settimeout(PATIENCE)
        assert b"NodeReady" in ours.recv(4_096)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            ours.sendall(line)
        _, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (0, b"")


def command_line(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        return subprocess.run(
            [
                sys.executable,
                "-m",
                "media_relay",
                *(a.replace("FD", str(theirs.fileno())) for a in arguments),
            ],
            env={**os.environ, **environment},
            pass_fds=[theirs.fileno()],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_port_that_is_taken_is_one_line(kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.bind(("0.0.0.0", 0))
        port = holder.getsockname()[1]
        done = command_line("node", "--control-fd", "FD", "--port", str(port))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert str(port) in line and "--port" in line


@pytest.mark.parametrize(
    ("arguments", "environment", "word"),
    [
        (["--control-fd", "FD", "--port", "70000"], {}, "70000"),
        (["--control-fd", "FD", "--port", "²"], {}, "port"),
        (["--control-fd", "FD", "--address", "here"], {}, "here"),
        (["--control-fd", "FD"], {"TONGTANG_MEDIA_PORT": "eight"}, "eight"),
        (["--control-fd", "FD"], {"TONGTANG_MEDIA_ADDRESSES": "127.0.0.1,there"}, "there"),
        (["--control-fd", "0"], {}, "--control-fd"),
        ([], {}, "--control-fd"),
    ],
)
def test_wrong_options_are_told_without_a_traceback(
    arguments: list[str], environment: dict[str, str], word: str
) -> None:
    done = command_line("node", *arguments, **environment)
    assert done.returncode == 2
    assert word in done.stderr and "Traceback" not in done.stderr


def test_help_names_every_option_and_variable() -> None:
    assert "node" in command_line("--help").stdout
    done = command_line("node", "--help", TONGTANG_MEDIA_PORT="nonsense")
    assert done.returncode == 0
    for word in ("--control-fd", "--port", "--address", "TONGTANG_MEDIA_PORT", "TONGTANG_MEDIA_ADDRESSES"):
        assert word in done.stdout
