"""Failures in OpenAI's shape, which its clients raise as their own errors."""

from starlette.responses import JSONResponse, Response

from baton.server.protocols import ProtocolRoute, Trouble

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    429: "rate_limit_error",
}


def error_json(trouble: Trouble) -> dict[str, object]:
    """What went wrong, as `{"error": {"message", "type", "param", "code"}}`."""
    usual = "server_error" if trouble.status >= 500 else "invalid_request_error"
    kind = _TYPES.get(trouble.status, usual)
    return {"error": {"message": trouble.message, "type": kind, "param": trouble.field, "code": trouble.kind}}


class OpenAIRoute(ProtocolRoute):
    """A route of OpenAI's API. What is not allowed in a request is 400, as there."""

    @staticmethod
    def told(trouble: Trouble) -> Response:
        """The answer that says what went wrong."""
        status = 400 if trouble.status == 422 else trouble.status
        return JSONResponse(error_json(trouble), status, trouble.headers)
