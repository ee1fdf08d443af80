"""The pure modules of the pages, run in the browser they are made for: rejoining (time is made up), tiles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

from app.web.assets import STATIC
from tests.browser.server import Server

# Plays a list of [time, event] and tells each decision and phase.
PLAY = """async ([module, script, options]) => {
  const { fresh, step } = await import(module);
  let link = fresh(options);
  return script.map(([now, event]) => {
    const [next, decision] = step(link, event, now);
    link = next;
    return [decision, next.phase];
  });
}"""

# Random events at random times, a thousand lives of a link; tells what went wrong, if anything.
WALK = """async ([module, seed, lives]) => {
  const { fresh, step, CONNECT_LIMIT, LAST_RETRY, LONGEST_STALL } = await import(module);
  let state = seed;
  const random = () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
  const kinds = ["connected", "refused", "lost", "restarted", "tick", "tick", "tick", "denied", "start", "stop"];
  for (let life = 0; life < lives; life++) {
    let link = fresh(), now = 0, bytes = 0, since = 0, quiet = 0;
    for (let turn = 0; turn < 60; turn++) {
      const pause = random() * 800;
      now += pause;
      const type = kinds[Math.floor(random() * kinds.length)];
      bytes += random() < 0.5 ? 1000 : 0;
      const event = { type, bytes, expected: random() < 0.7 };
      const [next, decision] = step(link, event, now);
      if (decision === "connect" && next.phase !== "connecting") return `connect into ${next.phase}`;
      if (next.phase === "connecting" && link.phase !== "connecting" && decision !== "connect") return "no connect";
      if (link.phase === "idle" && type !== "start" && decision) return `idle, ${type}: ${decision}`;
      if (next.phase === "waiting" && next.until - now > LAST_RETRY) return "waits too long";
      link = next;
    }
    // Whatever has happened: with somebody sending and doors that open, it is connected again in bounded time.
    [link] = step(link, { type: "stop" }, now);
    [link] = step(link, { type: "start" }, now);
    const end = now + CONNECT_LIMIT + LAST_RETRY + LONGEST_STALL;
    for (; now < end && link.phase !== "connected"; now += 250) {
      [link] = step(link, { type: link.phase === "connecting" ? "connected" : "tick", expected: true }, now);
    }
    if (link.phase !== "connected") return `stuck in ${link.phase}`;
  }
  return null;
}"""

START, CONNECTED, LOST, REFUSED = ({"type": name} for name in ("start", "connected", "lost", "refused"))
RESTARTED, DENIED, STOP = ({"type": name} for name in ("restarted", "denied", "stop"))


def tick(received: int = 0, *, expected: bool = True) -> dict[str, Any]:
    return {"type": "tick", "bytes": received, "expected": expected}


@pytest.fixture(scope="module")
def page(browser: Browser, server: Server) -> Iterator[Page]:
    page = browser.new_page()
    page.goto(server.origin)
    yield page
    page.close()


def module(page: Page, name: str = "rejoin.js") -> str:
    script: str = page.evaluate("document.querySelector('script[type=module]').src")
    return script.replace("signin.js", name)


def test_the_next_term_is_proposed_from_those_before(page: Page) -> None:
    def term(name: str, first_day: str, last_day: str, weeks: int) -> dict[str, Any]:
        days = {"first_day": first_day, "last_day": last_day, "weeks": weeks}
        return {"name": name, "weekdays": [1, 2, 3, 4, 5], **days}

    def proposed(*terms: dict[str, Any]) -> tuple[str, str, str]:
        ask = "async ([module, terms]) => (await import(module)).proposedTerm(terms, '2026-08-19')"
        found = page.evaluate(ask, [module(page, "term_days.js"), terms])
        return found["name"], found["first_day"], found["last_day"]

    autumn = term("2026 秋 Autumn", "2026-08-31", "2027-01-22", 21)
    spring = term("2027 春 Spring", "2027-03-01", "2027-07-09", 19)
    assert proposed() == ("", "2026-08-24", "2027-01-08")
    assert proposed(autumn) == ("2027 春 Spring", "2027-01-25", "2027-06-18")
    assert proposed(spring, autumn) == ("2027 秋 Autumn", "2027-08-30", "2028-01-21")
    half = term("2026–2027 学年第一学期", "2026-08-31", "2027-01-22", 21)
    assert proposed(half)[0] == "2026–2027 学年第二学期"
    assert proposed(term("Summer school", "2026-07-01", "2026-07-10", 2))[0] == ""


def play(page: Page, *script: tuple[int, dict[str, Any]], **options: float) -> list[tuple[str | None, str]]:
    told = page.evaluate(PLAY, [module(page), script, options])
    return [(decision, phase) for decision, phase in told]


def test_it_connects_when_started_and_disconnects_when_stopped(page: Page) -> None:
    assert play(page, (0, START), (100, CONNECTED), (200, STOP)) == [
        ("connect", "connecting"),
        (None, "connected"),
        ("disconnect", "idle"),
    ]


def test_a_restart_of_the_relay_is_answered_at_once(page: Page) -> None:
    assert play(page, (0, START), (100, CONNECTED), (5000, RESTARTED))[-1] == ("connect", "connecting")
    assert play(page, (0, START), (100, REFUSED), (150, RESTARTED))[-1] == ("connect", "connecting")


def test_refusals_are_answered_slower_and_slower(page: Page) -> None:
    waits, now, script = [300, 600, 1200, 2400, 3000, 3000], 0, [(0, START)]
    for wait in waits:
        script += [(now, REFUSED), (now + wait - 1, tick()), (now + wait, tick())]
        now += wait
    told = play(page, *script)[1:]
    assert told == [("disconnect", "waiting"), (None, "waiting"), ("connect", "connecting")] * len(waits)


def test_silence_while_somebody_sends_means_a_new_connection(page: Page) -> None:
    told = play(page, (0, START), (100, CONNECTED), (200, tick(500)), (1700, tick(500)), (1701, tick(500)))
    assert told[-2:] == [(None, "connected"), ("connect", "connecting")]


def test_silence_while_nobody_sends_is_no_fault(page: Page) -> None:
    script = [(now, tick(500, expected=False)) for now in range(200, 20_000, 250)]
    told = play(page, (0, START), (100, CONNECTED), *script, (20_000, tick(500)))
    assert {phase for _, phase in told[1:]} == {"connected"}


def test_patience_doubles_while_fresh_connections_stay_silent(page: Page) -> None:
    told = play(
        page,
        *((0, START), (0, CONNECTED), (1501, tick())),  # the first silence: 1.5 s
        *((1600, CONNECTED), (4500, tick()), (4601, tick())),  # the second: 3 s
        *((4700, CONNECTED), (4800, tick(10)), (6301, tick(10))),  # media came, so 1.5 s again
    )
    assert [decision for decision, _ in told] == [
        *("connect", None, "connect"),
        *(None, None, "connect"),
        *(None, None, "connect"),
    ]


def test_a_connection_that_never_comes_up_is_given_up(page: Page) -> None:
    told = play(page, (0, START), (6000, tick()), (6001, tick()))
    assert told[1:] == [(None, "connecting"), ("disconnect", "waiting")]


def test_a_final_refusal_is_not_asked_again(page: Page) -> None:
    told = play(page, (0, START), (100, DENIED), (5000, tick()), (6000, RESTARTED), (7000, START))
    assert [phase for _, phase in told] == ["connecting", "denied", "denied", "denied", "connecting"]


@pytest.mark.parametrize("seed", [1, 20_261_122, 987_654_321])
def test_whatever_happens_it_neither_contradicts_itself_nor_gets_stuck(page: Page, seed: int) -> None:
    assert page.evaluate(WALK, [module(page), seed, 1000]) is None


@pytest.mark.parametrize(
    ("count", "width", "height", "columns"),
    [(0, 1326, 530, 1), (1, 1326, 530, 1), (2, 1326, 530, 2), (3, 1326, 530, 3), (4, 1326, 530, 2)]
    + [(3, 366, 900, 1), (6, 1880, 800, 3), (12, 1880, 800, 4), (127, 1880, 800, 15)],
)
def test_tiles_are_laid_out_as_large_as_they_fit(
    page: Page, count: int, width: int, height: int, columns: int
) -> None:
    best = "async ([module, ...given]) => (await import(module)).bestColumns(...given)"
    assert page.evaluate(best, [module(page, "tiles.js"), count, width, height, 20]) == columns


# A page that publishes, has to come again, and learns after so long what became of its last session, while another
# device of the same person has taken the stream. The server refuses whoever asks for what is free.
COMES_AGAIN = """async ([link, api, after, what]) => {
  const [{ Link }, { ApiError }] = [await import(link), await import(api)];
  const transceiver = { sender: {}, receiver: {} };
  const pc = Object.assign(new EventTarget(), { connectionState: "connected", getTransceivers: () => [transceiver] });
  const asked = [];
  return new Promise((resolve) => {
    const page = new Link({
      exclusive: true,
      open: async (signal, onlyFree) => {
        asked.push(onlyFree);
        if (onlyFree) throw new ApiError(412, {});
        return { pc, leave: () => new Promise((told) => setTimeout(told, after, what)) };
      },
      measure: async () => ({ bytes: 1, level: 0 }),
      onChange: ({ phase }) => {
        if (phase === "connected" && asked.length > 1) resolve(["went on", asked]);
        else if (phase === "connected") page.restarted();
      },
      onDenied: (failure) => resolve([failure.constructor.name, asked]),
    });
    page.start();
  });
}"""


def comes_again(page: Page, after: int, what: bool | None) -> tuple[str, list[bool]]:
    failure, asked = page.evaluate(
        COMES_AGAIN, [module(page, "link.js"), module(page, "api.js"), after, what]
    )
    return failure, asked


def test_who_learns_slowly_of_another_device_takes_nothing_from_it(page: Page) -> None:
    failure, asked = comes_again(page, 1200, what=True)
    assert failure == "TakenOver"
    assert asked[0] is False and len(asked) > 1 and all(asked[1:])


def test_who_lost_the_link_as_another_device_went_on_takes_nothing_from_it(page: Page) -> None:
    assert comes_again(page, 0, what=False) == ("TakenOver", [False, True])


def test_who_does_not_know_what_became_of_the_last_session_takes_its_place(page: Page) -> None:
    assert comes_again(page, 0, what=None) == ("went on", [False, False])


# Messages of the channel to the rungs of some streams, and what is then said of the link while two of them are on air.
LINK = """async ([module, messages, troubled]) => {
  const { Rungs, linkOf } = await import(module);
  const rungs = new Rungs();
  for (const message of messages) Array.isArray(message) ? rungs.set(message) : rungs.note(message);
  return linkOf(rungs.among((stream) => stream !== "silent"), troubled);
}"""


@pytest.mark.parametrize(
    ("rungs", "troubled", "link"),
    [
        ({}, False, "good"),
        ({}, True, "weak"),
        ({"main": "full", "board": "full"}, False, "good"),
        ({"main": "full", "board": "full"}, True, "weak"),
        ({"main": "full", "board": "low"}, False, "small"),
        ({"main": "audio_only", "board": "middle"}, True, "small"),
        ({"main": "audio_only", "board": "audio_only"}, False, "sound"),
        ({"main": "audio_only"}, True, "sound"),
        ({"main": "full", "silent": "audio_only"}, False, "good"),
    ],
)
def test_a_link_is_as_good_as_what_it_lets_through(
    page: Page, rungs: dict[str, str], troubled: bool, link: str
) -> None:
    told = [{"stream": stream, "direction": "watch", "rung": rung} for stream, rung in rungs.items()]
    sent = {"stream": "site-S1", "direction": "publish", "rung": None}
    for messages in ([[*told, sent]], [[sent], *told]):
        assert page.evaluate(LINK, [module(page, "quality.js"), messages, troubled]) == link


HOLD = """async ([module, script]) => {
  const { fresh, step } = await import(module);
  let state = fresh();
  return script.map(([now, asked, received, roundTrip]) => {
    state = step(state, { asked, received, roundTrip }, now);
    return state.hold;
  });
}"""


def holds(page: Page, loss: float, seconds: int, round_trip: float = 100.0) -> list[int]:
    """What is held back, looked at four times a second, of 200 packets a second of which so many are lost."""
    times = [tick * 250 for tick in range(seconds * 4)]
    script = [[at, int(at * 0.2 * loss), at * 0.2, round_trip] for at in times]
    told: list[int] = page.evaluate(HOLD, [module(page, "hold.js"), script])
    return told


def test_on_a_good_link_nothing_is_held_back(page: Page) -> None:
    assert set(holds(page, loss=0.0, seconds=30)) == {0}
    assert set(holds(page, loss=0.0005, seconds=30)) == {0}, "a loss now and then is chance"


def test_on_a_weak_link_repairs_are_waited_for_and_no_longer_than_that(page: Page) -> None:
    told = holds(page, loss=0.02, seconds=10)
    assert max(told[:8]) > 0, "within two seconds"
    assert told[-1] == 260, "two round trips and a little"
    assert holds(page, loss=0.05, seconds=10)[-1] == 360, "a third one where repairs get lost too"
    assert holds(page, loss=0.10, seconds=10, round_trip=400)[-1] == 500, "a lesson is a conversation"


def test_a_link_that_is_well_again_is_played_as_it_comes(page: Page) -> None:
    lossy = [[at, at // 50, at * 0.2, 100] for at in range(0, 5_000, 250)]
    well = [[at, 100, at * 0.2, 100] for at in range(5_000, 20_000, 250)]
    told = page.evaluate(HOLD, [module(page, "hold.js"), lossy + well])
    assert told[19] > 0
    assert told[-1] == 0


@pytest.mark.parametrize(
    ("profile", "height", "rids"),
    [("main", 720, ["low", "middle", "full"]), ("main", 480, ["middle", "full"]), ("main", 180, [None])]
    + [("board", 1080, [None]), ("site", 360, [None])],
)
def test_the_teacher_sends_as_many_sizes_as_the_browser_has_for_its_picture(
    page: Page, profile: str, height: int, rids: list[str | None]
) -> None:
    told = "async ([module, profile, height]) => { const { layers, PROFILES } = await import(module);"
    told += " return layers(PROFILES[profile], height).map(({ rid }) => rid ?? null); }"
    assert page.evaluate(told, [module(page, "whip.js"), profile, height]) == rids


# Links a module and all it imports, as a page would: `halt.js` throws before any of them runs, unless one cannot be
# parsed or asks another for what it does not have.
LINK_ALL = """async ([folder, names]) => {
  const read = (name) => import(`${folder}/check.js?of=${name}`).then(() => "ran", ({ message }) => message);
  const told = names.map(read);
  return Object.fromEntries((await Promise.all(told)).map((words, index) => [names[index], words]));
}"""


def test_every_module_can_be_read_with_all_it_imports(page: Page) -> None:
    names = sorted(path.name for path in STATIC.glob("*.js"))
    folder = module(page).rpartition("/")[0]

    def check(route: Route) -> None:
        of = route.request.url.rpartition("=")[2]
        body = f'import "./halt.js"; import "./{of}";'
        route.fulfill(content_type="text/javascript", body=body)

    page.route("**/check.js?of=*", check)
    page.route(
        "**/halt.js", lambda route: route.fulfill(content_type="text/javascript", body="throw Error('read');")
    )
    told = page.evaluate(LINK_ALL, [folder, names])
    page.unroute_all()
    assert len(names) > 50
    assert {name: words for name, words in told.items() if words != "read"} == {}


def test_a_day_begins_where_the_county_is_whatever_the_clocks_do_at_midnight(page: Page) -> None:
    begins = {
        ("2026-11-23", "Asia/Shanghai"): "2026-11-22T16:00:00.000Z",
        ("2026-11-23", "America/New_York"): "2026-11-23T05:00:00.000Z",
        ("2018-11-04", "America/Sao_Paulo"): "2018-11-04T03:00:00.000Z",  # there is no midnight
        ("2019-02-17", "America/Sao_Paulo"): "2019-02-17T03:00:00.000Z",
        ("2026-03-29", "Asia/Beirut"): "2026-03-28T22:00:00.000Z",
        ("2026-11-01", "America/Havana"): "2026-11-01T04:00:00.000Z",  # there are two
    }
    asked = """async ([module, days]) => {
      const { startOf } = await import(module);
      return days.map(([day, zone]) => startOf(day, zone).toISOString());
    }"""
    assert page.evaluate(asked, [module(page, "dates.js"), list(begins)]) == list(begins.values())
