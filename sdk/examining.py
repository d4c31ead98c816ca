"""Holding an agent's policy, as its file says it now, against its tools and the tests beside it."""

from collections.abc import Collection
from dataclasses import dataclass

from baton.agents import BUILTINS, Agent
from baton.core import BatonError, PolicyError
from baton.policies import YAML, load_policy
from baton.policies.analysis import Finding, analyse
from baton.policies.trials import Tried, read_trials, run_trial, trial_file


@dataclass(frozen=True)
class PolicyReport:
    """What there is to say of an agent's policy.

    Attributes:
        version: Name and content hash; empty where it cannot be read.
        uncovered: Tools that no rule permits: every call of them is denied.
        findings: Rules that never apply, or change nothing.
        problem: Why it cannot be read; empty where it can.
    """

    agent: str
    version: str = ""
    rules: int = 0
    uncovered: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class TrialReport:
    """What came of the tests beside a policy.

    Attributes:
        file: Where they stand, or would.
        problem: Why they could not be run; empty where they were.
    """

    file: str
    tried: tuple[Tried, ...] = ()
    problem: str = ""

    @property
    def failed(self) -> int:
        """How many did not come out as expected."""
        return sum(bool(one.wrong) for one in self.tried)


def report(agent: Agent, windows: Collection[str]) -> PolicyReport:
    """Read an agent's policy and hold it against its tools, and the windows that there are."""
    specs = tuple(agent.specs.values())
    try:
        policy = load_policy(agent.policy, specs, agent.name)
        policy.check_windows(windows, BUILTINS)
    except PolicyError as error:
        return PolicyReport(agent.name, problem=str(error))
    own = tuple(one for one in analyse(policy.rules) if not one.where.startswith("base.cedar:"))
    return PolicyReport(agent.name, policy.version, len(policy.rules), policy.uncovered, own)


def try_policy(agent: Agent) -> list[Tried]:
    """Run the tests beside an agent's policy; nothing where there are none.

    Raises:
        InvalidFile: if they cannot be read.
        PolicyError: if the policy cannot be.
    """
    named = str(agent.policy or "")
    if not named.endswith((".cedar", *YAML)) or not trial_file(named).is_file():
        return []
    trials = read_trials(trial_file(named), agent.specs)
    policy = load_policy(agent.policy, agent.specs.values(), agent.name)
    return [run_trial(trial, policy, agent.name, agent.specs) for trial in trials]


def tests_of(agent: Agent) -> TrialReport:
    """The same for those who only look: what goes wrong is told."""
    named = str(agent.policy or "")
    file = trial_file(named).name if named.endswith((".cedar", *YAML)) else ""
    try:
        return TrialReport(file, tuple(try_policy(agent)))
    except BatonError as error:
        return TrialReport(file, problem=str(error))
