"""All pages."""

from baton.server.pages import agent_pages, chat_pages, flow_pages, links, live, review_pages, run_pages, sign_in

ROUTERS = tuple(
    module.router for module in (sign_in, links, live, review_pages, run_pages, chat_pages, flow_pages, agent_pages)
)
