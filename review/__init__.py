"""Whom to ask: the review queue."""

from baton.review.queue import Answer, Recheck, ReviewQueue

__all__ = ["Answer", "Recheck", "ReviewQueue"]
