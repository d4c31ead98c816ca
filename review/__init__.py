"""Whom to ask: the review queue, and the runs that cannot go on without an answer."""

from baton.review.audits import Audits
from baton.review.deciding import Answer, Identity, Recheck
from baton.review.letters import DeadLetter, Retried, dead_letters, retry
from baton.review.queue import ReviewQueue

__all__ = ["Answer", "Audits", "DeadLetter", "Identity", "Recheck", "Retried", "ReviewQueue", "dead_letters", "retry"]
