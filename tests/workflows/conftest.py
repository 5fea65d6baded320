"""Rehearsals speak by thousands; their log lines would only be noise. A real server for those that want one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from tests.quiet import quiet
from tests.workflows.floor import Floor, serving
from workflows import names

__all__ = ["quiet"]


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    async with serving() as client:
        yield client


@pytest.fixture
async def floor(client: Client, request: pytest.FixtureRequest) -> Floor:
    return Floor(client, f"{names.TRADE_QUEUE}-{request.node.name}")
