"""Which endpoints answer for whom, and which key goes where."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from whisperengine import config as configuration
from whisperengine import endpoints
from whisperengine.config import Config
from whisperengine.llm import choosing
from whisperengine.llm.endpoint import Endpoint

MAIN = replace(
    Config(), llm_url="https://main.example/v1", llm_model="big", llm_api_key="main-key", llm_price_completion=2.0
)
OTHERS = endpoints.parse(
    json.dumps(
        [
            {"url": "https://second.example/v1", "model": "small", "key": "second-key", "temperature": 0.1},
            {
                "url": "https://third.example/v1",
                "name": "third",
                "key": "third-key",
                "fallback": False,
                "prices": {"prompt": 1, "completion": 4},
            },
        ]
    )
)
BOTH = replace(MAIN, llm_endpoints=OTHERS)


def own(section: dict[str, object], config: Config = BOTH) -> Endpoint:
    return choosing.for_character(config, choosing.configured(config), section)[0]


def test_the_first_endpoint_comes_before_the_others_and_named_ones_only_where_asked_for():
    found = [(each.host, each.model, each.api_key) for each in choosing.configured(BOTH)]
    assert found == [("main.example", "big", "main-key"), ("second.example", "small", "second-key")]


def test_nothing_configured_is_nobody_and_others_alone_are_enough():
    assert choosing.configured(Config()) == []
    assert [each.host for each in choosing.configured(replace(Config(), llm_endpoints=OTHERS))] == ["second.example"]
    assert choosing.configured(replace(BOTH, llm_client_type="disabled")) == []


@pytest.mark.parametrize(
    ("kind", "host"), [("anthropic", "api.anthropic.com"), ("gemini", "generativelanguage.googleapis.com")]
)
def test_a_kind_has_its_default_address(kind: str, host: str):
    config = configuration.load({"LLM_CLIENT_TYPE": kind, "LLM_CHAT_API_KEY": "k"}, dotenv=None)
    first = choosing.configured(config)[0]
    assert first.host == host
    assert first.address("chat/completions").endswith("/chat/completions")


def test_a_character_may_take_another_model_of_the_same_endpoint():
    first = own({"model": "other"})
    assert (first.host, first.model, first.api_key) == ("main.example", "other", "main-key")


def test_a_character_names_an_endpoint_and_the_rest_follow_as_fall_back():
    found = choosing.for_character(BOTH, choosing.configured(BOTH), {"key_ref": "third", "model": "m"})
    assert [(each.host, each.api_key) for each in found] == [
        ("third.example", "third-key"),
        ("main.example", "main-key"),
        ("second.example", "second-key"),
    ]


def test_a_key_goes_only_to_the_host_for_which_it_was_given():
    section = {"url": "https://second.example/v1", "key_ref": "third"}
    assert own(section).api_key == "second-key"
    assert own({"url": "http://second.example/v1", "key_ref": "third"}).api_key == "main-key"
    assert own({"url": "http://second.example/v1", "key_ref": "third"}).host == "main.example"


def test_a_host_that_the_settings_do_not_know_is_not_asked(caplog: pytest.LogCaptureFixture):
    found = choosing.for_character(BOTH, choosing.configured(BOTH), {"url": "https://elsewhere.example/v1"})
    assert found == choosing.configured(BOTH)
    assert "llm.endpoints" in caplog.text


def test_a_usual_local_server_needs_no_setting_and_gets_no_key():
    first = own({"url": "http://127.0.0.1:11434/v1", "model": "qwen3:8b"})
    assert (first.host, first.api_key, first.prices) == ("127.0.0.1:11434", "", None)


def test_prices_hold_for_the_model_that_they_were_given_for():
    assert own({"model": "other"}).prices is None
    assert own({"key_ref": "third"}).prices == (1.0, 4.0)
    assert choosing.configured(BOTH)[0].prices == (0.0, 2.0)


def test_a_characters_disabled_model_is_nobody():
    assert choosing.for_character(BOTH, choosing.configured(BOTH), {"client_type": "disabled"}) == []


def test_a_characters_numbers_go_into_the_request_and_the_budget():
    section = {"temperature": 0.0, "max_tokens": 100, "top_p": 0.5, "context_tokens": 1000, "url": "x", "model": "m"}
    assert choosing.parameters(section) == {"temperature": 0.0, "max_tokens": 100, "top_p": 0.5}
    assert choosing.prompt_budget(BOTH, section) == 900
    assert choosing.prompt_budget(BOTH, {}) == BOTH.llm_context_tokens - BOTH.llm_max_tokens


def test_a_cost_needs_prices_and_reported_tokens():
    priced = replace(Endpoint("http://x/v1"), prices=(1.0, 4.0))
    assert priced.cost(1_000_000, 500_000) == 3.0
    assert priced.cost(None, 5) is None
    assert Endpoint("http://x/v1").cost(1, 1) is None
