"""A server is killed between a commit and what it leads to: everybody is told all the same, and knows repetitions.

The lesson that it leaves on the air is interrupted by the next one, and the time between them is not counted.

The server is `python -m app run` with a database, a webhook's receiver and a mail server that are real. It is killed by
SIGKILL at the moments of its story; then another one takes over. Only the pauses before something is tried again
are shortened, by writing into the database that they are over.
"""

import asyncio
import ipaddress
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx
from prometheus_client import CollectorRegistry
from sqlalchemy import func, select, update

from app.database import SessionFactory, make_engine, make_session_factory
from app.keys import Keys, load_keys
from app.lessons import service as lesson_service
from app.lessons.models import Lesson, LessonChange, LessonSite
from app.lessons.rules import LessonState
from app.live.ledger import Ledger
from app.mail import MailServer, Security
from app.notices.models import Delivery, Notice, NoticeLetter, NoticeSettings
from app.notices.outbox import Outbox
from app.notices.posting import Poster
from app.settings import PREFIX
from tests import counties, factories
from tests.patience import PATIENCE
from tests.ports import free_port
from tests.smtp import Inbox, mail_server
from tests.webhooks import signature

ROOT: Final = Path(__file__).parents[2]
MOMENTS: Final = (
    "at once",
    "some time after",
    "when the receiver is asked",
    "when it has answered",
    "when mail came",
)


@dataclass
class Receiver:
    """Somebody else's server; it keeps what came, and at some moment kills who sent it."""

    came: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)
    kill_when: str = ""
    victim: int = 0
    port: int = 0

    def strike(self, moment: str) -> None:
        """Kill, if this is the moment."""
        if self.kill_when == moment:
            self.kill_when = ""
            os.kill(self.victim, signal.SIGKILL)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a free port."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            body = self.rfile.read(length)
            if len(body) < length:  # killed while it sent: nothing came
                self.close_connection = True
                return
            receiver.came.append(({name.lower(): value for name, value in self.headers.items()}, body))
            receiver.strike("when the receiver is asked")
            self.send_response(204)
            self.end_headers()
            self.wfile.flush()
            receiver.strike("when it has answered")

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, name="receiver")
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class Told:
    """What a story came to."""

    seed: int
    moments: tuple[str, ...]
    changes: int
    requests: int
    repeated: int
    """Requests that a receiver knew by their id."""
    letters: int
    letters_repeated: int


