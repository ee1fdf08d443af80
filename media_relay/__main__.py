"""``python -m media_relay``: a relay node by itself, and a load test."""

from __future__ import annotations

import argparse
import gc
import ipaddress
import os
import resource
import signal
import socket
import sys

from media_relay.load_test import command

ENVIRONMENT_PORT = "TONGTANG_MEDIA_PORT"
ENVIRONMENT_ADDRESSES = "TONGTANG_MEDIA_ADDRESSES"
ENVIRONMENT_NATIVE = "TONGTANG_RELAY_NATIVE"
_DESCRIPTORS = 8_192
_OFF = ("0", "f", "false", "n", "no", "off")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m media_relay", description="Forward the media of lessons, or put load on whoever does."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    node = commands.add_parser(
        "node",
        help="run a relay node",
        description="Run one relay node on one port, UDP and TCP. It takes commands on an inherited socket "
        "and ends with it; the web process (python -m app run) starts its nodes itself.",
    )
    node.add_argument(
        "--control-fd", type=int, required=True, help="inherited stream socket of the control link"
    )
    node.add_argument(
        "--port",
        type=_port,
        default=os.environ.get(ENVIRONMENT_PORT, "8189"),
        help=f"port of all media, UDP and TCP, 0 for any free one (environment: {ENVIRONMENT_PORT}; default 8189)",
    )
    node.add_argument(
        "--address",
        action="append",
        type=_address,
        help="IP address announced to clients; may be repeated "
        f"(environment: {ENVIRONMENT_ADDRESSES}, comma-separated; default 127.0.0.1)",
    )
    node.add_argument(
        "--native",
        action=argparse.BooleanOptionalAction,
        default=os.environ.get(ENVIRONMENT_NATIVE, "").lower() not in _OFF,
        help="use the native kernel where it was built, or forward in Python, which gives the same results for more "
        f"processor time (environment: {ENVIRONMENT_NATIVE}=off; default on)",
    )
    load_test = commands.add_parser(
        "load-test", help="publish to and play from a WHIP and WHEP server", description=command.DESCRIPTION
    )
    command.add_options(load_test)
    options = parser.parse_args(arguments)
    if options.command == "load-test":
        return command.run(options)
    try:
        default = [_address(a) for a in os.environ.get(ENVIRONMENT_ADDRESSES, "127.0.0.1").split(",")]
    except argparse.ArgumentTypeError as error:
        parser.error(f"{ENVIRONMENT_ADDRESSES}: {error}")
    return _run_node(options.control_fd, options.port, options.address or default, native=options.native)


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 5 and int(text) < 65_536:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no port: choose 0 to 65535")


def _address(text: str) -> str:
    bare = text.strip()
    if bare.startswith("[") and bare.endswith("]"):
        bare = bare[1:-1]  # as it stands in URLs
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no IP address") from None


def _allow_many_connections() -> None:
    """One descriptor each for clients that come over TCP; where fewer are allowed, fewer connections are taken."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < _DESCRIPTORS:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(_DESCRIPTORS, hard), hard))


def _run_node(control_fd: int, port: int, addresses: list[str], *, native: bool) -> int:
    # aiortc and its codecs take a second to import; `--help` and wrong options need not wait for them.
    from media_relay.node import Node, PortError, open_port

    try:
        control = socket.socket(fileno=control_fd)
        sock, listener = open_port(port)
    except PortError as error:
        print(f"media_relay: {error}; choose another with --port", file=sys.stderr)  # noqa: T201
        return 2
    except OSError as error:
        print(f"media_relay: --control-fd {control_fd} is no socket: {error.strerror}", file=sys.stderr)  # noqa: T201
        return 2

    _allow_many_connections()

    node = Node(sock, addresses, listener, native=native)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: node.stop())
    # What was imported lives as long as the process; without it a full collection takes well below a millisecond.
    gc.collect()
    gc.freeze()
    with sock, listener:
        node.run(control)
    return 0


if __name__ == "__main__":
    sys.exit(main())
