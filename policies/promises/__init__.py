"""Promises: how much of a class of actions may run alone, so that at most the agreed share of it is wrong."""

from baton.core import Promise
from baton.policies.promises.certifying import Certifier, Decision
from baton.policies.promises.keeping import Certificates, Kept, missing
from baton.policies.promises.standing import Point, Standing
from baton.policies.promises.terms import Method

__all__ = ["Certificates", "Certifier", "Decision", "Kept", "Method", "Point", "Promise", "Standing", "missing"]
