"""The pages: what a browser shows. They read the record; whatever changes it goes through the API."""

from baton.server.pages.agent_pages import router as agents
from baton.server.pages.failures import show_failure
from baton.server.pages.flow_pages import router as flow
from baton.server.pages.links import router as links
from baton.server.pages.live import router as live
from baton.server.pages.review_pages import router as reviews
from baton.server.pages.sign_in import router as sign_in
from baton.server.pages.static import Static

__all__ = ["Static", "agents", "flow", "links", "live", "reviews", "show_failure", "sign_in"]
