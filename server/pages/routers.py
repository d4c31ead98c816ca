"""All pages."""

from baton.server.pages import (
    agent_pages,
    audit_pages,
    chat_pages,
    flow_pages,
    links,
    live,
    review_pages,
    run_pages,
    sign_in,
)

_PAGES = (sign_in, links, live, review_pages, audit_pages, run_pages, chat_pages, flow_pages, agent_pages)

ROUTERS = tuple(page.router for page in _PAGES)
