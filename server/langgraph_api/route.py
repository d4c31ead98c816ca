"""Failures as LangGraph's server tells them."""

from starlette.responses import JSONResponse, Response

from baton.server.protocols import ProtocolRoute, Trouble


def problem_json(trouble: Trouble) -> dict[str, object]:
    """What went wrong, within a stream or an answer that has begun."""
    return {"error": trouble.kind, "message": trouble.message}


class LangGraphRoute(ProtocolRoute):
    """A route of LangGraph's API."""

    @staticmethod
    def told(trouble: Trouble) -> Response:
        """The answer that says what went wrong."""
        said = {"detail": trouble.message, "code": trouble.kind, "param": trouble.field}
        return JSONResponse(said, trouble.status, trouble.headers)
