"""TLS of the web server itself, with a certificate that may be renewed while it runs."""

import asyncio
import ssl
from pathlib import Path
from typing import Final

import structlog

from app.errors import StartupError

LOOK_SECONDS: Final = 30.0

_log = structlog.stdlib.get_logger(__name__)
_Stamp = tuple[tuple[int, int, int], ...]


class Certificate:
    """A certificate and its key, and the context that new connections are made with."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Raises `StartupError` when the two cannot be used."""
        self._files = (certificate, key)
        try:
            self.context = self._load()
            self._stamp = self._stamp_now()
        except (OSError, ssl.SSLError) as error:
            raise StartupError(
                f"TONGTANG_TLS_CERTIFICATE, TONGTANG_TLS_KEY: {_reason(error)}; "
                "give PEM files of a certificate with its chain and of the key to it"
            ) from None

    def reload(self) -> None:
        """Take up what is in the files now; connections that exist go on. What cannot be used is logged, and left."""
        try:
            self._stamp = self._stamp_now()
            self._load()  # a context that was given half of a new pair would be of no use
            self.context.load_cert_chain(*self._files)
        except (OSError, ssl.SSLError) as error:
            _log.error("the new certificate cannot be used, the old one stays", error=_reason(error))
        else:
            _log.info("certificate taken up")

    async def follow(self, seconds: float = LOOK_SECONDS) -> None:
        """Reload whenever one of the files changed, until cancelled."""
        while True:
            await asyncio.sleep(seconds)
            try:
                changed = self._stamp_now() != self._stamp
            except OSError:  # just being replaced
                continue
            if changed:
                self.reload()

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        context.load_cert_chain(*self._files)
        return context

    def _stamp_now(self) -> _Stamp:
        found = [path.stat() for path in self._files]
        return tuple((each.st_mtime_ns, each.st_ino, each.st_size) for each in found)


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "not a certificate and its key").lower().replace("_", " ")
    return f"{error.filename or 'a file'}: {error.strerror}"