@dataclass
class Scene:
    """A county, its outside world, and the means to start servers for it."""

    folder: Path
    url: str
    factory: SessionFactory
    keys: Keys
    receiver: Receiver
    inbox: Inbox
    bureau: dict[str, str]
    teacher_id: UUID
    lessons: list[UUID]
    on_air: UUID
    """A lesson that every server leaves on the air when it dies."""
    secret: str = ""
    reasons: list[str] = field(default_factory=list)
    """One for each change that was answered, and so is committed."""

    @contextmanager
    def server(self) -> Iterator[tuple[httpx.Client, subprocess.Popen[bytes]]]:
        """A server that is ready, dead at the end."""
        port = free_port()
        environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        settings = {
            "DATA_DIR": self.folder / "data", "DATABASE_URL": self.url, "HTTP_PORT": port, "MEDIA_PORT": free_port(),
            "WEBHOOK_NETWORKS": "127.0.0.0/8", "MAIL_HOST": "127.0.0.1", "MAIL_PORT": self.inbox.port,
            "MAIL_SECURITY": "none", "MAIL_SENDER": "tongtang@county.example",
        }  # fmt: skip
        environment |= {f"{PREFIX}{name}": str(value) for name, value in settings.items()}
        with (self.folder / "server.log").open("ab") as log:
            command = [sys.executable, "-m", "app", "run"]
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        self.receiver.victim = process.pid
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client:
                self.until(lambda: _ready(client, process), "the server did not become ready")
                yield client, process
        finally:
            process.kill()
            process.wait(PATIENCE)

    def until(self, true: Any, otherwise: str) -> None:
        """Wait for something."""
        deadline = time.monotonic() + 3 * PATIENCE
        while not true():
            assert time.monotonic() < deadline, f"{otherwise}:\n{(self.folder / 'server.log').read_text()}"
            time.sleep(0.1)

    def change_something(self, client: httpx.Client) -> None:
        """One change of a lesson, for a reason of its own."""
        lesson_id, reason = self.lessons.pop(), f"Because {len(self.reasons) + 1}."
        answer = client.post(
            f"/api/v1/lessons/{lesson_id}/cancel", headers=self.bureau, json={"reason": reason}
        )
        assert answer.is_success, answer.text
        self.reasons.append(reason)

    def go_on_air(self) -> None:
        """The lesson is live since four minutes ago, and was counted a minute ago."""
        now, minute = datetime.now(UTC).replace(microsecond=0), timedelta(minutes=1)
        with self.factory.begin() as session:
            assert lesson_service.mark_publishing(session, self.on_air, now - 4 * minute)
            lesson_service.count_on_air(session, [self.on_air], now - minute)

    def check_minutes(self, deaths: int) -> None:
        """Each server that died had counted three minutes; the time since is nobody's."""
        with self.factory() as session:
            lesson = session.get_one(Lesson, self.on_air)
            assert lesson.live_seconds == 3 * 60 * deaths
            assert (lesson.live_since, lesson.state is LessonState.INTERRUPTED) == (None, deaths > 0)

    def let_time_pass(self) -> None:
        """Pauses and leases are over, and a letter waits for no more."""
        with self.factory.begin() as session:
            for kind in (Delivery, NoticeLetter):
                waiting = update(kind).where(kind.done_at.is_(None))
                session.execute(waiting.values(next_at=datetime.now(UTC)))

    def letter_came(self, before: int) -> bool:
        """Whether there are more letters than before; what waits is due at once."""
        self.let_time_pass()
        return len(self.inbox.letters) > before

    async def take_over(self) -> None:
        """What the next server does about lessons on the air, and about the outbox until nothing is left to do."""
        await Ledger(self.factory).begin()
        mail = MailServer("127.0.0.1", self.inbox.port, "tongtang@county.example", Security.NONE)
        poster = Poster((ipaddress.ip_network("127.0.0.0/8"),))
        outbox = Outbox(self.factory, CollectorRegistry(), self.keys, poster, mail)
        while not self.all_told():
            await outbox.spread()
            self.let_time_pass()
            await outbox.deliver()
            await outbox.send()

    def all_told(self) -> bool:
        """Whether nothing waits any more."""
        with self.factory() as session:
            return not any(
                session.scalar(select(func.count()).select_from(kind).where(undone.is_(None)))
                for kind, undone in (
                    (LessonChange, LessonChange.taken_at),
                    (Delivery, Delivery.done_at),
                    (NoticeLetter, NoticeLetter.done_at),
                )
            )


