"""``python -m tests.crashes --seeds 5 --kills 3``: the stories on both databases, a JSON line for each."""

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.crashes.outbox import moments_of, story
from tests.databases import PostgresDatabases, SqliteDatabases, postgres_server


def main() -> None:
    """Tell stories until one of them fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--kills", type=int, default=3)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, postgres_server() as server:
        folder = Path(name)
        postgres = PostgresDatabases(server)
        sources: dict[str, SqliteDatabases | PostgresDatabases] = {
            "sqlite": SqliteDatabases(folder), "postgresql": postgres
        }  # fmt: skip
        for seed in range(1, wanted.seeds + 1):
            for kind, source in sources.items():
                place = folder / f"{kind}-{seed}"
                place.mkdir()
                with source.fresh(place) as url:
                    told = story(place, url, seed, moments_of(seed, wanted.kills))
                print(json.dumps({"database": kind, **asdict(told)}), flush=True)  # noqa: T201
        postgres.close()


if __name__ == "__main__":
    main()
