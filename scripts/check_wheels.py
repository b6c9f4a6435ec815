"""Whether everything that the image installs has a ready wheel for both of its platforms: `check_wheels.py [--write]`.

The versions are those of constraints.txt, which the image's build is held to; `--write` makes that file anew from what
pip finds for pyproject.toml today. Asks the package index that pip is configured with, and downloads nothing but
metadata where that serves it apart.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
CONSTRAINTS = REPOSITORY / "constraints.txt"
HEADER = "# What the image is made of. Written by scripts/check_wheels.py --write; make a new image after it.\n"
MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
# From the oldest glibc that pip knows to that of the image's Debian.
GLIBC = (5, 12, 17, 24, 26, 27, 28, 31, 34, 35, 36)


def requirements() -> list[str]:
    """Of the service and its embedded PostgreSQL."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    return [*project["dependencies"], *project["optional-dependencies"]["embedded"]]


def image_python() -> str:
    """Version of Python in the image: `3.12`."""
    found = re.search(r"^ARG PYTHON_IMAGE=python:(\d+\.\d+)", (REPOSITORY / "Dockerfile").read_text("utf-8"), re.M)
    assert found
    return found[1]


def resolve(machine: str, constraints: Path | None) -> dict[str, str]:
    """Name to version of all that would be installed from wheels alone. Raises CalledProcessError with pip's words."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report", "-"]
    command += ["--only-binary=:all:", "--python-version", image_python(), "--implementation", "cp"]
    command += ["--platform", f"manylinux2014_{machine}", "--platform", f"linux_{machine}"]
    for minor in GLIBC:
        command += ["--platform", f"manylinux_2_{minor}_{machine}"]
    if constraints:
        command += ["--constraint", str(constraints)]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [*command, "--target", folder, *requirements()], check=True, capture_output=True, text=True
        )
    return {
        each["metadata"]["name"].lower().replace("_", "-"): each["metadata"]["version"]
        for each in json.loads(done.stdout)["install"]
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write constraints.txt from what there is today")
    write = parser.parse_args().write
    try:
        found = {name: resolve(machine, None if write else CONSTRAINTS) for name, machine in MACHINES.items()}
    except subprocess.CalledProcessError as error:
        print(error.stderr.strip(), file=sys.stderr)
        print("Not everything has a wheel for both platforms: choose other versions.", file=sys.stderr)
        return 1
    pinned: dict[str, str] = {}
    for platform, versions in found.items():
        print(f"{platform}: {len(versions)} packages, each with a wheel")
        pinned |= versions
    if write:
        lines = [f"{name}=={version}\n" for name, version in sorted(pinned.items())]
        CONSTRAINTS.write_text(HEADER + "".join(lines), "utf-8")
        return 0
    known = dict(line.split("==") for line in CONSTRAINTS.read_text("utf-8").splitlines() if "==" in line)
    for name in sorted(pinned.keys() - known.keys()):
        print(f"{name} is not in constraints.txt. Run scripts/check_wheels.py --write.", file=sys.stderr)
    return 1 if pinned.keys() - known.keys() else 0


if __name__ == "__main__":
    sys.exit(main())
