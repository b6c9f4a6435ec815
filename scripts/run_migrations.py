"""Wait for the database and apply the pending migrations: what an init container runs.

Arguments, if any, are those of `whisperengine migrate`.
"""

from __future__ import annotations

import argparse
import sys

from whisperengine import config
from whisperengine.commands import migrate
from whisperengine.errors import ConfigurationError


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    migrate.configure(parser)
    args = parser.parse_args(arguments or ["up"])
    try:
        settings = config.load()
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return migrate.FAILED
    return migrate.run(args, settings)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
