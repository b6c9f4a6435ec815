"""Write the settings of the compose files from the table of variables; a test holds the files equal to this.

Compose passes each variable of `.env` on, empty where it is not set, which counts as not set.
"""

from __future__ import annotations

import re
from pathlib import Path

from whisperengine.config import table

REPOSITORY = Path(__file__).resolve().parents[1]
FILES = ("docker-compose.quickstart.yml", "docker-compose.scale.yml")
BLOCK = re.compile(
    r"(?<=# Written by scripts/compose_settings.py: every variable of \.env\.example\n).*?(?=\n\n)", re.S
)

# What the image and the compose files decide themselves.
DECIDED = {
    "ALLOWED_HOSTS",
    "DATABASE_URL",
    "FASTEMBED_CACHE_PATH",
    "HEALTH_CHECK_HOST",
    "HEALTH_CHECK_PORT",
    "MIGRATE_ON_START",
    "MODEL_CACHE_DIR",
    "MODEL_SOURCE",
    "POSTGRES_DB",
    "POSTGRES_HOST",
    "POSTGRES_PASSWORD",
    "POSTGRES_PORT",
    "POSTGRES_USER",
    "TRUSTED_PROXIES",
    "WHISPERENGINE_AUTH",
    "WHISPERENGINE_HOME",
}


def filled(text: str) -> str:
    """The compose file `text` with its block of settings as the table has them."""
    names = sorted(variable.name for _, variable, _ in table() if variable.name not in DECIDED)
    return BLOCK.sub("x-settings: &settings\n" + "\n".join(f"  {name}: ${{{name}:-}}" for name in names), text)


def main() -> None:
    for name in FILES:
        path = REPOSITORY / name
        path.write_text(filled(path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