def _ready(client: httpx.Client, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "the server ended"
    try:
        return client.get("/readyz").is_success
    except httpx.TransportError:
        return False


@contextmanager
def scene(folder: Path, url: str, changes: int) -> Iterator[Scene]:
    """A county with a lesson for each change, a webhook, and a teacher who wants mail."""
    engine = make_engine(url)
    factory, keys = make_session_factory(engine), load_keys(folder / "data")
    with factory.begin() as session:
        first_day = counties.tomorrow() - timedelta(days=1)
        county = counties.county(session, sites=1, first_day=first_day, weeks=changes + 1)
        plan = county.schedule(session, weekday=first_day.isoweekday())
        query = select(Lesson.id).where(Lesson.entry_id == plan.entry.id).order_by(Lesson.date)
        on_air, *lessons = session.scalars(query)
        now = datetime.now(UTC)
        around_now = {"starts_at": now - timedelta(minutes=5), "ends_at": now + timedelta(minutes=35)}
        session.execute(update(Lesson).where(Lesson.id == on_air).values(**around_now, sequence=1))
        session.execute(update(LessonSite).where(LessonSite.lesson_id == on_air).values(around_now))
        county.teacher.email = "teacher@x.org"
        session.add(NoticeSettings(person_id=county.teacher.id, mail=True, language="en"))
        session.flush()
        bureau, teacher_id = factories.bearer(keys, county.bureau, minutes=60), county.teacher.id
    with receiving() as receiver, mail_server() as inbox:
        yield Scene(folder, url, factory, keys, receiver, inbox, bureau, teacher_id, lessons, on_air)
    engine.dispose()


def moments_of(seed: int, kills: int) -> tuple[str, ...]:
    """The moments of one story, so that stories of following seeds come to every moment in turn."""
    first = (seed - 1) * kills
    moments = [MOMENTS[(first + number) % len(MOMENTS)] for number in range(kills)]
    random.Random(seed).shuffle(moments)
    return tuple(moments)


def story(folder: Path, url: str, seed: int, moments: tuple[str, ...]) -> Told:
    """Servers are killed one after the other, each a moment after a change; who takes over tells whatever is left."""
    chance = random.Random(seed)
    with scene(folder, url, 2 * len(moments)) as place:
        for deaths, moment in enumerate(moments):
            with place.server() as (client, process):
                place.check_minutes(deaths)
                place.go_on_air()
                _register(place, client)
                place.change_something(client)
                _kill(place, client, process, moment, chance)
        asyncio.run(place.take_over())
        place.check_minutes(len(moments))
        return _check(place, seed, moments)


def _register(place: Scene, client: httpx.Client) -> None:
    if not place.secret:
        hook = {"name": "OA", "url": f"http://127.0.0.1:{place.receiver.port}/hook"}
        place.secret = client.post("/api/v1/webhooks", headers=place.bureau, json=hook).json()["secret"]


def _kill(
    place: Scene,
    client: httpx.Client,
    process: subprocess.Popen[bytes],
    moment: str,
    chance: random.Random,
) -> None:
    letters = len(place.inbox.letters)
    if moment.startswith("when") and "mail" not in moment:
        place.receiver.kill_when = moment
    place.change_something(client)
    if moment == "some time after":
        time.sleep(chance.uniform(0, 3))  # whatever the server does just then
    elif moment == "when mail came":
        place.until(lambda: place.letter_came(letters), "no mail came")
    elif moment.startswith("when"):
        process.wait(3 * PATIENCE)
    process.kill()
    process.wait(PATIENCE)
    place.receiver.kill_when = ""


def _check(place: Scene, seed: int, moments: tuple[str, ...]) -> Told:
    """Everything that was committed was told at least once, in each of the three ways."""
    with place.factory() as session:
        committed = {
            str(each.id): each.reason
            for each in session.scalars(select(LessonChange).where(LessonChange.lesson_id.is_not(None)))
        }
    assert sorted(map(str, committed.values())) == sorted(place.reasons)
    by_id: dict[str, bytes] = {}
    for fields, body in place.receiver.came:
        assert fields["webhook-signature"] == signature(place.secret, fields, body)
        assert by_id.setdefault(fields["webhook-id"], body) == body, "the same id is the same event"
    told = [each["id"] for body in by_id.values() for each in json.loads(body)["data"]["changes"]]
    assert committed.keys() <= set(told), "an event is lost"
    assert len(told) == len(set(told)), "one event has two ids"
    letters = [message_from_bytes(each, policy=policy.default) for each in place.inbox.letters]
    texts: dict[str, str] = {}
    for letter in letters:
        assert isinstance(letter, EmailMessage)
        text = str(letter.get_content())
        assert texts.setdefault(letter["Message-ID"], text) == text
    with place.factory() as session:
        acts = session.scalars(select(Notice.act_id).where(Notice.person_id == place.teacher_id)).all()
    assert len(acts) == len(set(acts)) == len(place.reasons) + 1, "one for each act, publishing among them"
    for reason in place.reasons:
        assert sum(reason in each for each in texts.values()) == 1, f"{reason!r} is not told in one letter"
    return Told(
        seed,
        moments,
        len(committed),
        len(place.receiver.came),
        len(place.receiver.came) - len(by_id),
        len(letters),
        len(letters) - len(texts),
    )
