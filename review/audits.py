"""Looking back: people say of actions that ran alone whether they were right. What they say keeps promises."""

import random
from collections.abc import Callable

from baton.core import Forbidden, InvalidValue
from baton.ledger import Ledger, Transaction, audits, promises
from baton.ledger.audits import Audit
from baton.policies.promises.learning import learn
from baton.review.learning import learn_from
from baton.review.people import need_person

SECOND_LOOKS = 0.1
"""The share of audits that another person answers as well, without knowing what the first one said."""

MOST_OVERLOOKED = 0.9
"""The largest share that is reckoned with."""

_FEW = 5  # errors that several have looked at, before anything is said of how many one overlooks


class Audits:
    """What ran alone and was picked to be looked at."""

    def __init__(self, ledger: Ledger, coin: Callable[[], float] = random.random) -> None:
        """Over a ledger; `coin` draws numbers from 0 to 1, which say what is looked at twice."""
        self._ledger, self._coin = ledger, coin

    async def waiting(self) -> list[Audit]:
        """What nobody has looked at yet, the oldest first."""
        return await self._ledger.read(audits.waiting)

    async def get(self, audit: str) -> Audit:
        """An audit by its id or the beginning of it.

        Raises:
            NotFound, Ambiguous: if none or several fit.
        """
        return await self._ledger.read(lambda tx: audits.get(tx, audit))

    async def answer(self, audit: str, *, wrong: bool, by: str, note: str = "") -> Audit:
        """Say whether an action was right.

        Args:
            audit: The audit's id, or the beginning of one.
            wrong: Whether the action should have been another one, or none.
            by: Who says so.
            note: Why; needed where it was wrong.

        Raises:
            Conflict: if somebody else has answered it.
            Forbidden: if an agent answers, or somebody who has looked at it before.
            InvalidValue: if it was wrong and nobody says why.
        """
        if wrong and not note.strip():
            raise InvalidValue("note", note, "what was wrong: corrections are learnt from")

        def close(tx: Transaction) -> tuple[Audit, str | None]:
            known, told = audits.get(tx, audit), None
            _check(tx, known, by)
            audits.answer(tx, known, wrong=wrong, by=by, note=note)
            if known.look == 1:
                told = promises.labelled(tx, known.action, wrong=wrong, source="audit", by=by)
                if wrong:
                    learn_from(tx, known.agent, known.id)
            if self._looks_again(tx, known, wrong=wrong):
                _look_again(tx, known)
            elif known.look > 1:
                _tell_overlooked(tx, known)
            return audits.get(tx, known.id), told

        answered, certificate = await self._ledger.write(close)
        if certificate is not None:
            await learn(self._ledger, certificate)
        return answered

    def _looks_again(self, tx: Transaction, audit: Audit, *, wrong: bool) -> bool:
        """Whether another person is to look: by chance a second one, and a third where those two disagree."""
        if audit.look == 1:
            return self._coin() < SECOND_LOOKS
        first = audits.of_action(tx, audit.action, 1)
        return audit.look == 2 and first is not None and first.wrong is not wrong


def _check(tx: Transaction, audit: Audit, by: str) -> None:
    need_person(by, f"answer {audit.id}", audit.agent)
    if audit.state == "open" and by in audits.lookers(tx, audit.action):
        raise Forbidden(by, f"answer {audit.id}", "you have looked at it already; another person has to")


def _look_again(tx: Transaction, audit: Audit) -> None:
    audits.open_(
        tx,
        audit.action,
        look=audit.look + 1,
        run=audit.run,
        agent=audit.agent,
        tool=audit.tool,
        kind=audit.kind,
        question=audit.question,
    )


def _tell_overlooked(tx: Transaction, audit: Audit) -> None:
    """Tell the certificate which share of the errors one person overlooks, by those that several have looked at.

    Where two agree they are right; where they do not, the third is.
    """
    decision = promises.decision_of(tx, audit.action)
    several = audits.looked_again(tx, audit.agent, audit.kind)
    settled = [looks for looks in several if len(looks) > 2 or looks[0] is looks[1]]
    errors = [looks[:2] for looks in settled if looks[len(looks) - 1]]
    if decision is not None and len(errors) >= _FEW:
        missed = sum(not found for looks in errors for found in looks)
        promises.overlooked(tx, decision.certificate, min(missed / (2 * len(errors)), MOST_OVERLOOKED))
