"""What Prometheus reads."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request

from baton.ledger.standing import standing
from baton.server.callers import AllViewer
from baton.server.failing import FAILURES
from baton.server.figures import figures
from baton.server.service import service_of

router = APIRouter(tags=["health"])


@router.get("/metrics", response_class=Response, responses={status: FAILURES[status] for status in (401, 403, 503)})
async def metrics(request: Request, caller: AllViewer) -> Response:
    """How the work stands, from the record, and what this process has done, as Prometheus reads it."""
    service = service_of(request)
    stands = await service.baton.ledger.read(standing)
    return Response(figures(stands) + service.metrics.text(), media_type=CONTENT_TYPE_LATEST)
