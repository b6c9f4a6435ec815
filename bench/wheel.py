"""The package as people get it: built, installed into an empty environment, started, asked.

`python bench/wheel.py [--models FOLDER]`: without the folder the models are fetched too, as on a first start.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
HELLO = json.dumps({"user_id": "sam", "message": "Hello, I am Sam."}).encode()


def megabytes(folder: Path) -> float:
    return round(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6, 1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(program: Path, work: Path, environ: dict[str, str]) -> Iterator[str]:
    """`whisperengine serve` outside the repository; yields its address and stops it with SIGTERM."""
    port = free_port()
    process = subprocess.Popen(
        [program, "serve"], cwd=work, env={**environ, "HEALTH_CHECK_PORT": str(port)}, stderr=subprocess.DEVNULL
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        code = process.wait(60)
    assert code == 0, code


def first_answer(url: str) -> float:
    """Seconds until a message is answered."""
    began = time.monotonic()
    while True:
        try:
            request = urllib.request.Request(url + "/api/chat", HELLO, {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=60) as response:
                assert json.load(response)["response"]
                return round(time.monotonic() - began, 2)
        except urllib.error.URLError as error:
            # Nobody listens yet, or the service says that it is not ready.
            if getattr(error, "code", 503) != 503:
                raise
        time.sleep(0.05)


def page(url: str) -> bool:
    try:
        with urllib.request.urlopen(url + "/") as response:
            return b"<html" in response.read().lower()
    except urllib.error.HTTPError:
        return False


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, help="folder of models that are there already")
    models = parser.parse_args().models
    with tempfile.TemporaryDirectory(prefix="whisperengine-wheel-") as folder:
        work = Path(folder)
        work.chmod(0o711)  # as root, PostgreSQL runs as another user
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, str(REPOSITORY)]
        subprocess.run(command, check=True)
        [wheel] = work.glob("*.whl")
        venv.create(work / "venv", with_pip=True)
        empty = megabytes(work / "venv")
        programs = work / "venv" / "bin"
        began = time.monotonic()
        subprocess.run([programs / "pip", "install", "--quiet", f"{wheel}[embedded]"], check=True, cwd=work)
        install = time.monotonic() - began
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))}
        environ = {
            **{name: value for name, value in kept.items() if name != "MODEL_CACHE_DIR"},
            "WHISPERENGINE_HOME": str(work / "home"),
            "DOTENV_PATH": os.devnull,
            "LLM_CLIENT_TYPE": "disabled",
            **({"MODEL_CACHE_DIR": str(models)} if models else {}),
        }
        found = {
            "bench": "wheel",
            "wheel_mb": round(wheel.stat().st_size / 1e6, 1),
            "installed_mb": round(megabytes(work / "venv") - empty, 1),
            "install_seconds": round(install, 1),
            "models_fetched": models is None,
        }
        with serving(programs / "whisperengine", work, environ) as url:
            found["first_answer_seconds"] = first_answer(url)
            found["page"] = page(url)
        with serving(programs / "whisperengine", work, environ) as url:
            found["later_start_seconds"] = first_answer(url)
    print(json.dumps(found))
    for name, value in found.items():
        print(f"{name:24} {value}")


if __name__ == "__main__":
    main()
