"""The model that is taken when none is configured."""

from __future__ import annotations

import pytest

from whisperengine.llm.model_names import first_chat_model, listed


@pytest.mark.parametrize(
    "name",
    [
        "nomic-embed-text:latest",
        "text-embedding-nomic-embed-text-v1.5",
        "text-embedding-3-small",
        "all-minilm:l6-v2",
        "bge-m3:latest",
        "BAAI/bge-reranker-v2-m3",
        "intfloat/e5-base",
        "whisper-1",
        "tts-1-hd",
        "dall-e-3",
        "omni-moderation-latest",
    ],
)
def test_a_model_that_cannot_talk_is_passed_over(name: str):
    assert first_chat_model([name, "llama3.2:latest"]) == "llama3.2:latest"


@pytest.mark.parametrize(
    "name",
    [
        "llama3.2:latest",
        "qwen/qwen3-8b",
        "gpt-4o-mini",
        "/models/Mistral-7B-Instruct-v0.3.Q4_K_M.gguf",
        "anthropic/claude-3-haiku",
        "gemma3:4b",
        "deepseek-r1:14b",
        "hf.co/bartowski/Ministral-8B",
    ],
)
def test_a_model_that_talks_is_taken(name: str):
    assert first_chat_model(["nomic-embed-text", name]) == name


def test_a_list_without_a_chat_model_gives_none():
    assert first_chat_model(["nomic-embed-text"]) == ""


@pytest.mark.parametrize(
    ("document", "names"),
    [
        ({"object": "list", "data": [{"id": "a"}, {"id": "b"}]}, ["a", "b"]),
        ({"data": None}, []),
        ({"data": [{"id": 3}, "x", {}]}, []),
        ({"models": []}, None),
        ({"data": "x"}, None),
        ("<html>", None),
        (None, None),
    ],
)
def test_what_is_no_list_of_models_is_told_from_an_empty_one(document: object, names: list[str] | None):
    assert listed(document) == names
