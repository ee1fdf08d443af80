"""Are there known weaknesses in what runs? pip-audit over the lock file, and an honest word when it could not look.

    python -m tests.supply.audit              unreachable: says so, exit code 0
    python -m tests.supply.audit --required   unreachable: exit code 2
    Known weaknesses: exit code 1, either way.

pip-audit passes over what the service does not know, with exit code 0. Behind a mirror that has packages but no
advisories that is everything, so what was passed over is counted here: it is not known to be sound.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tests.supply.lockfile import read_pins

LOCK: Final = Path(__file__).parents[2] / "requirements.lock"
PATIENCE_SECONDS: Final = 180
_SHOWN: Final = 5


def judge(names: Sequence[str], report: dict[str, Any] | None, *, required: bool) -> tuple[list[str], int]:
    """What to say of a report, which is None when there is none, and the exit code."""
    found = {each["name"].lower(): each for each in (report or {}).get("dependencies", [])}
    lines = [
        f"{name} {found[name]['version']}: {weakness['id']}, "
        f"mended in {', '.join(weakness['fix_versions']) or 'no version'}"
        for name in names
        for weakness in found.get(name, {}).get("vulns", [])
    ]
    unknown = [name for name in names if "vulns" not in found.get(name, {})]
    if unknown:
        shown = ", ".join(unknown[:_SHOWN]) + (" …" if len(unknown) > _SHOWN else "")
        lines.append(
            f"NOT AUDITED: {len(unknown)} of {len(names)} packages ({shown}): "
            "the vulnerability service could not be reached, or does not know them"
        )
    if any(each.get("vulns") for each in found.values()):
        return lines, 1
    if unknown:
        return lines, 2 if required else 0
    return [f"{len(names)} packages audited, no known weakness"], 0


def ask() -> dict[str, Any] | None:
    """pip-audit's report; None when it could not make one."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(LOCK), "--disable-pip", "--no-deps"]
    try:
        done = subprocess.run(
            [*command, "--format", "json", "--progress-spinner", "off"],
            capture_output=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        report = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return report if isinstance(report, dict) else None


def main() -> int:
    """Ask and judge; returns the exit code."""
    parser = argparse.ArgumentParser(description="Known weaknesses in the packages of the lock file.")
    parser.add_argument(
        "--required", action="store_true", help="fail when not every package could be audited"
    )
    options = parser.parse_args()
    lines, code = judge([pin.name for pin in read_pins(LOCK)], ask(), required=options.required)
    sys.stdout.write("".join(f"audit: {line}\n" for line in lines))
    return code


if __name__ == "__main__":
    sys.exit(main())
