"""The application: its routes under `/api/v1`, the pages, and whether it is well."""

from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request

from baton.core import LedgerError
from baton.server import (
    flow_routes,
    hook_routes,
    langgraph_api,
    mcp_routes,
    metrics_routes,
    note_routes,
    openai_api,
    pages,
    proposal_routes,
    review_routes,
    run_routes,
    session_routes,
    sharing_routes,
    talk_routes,
    together_routes,
)
from baton.server.counting import Counting
from baton.server.door import Door
from baton.server.failing import FAILURES, handle_failures
from baton.server.service import Service, service_of

API = "/api/v1"

_API = (
    session_routes,
    run_routes,
    talk_routes,
    together_routes,
    review_routes,
    proposal_routes,
    flow_routes,
    note_routes,
    sharing_routes,
)

_health = APIRouter(tags=["health"])


def make_app(service: Service) -> FastAPI:
    """The application that serves Baton; any number of them may serve one record."""
    app = FastAPI(
        title="Baton",
        version="1",
        summary="Runs of agents, and the reviews in which people decide.",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    app.add_middleware(GZipMiddleware, minimum_size=2000, compresslevel=5)
    app.add_middleware(Counting, metrics=service.metrics)
    app.add_middleware(Door, alone=service.alone, base_path=service.base_path)
    handle_failures(app, pages.show_failure)
    api = APIRouter(prefix=API, responses=FAILURES)
    for module in _API:
        api.include_router(module.router)
    app.include_router(api)
    for router in pages.ROUTERS:
        app.include_router(router)
    app.mount("/static", pages.Static(), name="static")
    app.include_router(openai_api.router, include_in_schema=False)
    app.include_router(openai_api.description)
    app.include_router(langgraph_api.router, include_in_schema=False)
    app.include_router(langgraph_api.description)
    app.include_router(_health)
    app.include_router(metrics_routes.router)
    app.include_router(mcp_routes.router)
    app.include_router(hook_routes.router)
    return app


@_health.get("/healthz")
async def healthy() -> dict[str, str]:
    """That the process answers."""
    return {"status": "ok"}


@_health.get("/readyz", responses={503: FAILURES[503]})
async def ready(request: Request) -> dict[str, Any]:
    """That the record can be used, and who lets the agents work: null is this process, or nobody."""
    service = service_of(request)
    if service.closing.is_set():
        raise LedgerError("server", "is ending")
    baton = service.baton
    await baton.ledger.read(lambda tx: tx.now)
    return {"status": "ready", "at_work": await baton.at_work()}
