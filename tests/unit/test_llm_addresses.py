"""Which addresses are never asked for a language model."""

from __future__ import annotations

import pytest

from whisperengine.llm.addresses import is_refused, is_refused_url


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.0.1",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "100.100.100.200",
        "168.63.129.16",
        "224.0.0.1",
        "255.255.255.255",
        "ff02::1",
    ],
)
def test_link_local_and_metadata_addresses_are_refused_in_every_wrapping(address: str):
    assert is_refused(address)


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "10.0.0.5", "192.168.1.2", "172.17.0.1", "fd12::3", "93.184.216.34", "100.64.0.1"]
)
def test_loopback_private_and_public_addresses_are_allowed(address: str):
    assert not is_refused(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "http://169.254.43518/",
        "http://2852039166/",
        "http://0xA9FEA9FE:80/",
        "http://0251.0376.0251.0376/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://user@169.254.169.254/",
        "http://metadata/computeMetadata",
        "http://Metadata.Google.Internal./",
        "http://[fe80::1/",
    ],
)
def test_a_url_is_refused_however_its_host_is_written(url: str):
    assert is_refused_url(url)


@pytest.mark.parametrize("url", ["http://localhost:11434/v1", "https://api.openai.com/v1", "http://ollama:11434", ""])
def test_usual_urls_are_allowed(url: str):
    assert not is_refused_url(url)
