"""Certificates at work: each one folded as far as the ledger goes, and asked about actions.

What a process keeps of a certificate is what folding its entries gives, so several processes that have read as far
know the same. Nothing is folded that is not committed: only reads of the ledger are.
"""

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from baton.core import Action, Assessed, Promise, dump
from baton.ledger import Transaction, promises
from baton.ledger.promises import CertificateRow, Entry
from baton.policies.promises.certifying import Certifier, Decision
from baton.policies.promises.scoring import RULE, TRAITS, Fitted, ruled, traits_of
from baton.policies.promises.standing import NOT_IN_SIGHT, Point, Standing

KEPT_EVERY = 500
"""Entries after which the state is kept in the ledger, so that a new process need not fold them all."""

ALL = ""
"""What stands for all classes of an agent together: a class that begins later borrows their score."""

_METHOD = 2  # raised when the same entries would give another certificate
_HALF_LIFE = 100.0  # labels
_PRIOR = (9.0, 10.0)  # right ones, of so many
_FULL = 255

Score = Callable[[Mapping[str, float]], float]


class Kept:
    """One certificate, as far as its entries were taken in.

    Args:
        kind: The class.
        promise: What is promised.
        scorer: The id of what scores.
        score: What scores.
        basis: What the actions and signals come from.
        id: The certificate's.
    """

    def __init__(self, id: str, kind: str, promise: Promise, scorer: str, score: Score, basis: str) -> None:
        self.id, self.kind, self.promise, self.scorer, self.basis = id, kind, promise, scorer, basis
        self.folded = self.kept = 0
        self._score = score
        self._certifier = Certifier(promise)
        self._traits = [0] * TRAITS
        self._history: dict[str, list[float]] = {}
        self._lock = threading.Lock()
        self._told: Standing | None = None

    def assess(self, action: Action, signals: Mapping[str, float], coin: float) -> Assessed:
        """What is known of one action; see `baton.core.Certificate`."""
        traits = traits_of(action)
        with self._lock:
            own = {"novelty": self._novelty(traits), "history": self._rightness(action.tool)}
            known = {**signals, **own}
            score = self._score(known)
            decision = self._certifier.decide(score)
            standing = self._standing()
        return Assessed(
            kind=self.kind,
            promise=self.promise,
            certificate=self.id,
            scorer=self.scorer,
            basis=self.basis,
            score=score,
            threshold=standing.threshold,
            alone=decision.alone,
            audit=decision.audit,
            audited=decision.alone and coin < decision.audit,
            lacks="" if decision.alone else self._lacks(score, standing),
            signals=known,
            traits=traits,
        )

    def still_allows(self, assessed: Assessed) -> bool:
        """Whether an action that was assessed before may run alone now too, by this certificate."""
        with self._lock:
            return assessed.certificate == self.id and self._certifier.decide(assessed.score).alone

    def standing(self) -> Standing:
        """How the promise stands now."""
        with self._lock:
            return self._standing()

    def curve(self) -> tuple[Point, ...]:
        """Every threshold that might be acted on, strict to loose; empty until they are laid out."""
        with self._lock:
            return self._certifier.curve()

    def fold(self, entries: Sequence[Entry]) -> None:
        """Take in entries; those that are behind are passed over."""
        with self._lock:
            for entry in entries:
                if entry.seq == self.folded + 1:
                    self._take(entry)
                    self.folded, self._told = entry.seq, None

    def state(self) -> dict[str, Any]:
        """All that it knows, as plain JSON values."""
        with self._lock:
            return {"certifier": self._certifier.state(), "traits": list(self._traits), "history": dict(self._history)}

    def restore(self, row: CertificateRow) -> None:
        """Take over a state that was kept."""
        if row.state is not None and row.folded > self.folded:
            with self._lock:
                self._certifier = Certifier.restore(self.promise, row.state["certifier"])
                self._traits, self._history = list(row.state["traits"]), dict(row.state["history"])
                self.folded = self.kept = row.folded
                self._told = None

    def _take(self, entry: Entry) -> None:
        action = str(entry.action)
        match entry.kind:
            case "decided":
                decision = Decision(entry.alone, entry.audit or 1.0)
                self._certifier.record(action, entry.score or 0.0, decision, audited=entry.audited)
                for trait in map(int, entry.details["traits"]):
                    self._traits[trait] = min(self._traits[trait] + 1, _FULL)
            case "labelled":
                self._certifier.label(action, wrong=entry.wrong)
                right, of = self._history.get(entry.tool or "", [0.0, 0.0])
                fade = 0.5 ** (1 / _HALF_LIFE)
                self._history[entry.tool or ""] = [right * fade + (not entry.wrong), of * fade + 1]
            case "reported" if entry.alone:
                self._certifier.reported(action)
            case "overlooked":
                self._certifier.overlooked(entry.score or 0.0)
            case "reported":
                pass  # a person had decided it: it was none of what ran alone

    def _novelty(self, traits: Sequence[int]) -> float:
        return sum(1 / (1 + self._traits[trait]) for trait in traits) / len(traits)

    def _rightness(self, tool: str) -> float:
        right, of = self._history.get(tool, [0.0, 0.0])
        return (right + _PRIOR[0]) / (of + _PRIOR[1])

    def _standing(self) -> Standing:
        if self._told is None:
            self._told = self._certifier.standing()
        return self._told

    def _lacks(self, score: float, standing: Standing) -> str:
        """Why an action with this score may not run alone: class, score, threshold, certificate and what is missing."""
        told = f"{self.kind}: score {score:.2f}"
        if standing.threshold is not None:
            return f"{told} is below {standing.threshold:.2f}, from which it is certified: {self.promise} ({self.id})"
        lacking = missing(standing, self._certifier.curve())
        return f"{told}; nothing runs alone: {lacking}; promised is {self.promise} ({self.id})"


