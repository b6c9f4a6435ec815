"""The start of the page's own image: nginx's configuration for the service that WHISPERENGINE_API_URL names."""

import os
import subprocess

import pytest


@pytest.fixture
def start(repository, tmp_path):
    """Runs start.sh with an nginx that prints its configuration."""
    program = tmp_path / "nginx"
    program.write_text('#!/bin/sh\nexec cat "$4"\n')
    program.chmod(0o755)

    def run(**environ):
        return subprocess.run(
            ["sh", repository / "cdl-web-ui/nginx/start.sh"],
            env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path), **environ},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_the_configuration_names_the_service_and_leaves_nothing_open(start):
    done = start(WHISPERENGINE_API_URL="http://whisperengine:9090/", PORT="3456")
    assert done.returncode == 0, done.stderr
    lines = [line.strip() for line in done.stdout.splitlines() if not line.strip().startswith("#")]
    assert "set $api http://whisperengine:9090;" in lines
    assert "listen 3456;" in lines
    assert not [line for line in lines if "@" in line.replace("@unreachable", "")]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "whisperengine:9090",
        "ftp://x",
        "http://x;",
        "http://x}\nserver {",
        "http://x|y",
        "http://$host",
        "http://a b",
    ],
)
def test_an_address_that_could_not_be_one_is_refused(start, url):
    done = start(WHISPERENGINE_API_URL=url)
    assert done.returncode == 2
    assert "WHISPERENGINE_API_URL" in done.stderr


def test_answers_that_come_word_by_word_are_handed_on_as_they_come(start):
    text = start(WHISPERENGINE_API_URL="http://whisperengine:9090").stdout
    place = text.index("proxy_pass $api")
    assert "proxy_buffering off;" in text[place:]
    assert "proxy_set_header Host $http_host;" in text[place:]
    for route in ("api/", "v1/", "openapi\\.json$", "docs$", "ready$"):
        assert route in text[:place]
