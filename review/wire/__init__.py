"""Reviews in the shapes that clients of LangChain's middleware and of Agent Inbox read, and their answers."""

from baton.review.wire.answers import decode
from baton.review.wire.applying import Applied, apply
from baton.review.wire.requests import SHAPES, Shape, encode

__all__ = ["SHAPES", "Applied", "Shape", "apply", "decode", "encode"]
