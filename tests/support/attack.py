"""schemathesis against a service: generated requests, and every answer held against /openapi.json.

`python -m tests.support.attack` starts a service on a database of its own and attacks it with thousands of cases.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import aiohttp

from tests.support import service as services

KEY = "the-key-of-the-attack"
CONFIG = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "412", "429"]

[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "409", "412", "413", "415", "429"]

# More than JSON Schema can say: what a file or a character's document must hold to be of use, how a talk must end, and
# what each setting may be. Such requests may be refused.
[[operations]]
include-path-regex = "^/api/characters|^/api/settings|^/v1/chat/completions"
checks.positive_data_acceptance.expected-statuses = ["2xx", "3xx", "400", "401", "403", "404", "409", "412", "429"]
"""


def attack(url: str, *options: str) -> tuple[int, str]:
    """The exit code of schemathesis with all its checks, and its report."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "schemathesis.toml")
        config.write_text(CONFIG)
        done = subprocess.run(
            [
                *(
                    str(Path(sys.executable).with_name("schemathesis")),
                    f"--config-file={config}",
                    "run",
                    f"{url}/openapi.json",
                ),
                *("--checks=all", f"--header=Authorization: Bearer {KEY}"),
                *("--no-color", "--suppress-health-check=all", "--warnings=off"),
                *options,
            ],
            env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.support.attack_hooks"},
            cwd=services.REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.returncode, done.stdout


async def seed(url: str) -> None:
    """Somebody to ask about."""
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as session:
        for text in ("My name is Sam and I live in Lisbon.", "I like tea."):
            async with session.post(url + "/api/chat", json={"user_id": "sam", "message": text}) as response:
                response.raise_for_status()


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("options", nargs="*", help="further options of schemathesis, after --")
    options = parser.parse_args().options
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        process = services.Process(
            Path(folder),
            WHISPERENGINE_API_KEY=KEY,
            LLM_CLIENT_TYPE="disabled",
            LOG_LEVEL="warning",
            TRUSTED_PROXIES="127.0.0.1",
        )
        try:
            await process.start()
            await seed(process.url)
            code, report = await asyncio.to_thread(attack, process.url, *options)
            await process.stop()
            print(report)
            print(process.log())
            return code
        finally:
            await process.close()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
