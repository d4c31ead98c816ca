"""Adding a rule to the file of a policy, and its tests to those beside it: both or neither, and each whole."""

import contextlib
import os
import shutil
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from baton.agents import Agent
from baton.core import Conflict, InvalidFile
from baton.core.texts import one_line
from baton.ledger.rule_proposals import RuleProposal
from baton.policies.trials import read_trials, trial_file


@dataclass(frozen=True)
class Change:
    """What becomes of a file.

    Attributes:
        before: What it says; None where there is none.
    """

    file: Path
    before: str | None
    after: str


def policy_file(agent: Agent, proposal: RuleProposal) -> Path:
    """The file that a proposed rule is added to.

    Raises:
        Conflict: if the policy of its agent is none of Cedar; says what to do.
    """
    file = Path(agent.policy or "")
    if file.suffix != ".cedar":
        what = f"the policy of {agent.name} is {agent.policy or 'none'}, no file of Cedar"
        raise Conflict(proposal.id, what, "Copy the rule from `baton policy proposals`.")
    return file


def changes_of(agent: Agent, proposal: RuleProposal, by: str) -> tuple[Change, Change]:
    """What is to be written where a rule is accepted: the policy, and the tests beside it.

    Raises:
        Conflict: if its tests cannot be added to those that are there.
        InvalidFile: if those cannot be read.
    """
    file = policy_file(agent, proposal)
    tests = trial_file(file)
    if tests.is_file():
        read_trials(tests, agent.specs)  # what is wrong with it is told by its own name
    where = f"{proposal.id}, proposed by {one_line(proposal.by)} from {proposal.review}"
    head = f"\n// {where}; accepted by {one_line(by)}.\n"
    said = _indented(proposal.tests)
    changed = _added(file, proposal.rule, head + proposal.rule), _added(tests, said, said, top="tests:")
    with contextlib.ExitStack() as stack:
        new = stack.enter_context(_written(changed[1], proposal))
        try:
            read_trials(new, agent.specs)
        except InvalidFile as error:
            raise Conflict(proposal.id, f"its tests do not fit behind those in {tests}: {error.said}") from error
    return changed


def write(changes: Sequence[Change], proposal: RuleProposal) -> None:
    """Write files, all or none.

    Raises:
        Conflict: if one cannot be written, or was changed since it was read.
    """
    with contextlib.ExitStack() as stack:
        made = [stack.enter_context(_written(one, proposal)) for one in changes]
        for one in changes:
            if _read(one.file) != one.before:
                raise Conflict(proposal.id, f"{one.file} was changed while the rule was tried", "Accept it again.")
        _put(list(zip(changes, made, strict=True)), proposal)


def _put(made: Sequence[tuple[Change, Path]], proposal: RuleProposal) -> None:
    done: list[Change] = []
    try:
        for change, new in made:
            new.replace(change.file.resolve())
            done.append(change)
    except OSError as error:
        for change in done:
            _restore(change)
        raise _cannot(made[len(done)][0].file, proposal, error) from error


def _restore(change: Change) -> None:
    if change.before is None:
        change.file.unlink()
    else:
        change.file.write_text(change.before, encoding="utf-8")


@contextlib.contextmanager
def _written(change: Change, proposal: RuleProposal) -> Generator[Path]:
    """A file beside the one that is to be changed, with what it is to say; gone afterwards."""
    real = change.file.resolve()
    new = real.with_name(f".{real.name}.new")
    try:
        with new.open("w", encoding="utf-8") as out:
            out.write(change.after)
            out.flush()
            os.fsync(out.fileno())
        if real.exists():
            shutil.copymode(real, new)
    except OSError as error:
        raise _cannot(change.file, proposal, error) from error
    try:
        yield new
    finally:
        new.unlink(missing_ok=True)


def _cannot(file: Path, proposal: RuleProposal, error: OSError) -> Conflict:
    said = f"{file} cannot be written ({error.strerror or error}); nothing has changed"
    return Conflict(proposal.id, said, "Let whoever runs this write it, or copy the rule by hand.")


def _added(file: Path, said: str, text: str, *, top: str = "") -> Change:
    """A file with a text behind what it says, unless it has `said` already: after a crash it may."""
    before = _read(file)
    known = top if before is None else before
    return Change(file, before, known if said in known else f"{known.rstrip()}\n{text}")


def _read(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.is_file() else None


def _indented(tests: Sequence[dict[str, Any]]) -> str:
    said = [{name: value for name, value in test.items() if value is not None} for test in tests]
    written = yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=120)
    return "".join(f"  {line}" for line in written.splitlines(keepends=True))
