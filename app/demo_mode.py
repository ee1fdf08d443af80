"""Demo mode: the demo county is there, a synthetic teacher teaches in it, and links lead straight in."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from asyncio.subprocess import DEVNULL
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from fastapi import FastAPI

from app.demo.links import DemoLink, add_links
from app.seeds.small import SITES, TEACHER, DemoCounty, ensure_demo
from app.settings import Settings
from app.supervisor import end, keep_running

STOP_GRACE = 1.0


@dataclass(frozen=True, slots=True)
class DemoMode:
    """The demo county of a server, with a link for everybody in class."""

    settings: Settings
    county: DemoCounty
    paths: tuple[str, ...]
    """Where the links lead: the sites in their order, then the teacher."""

    @classmethod
    def prepare(cls, api: FastAPI) -> Self:
        """Put the demo county in, or bring it up to now."""
        settings: Settings = api.state.settings
        with api.state.session_factory.begin() as session:
            county = ensure_demo(session, settings, datetime.now(UTC))
        sites = [DemoLink(login, "/site") for _code, _name, login, _ in SITES]
        return cls(settings, county, tuple(add_links(api, [*sites, DemoLink(TEACHER, "/teach")])))

    def links(self) -> list[str]:
        """What to print: where to click, and how to sign in by hand."""
        url = self.settings.public_url
        names = [f"{code} {name}" for code, name, _login, _ in SITES]
        names.append("主课堂 Main classroom (takes over from the synthetic teacher)")
        clicks = [f"  {url}{path}   {name}" for path, name in zip(self.paths, names, strict=True)]
        logins = ", ".join(self.county.people)
        return [
            *("", "A lesson is on air. Open, in any order:", "", *clicks, ""),
            f"Or sign in at {url} as {logins}: the password is {self.county.password}",
        ]

    async def teach(self) -> None:
        """Keep the synthetic teacher's process running until cancelled."""
        with tempfile.TemporaryDirectory(prefix="tongtang-") as folder:
            password_file = Path(folder) / "password"
            password_file.touch(mode=0o600)
            password_file.write_text(self.county.password)
            await keep_running("synthetic teacher", lambda: self._teach_once(password_file))

    async def _teach_once(self, password_file: Path) -> None:
        settings = self.settings
        arguments = {
            "--url": f"http://{_reachable(settings.http_host)}:{settings.http_port}",
            "--login": TEACHER,
            "--password-file": str(password_file),
            "--data-dir": str(settings.data_dir),
            "--log-level": settings.log_level,
            "--log-format": settings.log_format,
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app", "synthetic-teacher", "--with-parent", str(os.getpid())),
            *(word for pair in arguments.items() for word in pair),
            stdin=DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal is ours to answer
        )
        try:
            await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()
                await end(process, STOP_GRACE)


def _reachable(host: str) -> str:
    """The address to call ourselves at: a wildcard listens everywhere, but is no destination."""
    if host in ("0.0.0.0", "::", ""):
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
