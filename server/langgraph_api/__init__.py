"""The part of LangGraph's server API by which its clients talk with agents: assistants, threads, runs."""

from baton.server.langgraph_api.routers import description, router

__all__ = ["description", "router"]