class Certificates:
    """The certificates that this process has looked at."""

    def __init__(self) -> None:
        self._known: dict[str, Kept] = {}
        self._lock = threading.Lock()

    def kept(self, tx: Transaction, agent: str, promised: Mapping[str, Promise], basis: str) -> dict[str, Kept]:
        """The certificates of an agent's promises, by class, as far as this transaction sees the ledger.

        Args:
            tx: A transaction that only reads: what it sees is committed.
            agent: The agent.
            promised: What its policy promises, by class.
            basis: What its actions and signals come from: of another, another certificate speaks.
        """
        if not promised:
            return {}
        fitted = {row.kind: Fitted.read(row.weights) for row in promises.scorers_of(tx, agent)}
        found: dict[str, Kept] = {}
        for kind, promise in promised.items():
            by_rule = certificate_id(agent, kind, promise, RULE, basis)
            scorer = fitted.get(kind) or self._borrowed(tx, fitted.get(ALL), by_rule)
            name = RULE if scorer is None else scorer.id
            id = certificate_id(agent, kind, promise, name, basis)
            new = Kept(id, kind, promise, name, scorer.score if scorer else ruled, basis)
            found[kind] = self._read(tx, new)
        return found

    def _borrowed(self, tx: Transaction, scorer: Fitted | None, by_rule: str) -> Fitted | None:
        """What the agent's classes together have learnt, for a class that has not begun by the rule."""
        if scorer is None or by_rule in self._known or promises.head(tx, by_rule) is not None:
            return None
        return scorer

    def to_keep(self) -> dict[str, tuple[int, dict[str, Any]]]:
        """The states that should be kept in the ledger by now, with how many entries each has taken in."""
        found: dict[str, tuple[int, dict[str, Any]]] = {}
        for one in list(self._known.values()):
            if one.folded - one.kept >= KEPT_EVERY:
                one.kept = one.folded
                found[one.id] = one.folded, one.state()
        return found

    def _read(self, tx: Transaction, new: Kept) -> Kept:
        """The certificate as far as the ledger goes, from what is known of it already."""
        with self._lock:
            known = self._known.setdefault(new.id, new)
            if known.folded == 0 and (row := promises.get(tx, known.id)) is not None:
                known.restore(row)
            known.fold(promises.since(tx, known.id, known.folded))
            return known


def missing(standing: Standing, curve: Sequence[Point]) -> str:
    """What is missing until something runs alone."""
    if standing.paused:
        return "a change is suspected, and has to be ruled out"
    if any(point.proven for point in curve):
        return "it is certified, but too much was wrong lately"
    if standing.decisions_needed is None or standing.decisions_needed > NOT_IN_SIGHT:
        return "too much is wrong lately for what is promised, so a certificate is not in sight"
    return f"about {standing.decisions_needed} more decisions are needed until it is certified"


def certificate_id(agent: str, kind: str, promise: Promise, scorer: str, basis: str) -> str:
    """The certificate of all this and of the method: another of any of these begins another."""
    told = dump([agent, kind, promise.most_wrong, promise.certainty, scorer, basis, _METHOD])
    return "cert_" + hashlib.sha256(told.encode()).hexdigest()[:12]
