"""The small demo county for servers that tests start: put in once for a test process, and copied for each server.

To plan its weeks takes as long as a server's start.
"""

import atexit
import shutil
import tempfile
from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path

from app.__main__ import main
from tests.logs import logging_as_found

DATABASE = "tongtang.db"
"""In the data folder, where a server looks when it is told no other."""


def put_small_county(data_dir: Path) -> None:
    """As ``python -m app seed small`` puts it into a data folder."""
    shutil.copytree(_kept(), data_dir, dirs_exist_ok=True)


@cache
def _kept() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="tongtang-seeded-")
    atexit.register(folder.cleanup)
    with logging_as_found(), redirect_stdout(StringIO()):
        assert main(["seed", "small", "--data-dir", folder.name, "--log-level", "warning"]) == 0
    return Path(folder.name)
