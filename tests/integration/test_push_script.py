"""push-to-dockerhub.sh in a repository of its own, with a `docker` that only notes how it was called."""

import json
import os
import shutil
import subprocess
import sys

import pytest

STAND_IN = """#!{python}
import json, sys
with open({notes!r}, "a") as notes:
    notes.write(json.dumps(sys.argv[1:]) + "\\n")
if sys.argv[1:4] == ["buildx", "imagetools", "inspect"]:
    for platform in {platforms!r}:
        print("  Name: x\\n  Platform:  " + platform)
        print("  Annotations:\\n  vnd.docker.reference.type: attestation-manifest")
sys.exit(1 if sys.argv[1:3] == ["buildx", "inspect"] else 0)
"""


@pytest.fixture
def push(repository, tmp_path):
    """Runs the script; returns its result and the calls of docker."""
    folder = tmp_path / "work"
    folder.mkdir()
    for name in ("push-to-dockerhub.sh", "pyproject.toml"):
        shutil.copy(repository / name, folder / name)
    programs, notes = tmp_path / "bin", tmp_path / "notes"
    programs.mkdir()
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "config.json").write_text('{"auths": {"hub": {}}}')
    environ = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "DOCKER_CONFIG": str(tmp_path / "docker"),
        "GIT_CONFIG_GLOBAL": os.devnull,
    }
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(folder)]
    for step in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "first"]):
        subprocess.run([*git, *step], check=True, env=environ)

    def run(*arguments, platforms=("linux/amd64", "linux/arm64"), change=None):
        stand_in = programs / "docker"
        stand_in.write_text(STAND_IN.format(python=sys.executable, notes=str(notes), platforms=platforms))
        stand_in.chmod(0o755)
        if change:
            (folder / change).write_text("changed")
        done = subprocess.run(
            [folder / "push-to-dockerhub.sh", *arguments], env=environ, capture_output=True, text=True, check=False
        )
        calls = [json.loads(line) for line in notes.read_text().splitlines()] if notes.exists() else []
        return done, calls

    return run


def builds(calls):
    return [call for call in calls if call[:2] == ["buildx", "build"]]


def test_both_images_are_built_for_both_platforms_and_pushed_under_both_tags(push):
    done, calls = push("someone", "0.1.0")
    assert done.returncode == 0, done.stderr
    first, second = builds(calls)
    for call, image in ((first, "someone/whisperengine"), (second, "someone/whisperengine-ui")):
        assert call[call.index("--platform") + 1] == "linux/amd64,linux/arm64"
        tags = [call[place + 1] for place, word in enumerate(call) if word == "--tag"]
        assert tags == [f"{image}:0.1.0", f"{image}:latest"]
        assert {"--push", "--sbom=true", "--provenance=mode=max"} <= set(call)
        assert "--no-cache" not in call
    assert (first[-1], second[-1]) == (".", "cdl-web-ui")
    inspected = [call[-1] for call in calls if call[:2] == ["buildx", "imagetools"]]
    assert inspected == [
        f"someone/{name}:{tag}" for name in ("whisperengine", "whisperengine-ui") for tag in ("0.1.0", "latest")
    ]


def test_the_version_is_that_of_the_project_when_none_is_named(push):
    _, calls = push("someone")
    assert "someone/whisperengine:0.1.0" in builds(calls)[0]


def test_no_cache_is_an_option_wherever_it_stands_and_never_the_version(push):
    done, calls = push("someone", "--no-cache")
    assert done.returncode == 0, done.stderr
    assert all("--no-cache" in call for call in builds(calls))
    assert "someone/whisperengine:0.1.0" in builds(calls)[0]


def test_a_dry_run_prints_every_command_and_runs_none(push):
    done, calls = push("someone", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert calls == []
    assert done.stdout.count("docker buildx build ") == 2
    assert "--tag someone/whisperengine-ui:latest" in done.stdout
    assert done.stdout.count("docker buildx imagetools inspect") == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name the Docker Hub user"),
        (("someone", "9.9.9"), "pyproject.toml says 0.1.0"),
        (("someone", "--nocache"), "there is no option --nocache"),
        (("someone", "0.1.0", "extra"), "too many arguments"),
        (("Some One",), "no user of Docker Hub"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_runs(push, arguments, said):
    done, calls = push(*arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert calls == []


def test_a_changed_work_tree_is_refused(push):
    done, calls = push("someone", change="new.txt")
    assert done.returncode == 1
    assert "no commit" in done.stderr
    assert calls == []


def test_a_push_that_lacks_a_platform_is_noticed(push):
    done, _ = push("someone", platforms=("linux/amd64", "linux/riscv64"))
    assert done.returncode == 1
    assert "no image for linux/arm64" in done.stderr
