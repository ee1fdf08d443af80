"""``python -m media_relay.native``: build the native kernel, or say in one line why the relay goes without it."""

from __future__ import annotations

import sys

from media_relay.native import BuildError, build, library


def main() -> int:
    """Build it, unless it is there; always 0, because the relay works without it."""
    if library().exists():
        return 0
    try:
        build()
    except BuildError as error:
        print(f"The relay forwards in Python, which costs more processor time: {error}.")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
