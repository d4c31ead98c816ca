"""What may happen: policies in Cedar, where arguments came from, and what an approval covers."""

from baton.policies.approval import approval_digest, asked_form
from baton.policies.cedar import CedarPolicy, Recorded
from baton.policies.hindsight import ASKED_TOO_OFTEN, TOLD_NO
from baton.policies.holding import HeldBack
from baton.policies.loading import SHIPPED, YAML, DenyAll, holds_up, load_policy, policy_text, policy_texts
from baton.policies.rules import PolicyText
from baton.policies.schema import BUILT_IN, cedar_name
from baton.policies.tracing import Readings, RecentReadings, Traced, trace

__all__ = [
    "ASKED_TOO_OFTEN",
    "BUILT_IN",
    "SHIPPED",
    "TOLD_NO",
    "YAML",
    "CedarPolicy",
    "DenyAll",
    "HeldBack",
    "PolicyText",
    "Readings",
    "RecentReadings",
    "Recorded",
    "Traced",
    "approval_digest",
    "asked_form",
    "cedar_name",
    "holds_up",
    "load_policy",
    "policy_text",
    "policy_texts",
    "trace",
]
