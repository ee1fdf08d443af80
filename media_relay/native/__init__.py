"""The optional native kernel: what a packet and subscriber costs, in C, where a compiler could build it.

``python -m media_relay.native`` builds it beside its source, with nothing but a C compiler and its library's headers:
it is a plain shared library without Python in it, loaded by cffi. Without it the relay does the same in Python.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent
_SOURCES: Final = (_HERE / "kernel.h", _HERE / "kernel.c")
DECLARATIONS: Final = _SOURCES[0].read_text(encoding="utf-8")
"""The structures and functions of the kernel, for cffi."""
FOLDER: Final = _HERE / "built"
FLAGS: Final = (
    "-std=c11",
    "-O2",
    "-Wall",
    "-Wextra",
    "-Werror=implicit",
    "-ffp-contract=off",
    "-fPIC",
    "-shared",
)
_COMPILERS: Final = ("cc", "gcc", "clang")


class BuildError(Exception):
    """There is no compiler, or it refused; the reason is the text."""


def library() -> Path:
    """Where the kernel built from the present source for this machine lies, or would lie: an outdated one is not it."""
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in _SOURCES)).hexdigest()[:12]
    return FOLDER / f"kernel-{platform.machine()}-{digest}.so"


def build(folder: Path = FOLDER, flags: tuple[str, ...] = FLAGS) -> Path:
    """Compile the kernel into a folder; returns where it lies. Raises :class:`BuildError`."""
    compiler = next((path for name in _COMPILERS if (path := shutil.which(name))), None)
    if compiler is None:
        raise BuildError("no C compiler")
    target = folder / library().name
    draft = target.with_suffix(f".{os.getpid()}")
    try:
        folder.mkdir(exist_ok=True)
        done = subprocess.run(  # several processes may build at once: what is loaded appears whole
            [compiler, *flags, "-o", str(draft), str(_SOURCES[1])],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            raise BuildError(done.stderr.strip().splitlines()[0] if done.stderr.strip() else compiler)
        draft.replace(target)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(str(error)) from error
    finally:
        draft.unlink(missing_ok=True)
    return target
