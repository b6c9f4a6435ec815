"""mem0 (its open-source library) as its quick start uses it: search, ask the model, add. One JSON document a line.

python mem0_peer.py STUB_URL MODEL_FOLDER qdrant|pgvector STORE infer|verbatim
"""

from __future__ import annotations

import json
import os
import sys
from functools import partialmethod

os.environ |= {"MEM0_TELEMETRY": "False", "OPENAI_API_KEY": "none", "MEM0_DIR": os.environ["PEER_FOLDER"]}

import mem0.embeddings.fastembed
from fastembed import SparseTextEmbedding
from local_model import DIMENSIONS, NAME, embedder
from mem0 import Memory
from openai import OpenAI

FOUND = 10


def opened(stub: str, models: str, kind: str, where: str) -> Memory:
    # The same weights, and the stop words of its BM25, from a folder instead of the hub.
    mem0.embeddings.fastembed.TextEmbedding = embedder(models)
    SparseTextEmbedding.__init__ = partialmethod(SparseTextEmbedding.__init__, specific_model_path=models)
    store = {"collection_name": "memories", "embedding_model_dims": DIMENSIONS}
    if kind == "qdrant":
        store |= {"path": where, "on_disk": True}
    else:
        # As pgvector advises for filters: without it a search ends at 40 rows, of whichever person.
        where += "&options=-c%20hnsw.iterative_scan%3Dstrict_order"
        store |= {"connection_string": where, "hnsw": True}
    llm = {"model": "stub", "openai_base_url": stub + "/v1", "api_key": "none"}
    return Memory.from_config(
        {
            "llm": {"provider": "openai", "config": llm},
            "embedder": {"provider": "fastembed", "config": {"model": NAME, "embedding_dims": DIMENSIONS}},
            "vector_store": {"provider": kind, "config": store},
        }
    )


def main() -> None:
    stub, models, kind, where, how = sys.argv[1:6]
    answers = sys.stdout
    sys.stdout = sys.stderr
    memory = opened(stub, models, kind, where)
    model = OpenAI(base_url=stub + "/v1", api_key="none")

    def search(person: str, text: str) -> list[str]:
        found = memory.search(text, top_k=FOUND, filters={"user_id": person})
        return [each["memory"] for each in found["results"]]

    def tell(person: str, text: str) -> list[str]:
        known = "\n".join(f"- {each}" for each in search(person, text))
        messages = [{"role": "user", "content": text}]
        system = {"role": "system", "content": f"You are a helpful AI. What you know of the person:\n{known}"}
        answer = model.chat.completions.create(model="stub", messages=[system, *messages])
        messages.append({"role": "assistant", "content": answer.choices[0].message.content})
        memory.add(messages, user_id=person, infer=how == "infer")
        return []

    print(json.dumps("ready"), file=answers, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        found = (tell if asked["do"] == "tell" else search)(asked["person"], asked["text"])
        print(json.dumps(found), file=answers, flush=True)


if __name__ == "__main__":
    main()
