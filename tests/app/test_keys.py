"""The lasting secret of a server."""

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.errors import StartupError
from app.keys import FILE_NAME, load_keys


def test_the_secret_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    keys = load_keys(folder)
    assert len(keys.secret) == 32
    assert load_keys(folder).secret == keys.secret
    assert keys.derived("this") == load_keys(folder).derived("this") != keys.derived("that")
    assert stat.S_IMODE((folder / FILE_NAME).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sorted(os.listdir(folder)) == [FILE_NAME, "signing-keys.json", "signing-keys.lock"]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in folder.iterdir())


def test_two_installations_have_different_secrets(tmp_path: Path) -> None:
    assert load_keys(tmp_path / "a").secret != load_keys(tmp_path / "b").secret


def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    code = f"import sys; from pathlib import Path; from app.keys import load_keys; " \
           f"keys = load_keys(Path({str(tmp_path)!r})); " \
           f"sys.stdout.write(keys.secret.hex() + keys.ring.newest().kid)"  # fmt: skip

    def start(_number: int) -> str:
        return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(start, range(4)))) == 1


def test_a_secret_is_not_shown(tmp_path: Path) -> None:
    assert repr(load_keys(tmp_path)) == "Keys()"


def test_a_damaged_secret_is_not_used(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"short")
    with pytest.raises(StartupError, match="restore it"):
        load_keys(tmp_path)


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartupError, match="TONGTANG_DATA_DIR") as refused:
        load_keys(tmp_path / "file" / "data")
    assert "\n" not in str(refused.value)
