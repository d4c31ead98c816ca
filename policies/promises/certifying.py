"""The certifier of a promise: a fold over decisions and labels, in the order in which they are on record.

It reads nothing, draws nothing and knows no time. Whoever asks tosses the audit's coin, with the probability that is in
the decision and before the outcome is known, and records both. The same record gives the same certificate.
"""

import math
from bisect import bisect_left
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from baton.core import InvalidValue, Promise
from baton.policies.promises.account import Account
from baton.policies.promises.betting import SHARES, Wealth, lay_out, nearest
from baton.policies.promises.drift import Drift
from baton.policies.promises.recent import Recent
from baton.policies.promises.standing import Point, Standing
from baton.policies.promises.terms import Method


@dataclass(frozen=True)
class Decision:
    """What may happen to an action.

    Attributes:
        alone: Whether it may run without a person.
        audit: The probability with which an action that runs alone is looked at afterwards; 1 while none may.
    """

    alone: bool
    audit: float


@dataclass(frozen=True)
class _Awaited:
    """An action whose label is waited for: the how-manieth it was, its score, and how it was decided."""

    number: int
    score: float
    alone: bool
    audit: float


class Certifier:
    """Decides which actions of one class may run alone, from what became of earlier ones.

    Args:
        promise: What is promised.
        method: The figures of the method; None takes those that fit the promise.
    """

    def __init__(self, promise: Promise, method: Method | None = None) -> None:
        self.promise = promise
        self.method = method or Method.fitting(promise)
        self._actions = 0
        self._scores: list[float] = []  # of the warm-up, until the thresholds are laid out
        self._early: list[tuple[int, float, bool]] = []  # labels from before that
        self._rising: list[float] = []  # the thresholds, strict to loose, with their signs turned
        self._awaited: dict[str, _Awaited] = {}
        self._wealth, self._late = Wealth(), Wealth()
        self._drift = Drift(self.method.shifts)
        self._recent, self._account = Recent(), Account()
        self._still_at = self._epoch_from = 0  # actions up to these numbers are not of `_late`, of the epoch
        self._noticed = 1.0  # the share of the errors that people notice
        self._reported: list[str] = []  # digests of the ids of the last ones
        self._kept: int | None = None  # what was proven before errors became rarer
        self._alarms = 0
        self._last_alarm: int | None = None
        self._in_force: tuple[int | None, float] | None = None

    def decide(self, score: float) -> Decision:
        """What may happen to an action with this score. Changes nothing; `record` what came of it."""
        place, audit = self._now()
        return Decision(place is not None and score >= -self._rising[place], audit)

    def record(self, action: str, score: float, decision: Decision, *, audited: bool = False) -> None:
        """Take in that an action was decided.

        Args:
            action: Its id.
            score: Its score; any number that is larger where the action is more likely right.
            decision: What was decided of it, by whatever state of the record. Where a rule sent it to a person all the
                same, `Decision(False, decision.audit)`.
            audited: Whether the coin says that it is looked at; of an action that goes to a person it says nothing.

        Raises:
            InvalidValue: if the score is not finite.
        """
        if not math.isfinite(score):
            raise InvalidValue("score", score, "a finite number")
        self._in_force = None
        self._actions += 1
        self._account.alone += decision.alone
        if audited or not decision.alone:
            self._awaited[action] = _Awaited(self._actions, score, decision.alone, decision.audit)
            self._account.awaited += decision.alone / decision.audit
        if len(self._awaited) > self.method.waiting:
            self._take_off(next(iter(self._awaited)))
        if not self._rising:
            self._warm_up(score)

    def label(self, action: str, *, wrong: bool) -> bool:
        """Take in whether an action was wrong; False, and nothing changes, where no label of it is waited for."""
        if action not in self._awaited:
            return False
        self._in_force = None
        one = self._take_off(action)
        if one.alone:
            self._account.take(wrong, 1 / one.audit)
        if self._rising:
            self._take(one, wrong)
        else:
            self._early.append((one.number, one.score, wrong))
        return True

    def reported(self, action: str) -> bool:
        """Take in that an action that ran alone turned out to be wrong, though nobody was to look at it, or said so.

        It proves nothing and allows nothing, as nobody reports what was right; it only uses up what may be wrong.

        Returns:
            False, and nothing changes, where it was reported before or its label is waited for.
        """
        digest = blake2b(action.encode(), digest_size=6).hexdigest()
        if action in self._awaited or digest in self._reported:
            return False
        self._in_force = None
        self._reported = [*self._reported, digest][-self.method.remembered :]
        self._account.reported += 1
        return True

    def overlooked(self, share: float) -> None:
        """From now on, hold labels against what people who overlook this share of the errors would find.

        What is proven stays proven, by what was known of them then; what may run alone goes by the new share at once.

        Args:
            share: From 0, which it is before, to 0.9; it is rounded up to whole percents.

        Raises:
            InvalidValue: if it is anything else.
        """
        if not 0 <= share <= 0.9:
            raise InvalidValue("share", share, "a share between 0 and 0.9, such as 0.3")
        self._in_force = None
        self._noticed = 1 - math.ceil(round(100 * share, 6)) / 100

    @property
    def _most_found(self) -> float:
        """The share of errors that labels show where just as many are made as is promised."""
        return self.promise.most_wrong * self._noticed

    def _take_off(self, action: str) -> _Awaited:
        one = self._awaited.pop(action)
        if one.alone:
            self._account.awaited = max(self._account.awaited - 1 / one.audit, 0.0)
        return one

    def _warm_up(self, score: float) -> None:
        self._scores.append(score)
        if len(self._scores) < self.method.warm_up:
            return
        self._rising = [-threshold for threshold in lay_out(self._scores)]
        early, self._scores, self._early = self._early, [], []
        for number, of, wrong in early:
            self._take(_Awaited(number, of, False, 1.0), wrong)

    def _take(self, one: _Awaited, wrong: bool) -> None:
        if one.number <= self._epoch_from:
            return  # decided before the change that the last alarm was about
        rank = bisect_left(self._rising, -one.score)
        chance = one.audit if one.alone else 1.0
        bet = (rank, wrong, one.audit / chance, self._most_found)
        self._wealth.take(*bet)
        self._wealth.look(rank)
        self._recent.take(rank, wrong, 1 / chance, self.method.half_life)
        if self._drift.take(rank, wrong, self.method.learning):
            self._late, self._still_at = Wealth(), max(self._still_at, one.number)
        elif one.number > self._still_at:
            self._late.take(*bet)
        if self._drift.height >= self.method.alarm:
            self._alarm()
        elif self._drift.relief >= self.method.relief:
            self._begin_anew()

    def _alarm(self) -> None:
        """Revoke the certificate, and begin again with what has been seen since the change."""
        self._alarms += 1
        self._last_alarm = self._actions
        self._wealth, self._late, self._kept = self._late, Wealth(), None
        self._epoch_from = self._still_at
        self._drift.begin_again()

    def _begin_anew(self) -> None:
        """Errors have become rarer: prove from here on; what is proven already stands.

        None of the labels that told so count, since they were picked for having few errors.
        """
        self._kept = self._proven()
        self._wealth, self._late = Wealth(), Wealth()
        self._epoch_from = self._still_at = self._actions
        self._drift = Drift(self.method.shifts)
        if self._kept is None:
            self._recent = Recent()

    def _now(self) -> tuple[int | None, float]:
        """The threshold in force, by its place, and the probability of an audit."""
        if self._in_force is None:
            place = self._allowed()
            self._in_force = place, 1.0 if place is None else self._audit()
        return self._in_force

    def _audit(self) -> float:
        method = self.method
        return method.audits_floor + (method.audits - method.audits_floor) * math.exp(
            -self._account.alone / method.audits_fade
        )

    def _starts(self) -> list[tuple[int, float]]:
        """Where proving begins, and with how much doubt: loose at first, strict after an alarm."""
        favoured, other = nearest(self.method.first_share), nearest(self.method.tight_share)
        if self._alarms:
            favoured, other = other, favoured
        doubt, favour = self.promise.doubt, self.method.favour
        return [(favoured, doubt * favour), (other, doubt * (1 - favour))]

    def _proven(self) -> int | None:
        """The loosest threshold that is proven."""
        reached = [self._kept, *(self._wealth.reached(start, doubt) for start, doubt in self._starts())]
        return max((place for place in reached if place is not None), default=None)

    def _allowed(self) -> int | None:
        """The loosest threshold that is proven and was good enough lately."""
        proven = self._proven() if self._rising else None
        if proven is None:
            return None
        rate = self._most_found * self._leeway() / self._feared()
        return self._recent.loosest(proven, rate, self.method.caution, self.method.trust)

    def _leeway(self) -> float:
        """The share of what is promised that may be wrong now: it grows with the credit of what ran alone."""
        method, credit = self.method, self._account.credit(self.promise.most_wrong, self._noticed)
        return min(max(method.beginning + credit / method.horizon, method.least), 1.0)

    def _feared(self) -> float:
        """How many times as many errors are feared as were seen lately, for the change that is suspected."""
        return 1 + math.exp(self._drift.height - self.method.suspicion)

    def standing(self) -> Standing:
        """How the promise stands now."""
        place, _ = self._now()
        proven = self._proven()
        start, doubt = self._starts()[0]
        following = start if proven is None else min(proven + 1, SHARES.size - 1)
        observed = self._account.interval(self._noticed)
        return Standing(
            threshold=None if place is None else -self._rising[place],
            share=0.0 if place is None else self._recent.share(place),
            evidence=math.exp(float(self._wealth.peaks[following])),
            needed_evidence=1 / doubt,
            decisions_needed=self._needed(following, doubt),
            paused=place is None and proven is not None and self._drift.height >= self.method.suspicion,
            alone=self._account.alone,
            audited=self._account.audited,
            reported=self._account.reported,
            observed=None if observed is None else observed[0],
            interval=None if observed is None else observed[1:],
            alarms=self._alarms,
            last_alarm=self._last_alarm,
        )

    def _needed(self, place: int, doubt: float) -> int | None:
        """About how many more decisions prove a threshold: what is missing, by what a decision brings at best."""
        missing = -math.log(doubt) - float(self._wealth.now(place)[0])
        if float(self._wealth.peaks[place]) >= -math.log(doubt):
            return 0
        most_wrong = self._most_found
        rate = self._recent.rate(place, most_wrong / 4)
        share = self._recent.share(place) or float(SHARES[place])
        if rate >= most_wrong:
            return None
        brings = rate * math.log(rate / most_wrong) + (1 - rate) * math.log((1 - rate) / (1 - most_wrong))
        return math.ceil(missing / (brings * share * self._now()[1]))

    def state(self) -> dict[str, Any]:
        """All that it knows, as plain JSON values; under 50 kB with ids of up to 40 characters."""
        drift, recent = self._drift, self._recent
        return {
            "actions": self._actions,
            "scores": list(self._scores),
            "early": [list(one) for one in self._early],
            "thresholds": [-value for value in self._rising],
            "awaited": {id: [one.number, one.score, one.alone, one.audit] for id, one in self._awaited.items()},
            "wealth": [self._wealth.logs.tolist(), self._wealth.peaks.tolist()],
            "late": [self._late.logs.tolist(), self._late.peaks.tolist()],
            "sums": [*drift.sums, drift.relief],
            "counts": drift.counts(),
            "recent": [recent.wrong.tolist(), recent.seen.tolist()],
            "account": self._account.values(),
            "reported": list(self._reported),
            "noticed": self._noticed,
            "marks": [self._still_at, self._epoch_from, self._kept, self._alarms, self._last_alarm],
        }

    @classmethod
    def restore(cls, promise: Promise, state: dict[str, Any], method: Method | None = None) -> "Certifier":
        """The certifier that had this state, of the same promise and method."""
        one = cls(promise, method)
        one._actions = state["actions"]
        one._scores = list(state["scores"])
        one._early = [(number, score, wrong) for number, score, wrong in state["early"]]
        one._rising = [-value for value in state["thresholds"]]
        one._awaited = {id: _Awaited(*values) for id, values in state["awaited"].items()}
        one._wealth, one._late = Wealth(*state["wealth"]), Wealth(*state["late"])
        *one._drift.sums, one._drift.relief = state["sums"]
        one._drift.set_counts(*state["counts"])
        one._recent, one._account = Recent(*state["recent"]), Account(state["account"])
        one._reported, one._noticed = list(state["reported"]), state["noticed"]
        one._still_at, one._epoch_from, one._kept, one._alarms, one._last_alarm = state["marks"]
        return one

    def curve(self) -> tuple[Point, ...]:
        """Every threshold, strict to loose; empty until they are laid out."""
        place, proven, recent = self._now()[0], self._proven() if self._rising else None, self._recent
        levels = [
            min((1 / doubt for start, doubt in self._starts() if start <= at), default=None)
            for at in range(len(self._rising))
        ]
        above = [recent.above(at) for at in range(len(self._rising))]
        return tuple(
            Point(
                threshold=-turned,
                share=recent.share(at) or float(SHARES[at]),
                wrong=wrong / seen if seen else None,
                labels=seen,
                evidence=math.exp(float(self._wealth.peaks[at])),
                needed_evidence=levels[at],
                proven=proven is not None and at <= proven,
                in_force=at == place,
            )
            for at, (turned, (wrong, seen)) in enumerate(zip(self._rising, above, strict=True))
        )
