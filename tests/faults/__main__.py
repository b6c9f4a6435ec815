"""python -m tests.faults [--faults 300] [--seed 1] [--people 5] [--only KIND ...] [--log FILE]

People talk through real processes while parts of them are killed, cut off, frozen, filled up and lied to. After each
fault what must be true is checked. The same seed deals the same faults. Exit code 1 when anything did not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import time
from pathlib import Path

from tests.faults.kinds import KINDS
from tests.faults.run import run, table


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--faults", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--people", type=int, default=5, help="in each of the two worlds")
    parser.add_argument("--only", action="append", default=[], choices=sorted(KINDS), metavar="KIND")
    parser.add_argument("--log", type=Path, help="where the services' logs go")
    options = parser.parse_args()
    # The model's server loses its listeners all the time here; that is no news.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    began = time.monotonic()
    report = asyncio.run(run(options.faults, options.seed, people=options.people, only=options.only, loud=True))
    if options.log:
        options.log.write_text("\n\n".join(report.logs))
    print(table(report))
    figures = {"faults": report.faults, "whole": report.whole, "seed": options.seed, "turns": report.turns}
    print(json.dumps({"run": "faults", **figures, "seconds": round(time.monotonic() - began)}))
    return 1 if report.found or report.faults + len(report.skipped) < options.faults else 0


if __name__ == "__main__":
    sys.exit(main())
