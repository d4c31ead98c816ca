"""The routes of LangGraph's API together, with their description."""

from fastapi import APIRouter

from baton.server.langgraph_api import assistant_routes, run_routes, thread_routes
from baton.server.protocols import describe

_PARTS = (assistant_routes.router, thread_routes.router, run_routes.router)

router = APIRouter()
for _part in _PARTS:
    router.include_router(_part)

description = describe("Baton for clients of LangGraph's server", "/openapi.json", *_PARTS)
"""The description of these routes, in OpenAPI; it is LangGraph's API and not ours, so ours does not have them."""
