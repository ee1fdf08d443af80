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


class NurseryGone(Exception):
    """The nursery has ended: there will be no readers until the server is started again."""


class Nursery:
    """The web process's side."""

    def __init__(self, work: Work, not_theirs: Iterable[socket.socket] = ()) -> None:
        """Fork it; `not_theirs` are open sockets that are none of its business.

        Raises `RuntimeError` where the process has threads: what they hold locked would stay so in the fork.
        """
        if threading.active_count() > 1:
            raise RuntimeError("there are threads already")
        self._control, theirs = socket.socketpair()
        sys.stdout.flush()
        self._pid = os.fork()
        if self._pid == 0:
            for each in (self._control, *not_theirs):
                each.close()
            _end_after(partial(_bear_all, theirs, work))
        theirs.close()
        _own_group(self._pid)

    def bear(self) -> socket.socket:
        """Have a reader made; returns our end of the link to it. Raises `NurseryGone`, and `OSError` where none
        can be made now."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._control, [b"r"], [theirs.fileno()])
            except OSError as error:
                ours.close()
                raise NurseryGone from error
        return ours

    def close(self) -> None:
        """End it and all of its readers, whatever they do: they only read."""
        self._control.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


def _bear_all(control: socket.socket, work: Work) -> None:
    _own_group(0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for readers that end
    gc.freeze()  # what is shared stays so
    while True:
        _word, links, _flags, _address = socket.recv_fds(control, 1, 1)
        if not links:
            os.killpg(0, signal.SIGKILL)  # itself with all readers: they only read
        with socket.socket(fileno=links[0]) as link:
            try:
                child = os.fork()
            except (
                OSError
            ) as error:  # too many processes, too little memory: the link ends, and is asked for again
                _log.error("no reader can be made", error=str(error))
                continue
            if child == 0:
                control.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _end_after(partial(work, link))


def _own_group(pid: int) -> None:
    """Put a process into a group of its own: Ctrl-C in the terminal is the web process's to answer.

    Both sides do, so that it is done whoever goes on first.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.setpgid(pid, pid)


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
