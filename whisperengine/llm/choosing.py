"""Which endpoints answer: the configured ones in order, and before them what a character asks for."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from whisperengine.config import LLM_DEFAULT_URLS, Config
from whisperengine.endpoints import OtherEndpoint, same_origin
from whisperengine.llm.detect import CANDIDATES
from whisperengine.llm.endpoint import Endpoint, endpoint_of, other_endpoint_of

log = logging.getLogger(__name__)

_PARAMETERS = ("temperature", "max_tokens", "top_p", "frequency_penalty", "presence_penalty")

Section = Mapping[str, Any]
"""The `model` section of a character's definition (docs/cdl.md)."""


def configured(config: Config) -> list[Endpoint]:
    """The first endpoint where one is configured, then those of LLM_ENDPOINTS; empty for a disabled model."""
    if config.llm_client_type == "disabled":
        return []
    first = config.llm_url or config.llm_api_key or config.llm_model or config.llm_client_type != "local"
    others = [other_endpoint_of(config, other) for other in config.llm_endpoints if other.fallback]
    return [endpoint_of(config), *others] if first else others


def for_character(config: Config, endpoints: Sequence[Endpoint], section: Section) -> list[Endpoint]:
    """`endpoints` with the character's own before them; empty for one whose model is disabled.

    A definition may come from anywhere, and with it would go what people say and a key. So a host counts only when the
    service's own settings name it (or it is one of the usual local servers), and a key goes only to the host that it
    was given for.
    """
    if section.get("client_type") == "disabled":
        return []
    named = next((other for other in config.llm_endpoints if other.name and other.name == section.get("key_ref")), None)
    kind = str(section.get("client_type") or "")
    url = str(section.get("url") or "") or LLM_DEFAULT_URLS.get(kind, "") or (named.url if named else "")
    model = str(section.get("model") or "")
    if not url:
        return [_with_model(endpoints[0], model), *endpoints[1:]] if endpoints else []
    own = _own(config, url, model, named)
    if own is None:
        _warn(url)
        return list(endpoints)
    return [own, *(each for each in endpoints if each.identity != own.identity)]


def parameters(section: Section) -> dict[str, Any]:
    """What of the section goes into the request itself."""
    return {name: section[name] for name in _PARAMETERS if section.get(name) is not None}


def prompt_budget(config: Config, section: Section) -> int:
    """Tokens that a prompt may have, the answer's being reserved."""
    context = section.get("context_tokens") or config.llm_context_tokens
    return max(context - (section.get("max_tokens") or config.llm_max_tokens), 256)


def _own(config: Config, url: str, model: str, named: OtherEndpoint | None) -> Endpoint | None:
    """The endpoint at `url`, with the key of a configured one at the same host; None for a host that nobody named."""
    known = [*([named] if named else []), *config.llm_endpoints]
    candidates = [other_endpoint_of(config, other) for other in known]
    if config.llm_base_url:
        candidates.append(endpoint_of(config))
    candidates += [
        replace(endpoint_of(config, url=local), model="", api_key="", prices=None) for _, local in CANDIDATES
    ]
    same = next((each for each in candidates if same_origin(each.url, url)), None)
    if same is None:
        return None
    return _with_model(replace(same, url=url), model)


def _with_model(endpoint: Endpoint, model: str) -> Endpoint:
    """What another model costs is not known."""
    return replace(endpoint, model=model, prices=None) if model not in ("", endpoint.model) else endpoint


@lru_cache(maxsize=1_000)
def _warn(url: str) -> None:
    """Once for each address."""
    log.warning(
        "a character names the model endpoint %r, which the settings do not know: the service's own answers. Add it to "
        "llm.endpoints to allow it",
        url[:200],
    )
