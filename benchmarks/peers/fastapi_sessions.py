"""The async version: FastAPI, and one httpx.AsyncClient a worker with its pool kept open."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

CALLBACK = os.environ["CALLBACK_URL"]


class Click(BaseModel):
    product_id: str
    category: str


class Created(BaseModel):
    id: str
    launch_url: str


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with httpx.AsyncClient(
        base_url=os.environ["VENDOR_URL"],
        headers={"Authorization": f"Bearer {os.environ['VENDOR_TOKEN']}"},
        timeout=8,
    ) as client:
        app.state.client = client
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/sessions", status_code=201)
async def create(click: Click) -> Created:
    reply = await app.state.client.post(
        "/sessions",
        json={
            "product_id": click.product_id,
            "category": click.category,
            "experience": "browser",
            "callback_url": CALLBACK,
            "locale": "en-US",
        },
    )
    if reply.is_error:
        raise HTTPException(502, "upstream_error")
    return Created(**reply.json())


@app.get("/healthz")
async def healthz() -> str:
    return "ok"
