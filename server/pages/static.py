"""Scripts, styles and icons of the pages, under an address that changes with them, so that browsers may keep them."""

import hashlib
from functools import cache
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parent / "static"

_KEPT = "public, max-age=31536000, immutable"


@cache
def static_path() -> str:
    """Where they are, behind the base path."""
    digest = hashlib.sha256()
    for file in sorted(FOLDER.iterdir()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return f"/static/{digest.hexdigest()[:12]}"


class Static(StaticFiles):
    """Serves them, to be kept for good."""

    def __init__(self) -> None:
        super().__init__(directory=FOLDER)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file behind the part of the address that changes with the files."""
        response = await super().get_response(path.partition("/")[2], scope)
        response.headers["cache-control"] = (
            _KEPT if path.startswith(static_path().removeprefix("/static/")) else "no-cache"
        )
        return response
