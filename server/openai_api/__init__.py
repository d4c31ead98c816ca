"""The part of OpenAI's API by which clients of it talk with agents: models and chat completions."""

from baton.server.openai_api.routes import description, router

__all__ = ["description", "router"]
