"""Promises: how much of a class of actions may run alone, so that at most the agreed share of it is wrong."""

from baton.policies.promises.certifying import Certifier, Decision
from baton.policies.promises.standing import Standing
from baton.policies.promises.terms import Method, Promise

__all__ = ["Certifier", "Decision", "Method", "Promise", "Standing"]
