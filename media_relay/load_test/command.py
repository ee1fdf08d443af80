"""``python -m media_relay load-test``: options and outcome. Heavy modules are imported only when it runs."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from media_relay.load_test.report import Report

DESCRIPTION = (
    "Publish a synthetic 720p stream to a WHIP endpoint, play it from a WHEP endpoint many times at once, and report "
    "what arrived: packets lost, latency, time to the first packet. Any WHIP and WHEP server will do; the load is for "
    "loopback or a lab, not for other people's servers. Exit code 0 when every subscriber received everything, 1 when "
    "not, 2 when the test could not be run."
)
_SETTLE = 1.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    _add_endpoints(parser)
    _add_load(parser)
    _add_media(parser)
    _add_shape(parser)
    parser.add_argument("--json", action="store_true", help="report as one line of JSON")


def _add_endpoints(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--whip", metavar="URL", help="where to publish; without it somebody else must")
    parser.add_argument("--whep", metavar="URL", help="where to play; needed for subscribers")
    parser.add_argument("--token", default="", help="bearer token for both endpoints")
    parser.add_argument("--whep-token", metavar="TOKEN", help="bearer token to play with (default: --token)")


def _add_load(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--subscribers",
        type=_number(int, 0, 5_000),
        default=10,
        metavar="N",
        help="how many play (default 10)",
    )
    parser.add_argument(
        "--seconds",
        type=_number(float, 1, 86_400),
        default=10.0,
        metavar="S",
        help="how long to measure once all have joined (default 10)",
    )
    parser.add_argument(
        "--join-rate",
        type=_number(float, 0.1, 1_000),
        default=40.0,
        metavar="R",
        help="subscribers that join per second (default 40)",
    )


def _add_media(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--bitrate",
        type=_number(int, 50_000, 50_000_000),
        default=2_500_000,
        metavar="B",
        help="video bits a second (default 2500000)",
    )
    parser.add_argument(
        "--layers",
        type=int,
        choices=(1, 3),
        default=1,
        help="encodings of the picture: 1 (default), or 3 (simulcast), of which the largest has the bitrate given",
    )
    parser.add_argument(
        "--keyframe-seconds",
        type=_number(float, 0.2, 600),
        default=4.0,
        metavar="S",
        help="time between keyframes that nobody asked for (default 4)",
    )
    parser.add_argument(
        "--redundant-sound",
        action="store_true",
        help="send and take each packet of sound with the one before it (RFC 2198), as Chromium and Safari do where "
        "the server asks for it",
    )


def _add_shape(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--shape",
        choices=("stream", "lesson"),
        default="stream",
        help="stream (default): one publisher and its subscribers; lesson: whole lessons of a main classroom and sites "
        "that answer, everybody watching whom they would. The URLs then contain {stream}, for instance "
        "https://host/whip/{lesson}/{stream}, and the bitrate is the main classroom's",
    )
    parser.add_argument(
        "--sites",
        type=_names,
        default=("site-1", "site-2", "site-3"),
        metavar="A,B,…",
        help="streams of the sites of each lesson, the first one on stage (default site-1,site-2,site-3)",
    )
    parser.add_argument(
        "--lessons",
        type=_names,
        default=("1",),
        metavar="A,B,…",
        help="what stands for {lesson} in the URLs, one lesson each (default 1)",
    )


def run(options: argparse.Namespace) -> int:
    """Run the load test; returns the exit code."""
    from media_relay.load_test.doors import LoadTestError
    from media_relay.load_test.report import as_text

    try:
        report = asyncio.run(_lessons(options) if options.shape == "lesson" else _load(options))
    except LoadTestError as error:
        print(f"load-test: {error}", file=sys.stderr)  # noqa: T201
        return 2
    except KeyboardInterrupt:
        return 130
    print(report.as_json() if options.json else as_text(report))  # noqa: T201
    return 0 if report.good else 1


async def _load(options: argparse.Namespace) -> Report:
    import httpx

    from media_relay.load_test.doors import HttpDoor, LoadTestError
    from media_relay.load_test.media import MediaPlan
    from media_relay.load_test.running import LoadTest, Plan

    if not options.whep and options.subscribers:
        raise LoadTestError("subscribers need a --whep URL; to publish only, say --subscribers 0")
    if not options.whip and not options.whep:
        raise LoadTestError("nothing to do: give a --whip URL, a --whep URL or both")
    redundant = options.redundant_sound
    media = MediaPlan(
        video_bitrate=options.bitrate,
        keyframe_seconds=options.keyframe_seconds,
        layers=options.layers,
        redundant=redundant,
    )
    plan = Plan(options.subscribers, options.join_rate, media if options.whip else None, redundant)
    whep_token = options.token if options.whep_token is None else options.whep_token
    async with httpx.AsyncClient(timeout=10.0) as http:
        door = HttpDoor(http, options.whip, options.whep, options.token, whep_token)
        async with LoadTest(door, plan) as load:
            await load.join()
            await asyncio.sleep(_SETTLE)
            return await load.measure(options.seconds)


async def _lessons(options: argparse.Namespace) -> Report:
    import httpx

    from media_relay.load_test.doors import HttpDoor, LoadTestError
    from media_relay.load_test.lessons import LessonPlan, Lessons
    from media_relay.load_test.media import MediaPlan

    if not all(url and "{stream}" in url for url in (options.whip, options.whep)):
        raise LoadTestError("a lesson needs a --whip and a --whep URL with {stream} in them")
    if len(options.lessons) > 1 and not all("{lesson}" in url for url in (options.whip, options.whep)):
        raise LoadTestError("several lessons need {lesson} in both URLs")
    main = MediaPlan(
        video_bitrate=options.bitrate, keyframe_seconds=options.keyframe_seconds, layers=options.layers
    )
    whep_token = options.token if options.whep_token is None else options.whep_token
    async with httpx.AsyncClient(timeout=10.0) as http:

        def door(number: int, stream: str) -> HttpDoor:
            names = {"{lesson}": options.lessons[number], "{stream}": stream}
            whip, whep = (_filled(url, names) for url in (options.whip, options.whep))
            return HttpDoor(http, whip, whep, options.token, whep_token)

        async with Lessons(
            door, LessonPlan(options.sites, main, redundant=options.redundant_sound)
        ) as lessons:
            for _ in options.lessons:
                await lessons.begin()
            await asyncio.sleep(_SETTLE)
            return await lessons.measure(options.seconds)


def _filled(url: str, names: Mapping[str, str]) -> str:
    for place, name in names.items():
        url = url.replace(place, name)
    return url


def _names(text: str) -> tuple[str, ...]:
    """A converter for argparse: names between commas."""
    names = tuple(name.strip() for name in text.split(","))
    if not all(names) or len(set(names)) < len(names):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of different names")
    return names


def _number(kind: type[int] | type[float], least: float, most: float) -> Callable[[str], float]:
    """A converter for argparse that refuses what is out of range in one line."""

    def convert(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not between {least} and {most}")
        return value

    return convert
