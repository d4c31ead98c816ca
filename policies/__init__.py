"""What may happen: policies in Cedar, where arguments came from, and what an approval covers."""

from baton.policies.approval import approval_digest, asked_form
from baton.policies.cedar import CedarPolicy
from baton.policies.loading import SHIPPED, DenyAll, load_policy
from baton.policies.rules import PolicyText
from baton.policies.schema import BUILT_IN, cedar_name
from baton.policies.tracing import Readings, RecentReadings, Traced, trace

__all__ = [
    "BUILT_IN",
    "SHIPPED",
    "CedarPolicy",
    "DenyAll",
    "PolicyText",
    "Readings",
    "RecentReadings",
    "Traced",
    "approval_digest",
    "asked_form",
    "cedar_name",
    "load_policy",
    "trace",
]
