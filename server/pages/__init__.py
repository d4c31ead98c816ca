"""The pages: what a browser shows. They read the record; whatever changes it goes through the API."""

from baton.server.pages.failures import show_failure
from baton.server.pages.routers import ROUTERS
from baton.server.pages.static import Static

__all__ = ["ROUTERS", "Static", "show_failure"]
