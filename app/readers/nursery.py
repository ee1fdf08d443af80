"""The process that readers are forked from.

It is forked itself from the web process while that has no threads, no event loop and no connection yet, and stays so:
whatever happens later, a new reader starts from a clean state, within milliseconds and with most of its memory shared.
It ends, with all readers, when the web process does, however that came about: its socket closes.
"""

import contextlib
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import NoReturn

import structlog

_log = structlog.stdlib.get_logger(__name__)

Work = Callable[[socket.socket], None]
"""What a reader does with its end of the link; it returns when the other one is closed."""


class Nursery:
    """The web process's side."""

    def __init__(self, work: Work, not_theirs: Iterable[socket.socket] = ()) -> None:
        """Fork it; `not_theirs` are open sockets that are none of its business.

        To be called while the process has one thread.
        """
        assert threading.active_count() == 1, "what other threads hold locked would stay so in the fork"
        self._control, theirs = socket.socketpair()
        sys.stdout.flush()
        self._pid = os.fork()
        if self._pid == 0:
            for each in (self._control, *not_theirs):
                each.close()
            _end_after(partial(_bear_all, theirs, work))
        theirs.close()

    def bear(self) -> socket.socket:
        """Have a reader made; returns our end of the link to it. Raises `OSError` when the nursery is gone."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._control, [b"r"], [theirs.fileno()])
            except OSError:
                ours.close()
                raise
        return ours

    def close(self) -> None:
        """End it and all of its readers; they are gone afterwards, or a moment later."""
        self._control.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


def _bear_all(control: socket.socket, work: Work) -> None:
    os.setpgid(0, 0)  # Ctrl-C in the terminal is the web process's to answer
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for readers that end
    gc.freeze()  # what is shared stays so
    while True:
        _word, links, _flags, _address = socket.recv_fds(control, 1, 1)
        if not links:
            os.killpg(0, signal.SIGKILL)  # itself with all readers: they only read
        link = socket.socket(fileno=links[0])
        if os.fork() == 0:
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _end_after(partial(work, link))
        link.close()


def _end_after(life: Callable[[], None]) -> NoReturn:
    """A forked process's whole life: it never returns into what its parent was doing."""
    code = 1
    try:
        life()
        code = 0
    except Exception:
        _log.exception("a reader's process failed")
    finally:
        os._exit(code)
