"""Whether everything that the image installs has a ready wheel for both of its platforms: `check_wheels.py`.

The versions are those of constraints.txt, and the very files those of requirements.lock (what the service is made of)
and requirements-build.lock (what makes its wheel), by their SHA-256: the image takes no others. `--write` makes the
three anew from what pip finds for pyproject.toml today, `--lock` the two locks for the versions that are pinned. Asks
the package index that pip is configured with, and downloads nothing but metadata where that serves it apart.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from collections import defaultdict
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
CONSTRAINTS = REPOSITORY / "constraints.txt"
LOCK = REPOSITORY / "requirements.lock"
BUILD_LOCK = REPOSITORY / "requirements-build.lock"
HEADER = "# What the image is {}. Written by scripts/check_wheels.py --write; make a new image after it.\n"
MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
# From that of the image's Debian to the oldest glibc that pip knows: the order in which pip prefers wheels.
GLIBC = range(36, 4, -1)
_PIN = re.compile(r"^([a-z0-9-]+)==([^\s\\]+)", re.MULTILINE)


def requirements() -> list[str]:
    """Of the service and its embedded PostgreSQL."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["embedded"]]


def build_requirements() -> list[str]:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["build-system"]["requires"]


def image_python() -> str:
    """Version of Python in the image: `3.12`."""
    found = re.search(r"^ARG PYTHON_IMAGE=python:(\d+\.\d+)", (REPOSITORY / "Dockerfile").read_text("utf-8"), re.M)
    assert found
    return found[1]


def pins(path: Path) -> dict[str, str]:
    """Version by name in constraints.txt or a lock; nothing where there is no such file."""
    return dict(_PIN.findall(path.read_text("utf-8"))) if path.exists() else {}


def resolve(machine: str, wanted: list[str], pinned: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Name to version and SHA-256 of all that would be installed from wheels alone, where not `pinned` the newest.

    Raises CalledProcessError with pip's words.
    """
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-"]
    command += ["--only-binary=:all:", "--python-version", image_python(), "--implementation", "cp"]
    for minor in GLIBC:
        command += ["--platform", f"manylinux_2_{minor}_{machine}"]
    command += ["--platform", f"manylinux2014_{machine}", "--platform", f"linux_{machine}"]
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text(listed(pinned), "utf-8")
        command += ["--constraint", str(constraints), "--target", folder, *wanted]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {
        re.sub(r"[-_.]+", "-", each["metadata"]["name"]).lower(): (
            each["metadata"]["version"],
            each["download_info"]["archive_info"]["hashes"]["sha256"],
        )
        for each in json.loads(done.stdout)["install"]
    }


def listed(versions: dict[str, str]) -> str:
    return "".join(f"{name}=={version}\n" for name, version in sorted(versions.items()))


def locked(wanted: list[str], pinned: dict[str, str]) -> str:
    """Lines of a lock: each package once, with the hash of its wheel for each platform."""
    hashes: dict[str, set[str]] = defaultdict(set)
    for platform, machine in MACHINES.items():
        wheels = resolve(machine, wanted, pinned)
        print(f"{platform}: {len(wheels)} packages, each with a wheel")
        for name, (version, sha256) in wheels.items():
            hashes[f"{name}=={version}"].add(f" \\\n    --hash=sha256:{sha256}")
    return "".join(f"{pin}{''.join(sorted(hashes[pin]))}\n" for pin in sorted(hashes))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write constraints.txt and both locks from what there is")
    parser.add_argument("--lock", action="store_true", help="write both locks for the versions of constraints.txt")
    options = parser.parse_args()
    try:
        service = HEADER.format("made of") + locked(requirements(), {} if options.write else pins(CONSTRAINTS))
        build = HEADER.format("built with") + locked(build_requirements(), {} if options.write else pins(BUILD_LOCK))
    except subprocess.CalledProcessError as error:
        print(error.stderr.strip(), file=sys.stderr)
        print("Not everything has a wheel for both platforms: choose other versions.", file=sys.stderr)
        return 1
    if options.write or options.lock:
        LOCK.write_text(service, "utf-8")
        BUILD_LOCK.write_text(build, "utf-8")
        if options.write:
            CONSTRAINTS.write_text(HEADER.format("made of") + listed(pins(LOCK)), "utf-8")
        return 0
    stale = [path.name for path, text in ((LOCK, service), (BUILD_LOCK, build)) if path.read_text("utf-8") != text]
    for name in stale:
        print(f"{name} is not what the index has. Run scripts/check_wheels.py --lock and compare.", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
