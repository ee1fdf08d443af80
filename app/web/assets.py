"""Style sheets and modules, held in memory and named by what they contain.

All files share one version in their path (`/static/<version>/…`), so relative imports between modules stay
inside a version, and a browser may keep them for ever: a weak link pays for a file once.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.web.language import Language, Part, texts_module

STATIC = Path(__file__).parent / "static"
_IMPORT = re.compile(r"""^(?:import|export)\b[^'"]*from\s+["']\./([\w.-]+)["']""", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it travels."""

    media_type: str
    body: bytes
    compressed: bytes


@dataclass(frozen=True, slots=True)
class Assets:
    """All files of the pages, and the version that names this set of contents."""

    version: str
    files: Mapping[str, Asset]

    @classmethod
    def load(cls, folder: Path = STATIC) -> Assets:
        """Read the folder once; the texts of each language join it as a generated module."""
        bodies = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
        bodies |= {
            f"texts.{language}{part}.js": texts_module(language, part).encode()
            for language in Language
            for part in Part
        }
        digest = hashlib.sha256()
        for name, body in sorted(bodies.items()):
            digest.update(f"{name} {len(body)}\n".encode())
            digest.update(body)
        return cls(digest.hexdigest()[:12], {name: _asset(name, body) for name, body in bodies.items()})

    def url(self, name: str) -> str:
        """The address of a file; raises KeyError when a template names one that is not there."""
        if name not in self.files:
            raise KeyError(name)
        return f"/static/{self.version}/{name}"

    def modules(self, entry: str) -> list[str]:
        """A module and everything it imports, entry last; preloading them saves a round trip per level."""
        found: dict[str, None] = {}

        def visit(name: str) -> None:
            if name in found:
                return
            found[name] = None
            for imported in _IMPORT.findall(self.files[name].body.decode()):
                visit(imported)

        visit(entry)
        return list(reversed(found))


def _asset(name: str, body: bytes) -> Asset:
    guessed = mimetypes.guess_type(name)[0] or "application/octet-stream"
    media_type = "text/javascript" if name.endswith(".js") else guessed
    # mtime=0 keeps the bytes the same from one start to the next.
    return Asset(media_type, body, gzip.compress(body, 6, mtime=0))
