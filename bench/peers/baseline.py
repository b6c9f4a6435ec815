"""What a competent engineer writes in an afternoon: FastAPI, SQLAlchemy, pgvector, fastembed. Keeps every message.

python baseline.py STUB_URL MODEL_FOLDER DATABASE_URL
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx
import uvicorn
from fastapi import FastAPI
from local_model import DIMENSIONS, NAME, embedder
from pgvector.sqlalchemy import Vector
from pydantic import BaseModel
from sqlalchemy import DateTime, Index, Text, select, text
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

RECENT, FOUND = 20, 10
STUB, MODELS, DATABASE = sys.argv[1:4]


class Base(DeclarativeBase):
    pass


class Message(Base):
    __tablename__ = "messages"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[str]
    role: Mapped[str]
    content: Mapped[str] = mapped_column(Text)
    said_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    embedding: Mapped[list[float]] = mapped_column(Vector(DIMENSIONS))
    __table_args__ = (Index("messages_of_user", "user_id", "id"),)


class Said(BaseModel):
    user_id: str
    message: str


engine = create_async_engine(DATABASE, pool_size=10)
sessions = async_sessionmaker(engine, expire_on_commit=False)
encoder = embedder(MODELS)(NAME)
model = httpx.AsyncClient(base_url=STUB, timeout=90)


@asynccontextmanager
async def lifespan(app: FastAPI):
    async with engine.begin() as connection:
        await connection.execute(text("create extension if not exists vector"))
        await connection.run_sync(Base.metadata.create_all)
    yield


app = FastAPI(lifespan=lifespan)


async def embed(content: str) -> list[float]:
    return await asyncio.to_thread(lambda: next(iter(encoder.embed([content]))))


def nearest(user_id: str, embedding):
    return (
        select(Message)
        .where(Message.user_id == user_id)
        .order_by(Message.embedding.cosine_distance(embedding))
        .limit(FOUND)
    )


@app.post("/chat")
async def chat(said: Said):
    embedding = await embed(said.message)
    async with sessions() as session:
        found = (await session.scalars(nearest(said.user_id, embedding))).all()
        latest = select(Message).where(Message.user_id == said.user_id).order_by(Message.id.desc()).limit(RECENT)
        recent = (await session.scalars(latest)).all()
        session.add(
            Message(
                user_id=said.user_id, role="user", content=said.message, said_at=datetime.now(UTC), embedding=embedding
            )
        )
        await session.commit()
    known = "\n".join(f"- {each.said_at:%Y-%m-%d}: {each.content}" for each in found)
    messages = [
        {"role": "system", "content": f"You are a helpful AI. What was said before:\n{known}"},
        *({"role": each.role, "content": each.content} for each in reversed(recent)),
        {"role": "user", "content": said.message},
    ]
    response = await model.post("/v1/chat/completions", json={"model": "stub", "messages": messages})
    answer = response.json()["choices"][0]["message"]["content"]
    embedding = await embed(answer)
    async with sessions() as session:
        session.add(
            Message(
                user_id=said.user_id, role="assistant", content=answer, said_at=datetime.now(UTC), embedding=embedding
            )
        )
        await session.commit()
    return {"response": answer}


@app.get("/search")
async def search(user_id: str, query: str):
    embedding = await embed(query)
    async with sessions() as session:
        return [each.content for each in (await session.scalars(nearest(user_id, embedding))).all()]


class Server(uvicorn.Server):
    async def startup(self, sockets=None) -> None:
        await super().startup(sockets)
        print(f"http://127.0.0.1:{self.servers[0].sockets[0].getsockname()[1]}", flush=True)


if __name__ == "__main__":
    asyncio.run(Server(uvicorn.Config(app, port=0, log_level="warning", access_log=False)).serve())
