"""Where tests keep their files: in memory, where that is possible.

Every test has a database of its own, made of some hundred files. On an ordinary disk that takes longer than the test.
"""

import os
import shutil
import tempfile
from pathlib import Path

_MEMORY = Path("/dev/shm")
_ENOUGH = 4 * 2**30  # bytes; a run uses a fraction of that


def use_memory() -> None:
    """Let temporary files of this process and its children lie in memory, unless somebody chose another place."""
    if "TMPDIR" in os.environ or not os.access(_MEMORY, os.W_OK):
        return
    programs_run = not os.statvfs(_MEMORY).f_flag & os.ST_NOEXEC  # some tests build and load a library
    if programs_run and shutil.disk_usage(_MEMORY).free >= _ENOUGH:
        os.environ["TMPDIR"] = str(_MEMORY)
        tempfile.tempdir = None  # it is looked up once, which may have happened
