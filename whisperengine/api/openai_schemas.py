"""What OpenAI's clients send and read, as far as it has a meaning here."""

from __future__ import annotations

from whisperengine.api.schemas import (
    INTEGER,
    NUMBER,
    OBJECT,
    STRING,
    Schema,
    flag,
    integer,
    line,
    list_of,
    nullable,
    number,
    object_of,
    one_of,
    string,
    text,
)

MESSAGES_MOST = 2_000
IMAGES_MOST = 10
TOOLS_MOST = 128
STOPS_MOST = 16
TEXTS_MOST = 256

_PART: Schema = {
    "anyOf": [
        object_of({"type": one_of("text"), "text": STRING}),
        object_of({"type": one_of("refusal"), "refusal": STRING}),
        object_of(
            {
                "type": one_of("image_url"),
                "image_url": object_of({"url": string("A data URL, or an https:// address.")}),
            }
        ),
    ],
    "description": "a part of the type text or image_url.",
}
_CONTENT: Schema = {"anyOf": [STRING, list_of(_PART)], "description": "a text or a list of parts."}
_CALLS: Schema = list_of(OBJECT)

CHAT_MESSAGE: Schema = {
    "anyOf": [
        object_of({"role": one_of("system", "developer", "user", "tool", "function"), "content": _CONTENT}),
        object_of({"role": one_of("assistant"), "content": _CONTENT, "tool_calls": _CALLS}, required=("role",)),
    ],
    "description": 'a message such as {"role": "user", "content": "Hi"}.',
}
CHAT: Schema = object_of(
    {
        "model": line("Name of a character, with `:stateless` behind it without memory.", empty=True),
        "messages": list_of(
            CHAT_MESSAGE,
            "Must hold one of the role user that says something, and end with it or with the results of tools.",
            minItems=1,
            maxItems=MESSAGES_MOST,
        ),
        "user": line("Whose memory this is.", empty=True),
        "stateless": flag("Without memory."),
        "stream": flag(),
        "stream_options": object_of({"include_usage": flag()}, required=()),
        "metadata": object_of({"conversation_id": line("Names the talk.", empty=True)}, required=()),
        "n": {"type": "integer", "enum": [1]},
        "temperature": number(0, 2),
        "top_p": number(0, 1),
        "presence_penalty": number(-2, 2),
        "frequency_penalty": number(-2, 2),
        "max_tokens": integer(1, 1 << 20),
        "max_completion_tokens": integer(1, 1 << 20),
        "seed": integer(-(1 << 63), (1 << 63) - 1),
        "stop": {
            "anyOf": [STRING, list_of(STRING, maxItems=STOPS_MOST)],
            "description": f"a text or a list of up to {STOPS_MOST} texts.",
        },
        "tools": list_of(OBJECT, maxItems=TOOLS_MOST),
        "tool_choice": {"anyOf": [STRING, OBJECT], "description": "a text or an object."},
        "parallel_tool_calls": flag(),
        "response_format": OBJECT,
    },
    required=("messages",),
    title="ChatCompletionRequest",
)
USAGE: Schema = object_of(
    {"prompt_tokens": INTEGER, "completion_tokens": INTEGER, "total_tokens": INTEGER}, title="Usage"
)
COMPLETION: Schema = object_of(
    {
        "id": STRING,
        "object": one_of("chat.completion"),
        "created": INTEGER,
        "model": STRING,
        "choices": list_of(
            object_of(
                {
                    "index": INTEGER,
                    "message": object_of(
                        {"role": one_of("assistant"), "content": nullable(STRING), "tool_calls": _CALLS},
                        required=("role", "content"),
                    ),
                    "finish_reason": STRING,
                }
            )
        ),
        "usage": USAGE,
    },
    title="ChatCompletion",
)
MODEL: Schema = object_of(
    {"id": STRING, "object": one_of("model"), "created": INTEGER, "owned_by": STRING}, title="Model"
)
EMBEDDING: Schema = object_of(
    {
        "input": {
            "anyOf": [text(100_000), list_of(text(100_000), minItems=1, maxItems=TEXTS_MOST)],
            "description": f"a text or a list of 1 to {TEXTS_MOST} texts, none of them empty.",
        },
        "model": STRING,
        "encoding_format": one_of("float", "base64"),
    },
    required=("input",),
    title="EmbeddingRequest",
)
EMBEDDINGS: Schema = object_of(
    {
        "object": one_of("list"),
        "data": list_of(
            object_of(
                {
                    "object": one_of("embedding"),
                    "index": INTEGER,
                    "embedding": {"anyOf": [list_of(NUMBER), STRING]},
                }
            )
        ),
        "model": STRING,
        "usage": object_of({"prompt_tokens": INTEGER, "total_tokens": INTEGER}),
    },
    title="Embeddings",
)
