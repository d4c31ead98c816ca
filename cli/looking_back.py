"""`baton review right` and `wrong`: say how an action came out that ran alone; and which of both kinds an id is of."""

from rich.text import Text

from baton.cli.audit_page import answers, said
from baton.cli.opening import Place, find_place, to_look
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.cli.standing import sentence
from baton.core import Ambiguous, InvalidValue, NotFound, ReviewId
from baton.handles import person
from baton.ledger import Transaction, audits, reviews
from baton.policies.promises import looking
from baton.review import Audits
from baton.review.promise_record import audit_json


async def right(audit: str, /, *, note: str = "", common: Common = DEFAULTS) -> None:
    """Say of an action that ran alone that it was right.

    Args:
        audit: The id, or the beginning of one.
        note: A word for the record.
        common: Options of every command.
    """
    await _answer(common, audit, wrong=False, note=note)


async def wrong(audit: str, /, *, reason: str, common: Common = DEFAULTS) -> None:
    """Say of an action that ran alone that it should have been another one, or none.

    Args:
        audit: The id, or the beginning of one.
        reason: What was wrong with it.
        common: Options of every command.
    """
    if not reason.strip():
        raise InvalidValue("--reason", reason, "what was wrong: corrections are learnt from")
    await _answer(common, audit, wrong=True, note=reason)


def is_audit(tx: Transaction, id: str) -> bool:
    """Whether the beginning of an id is an audit's; what is nothing's is taken for a review's.

    Raises:
        Ambiguous: if it fits a review as well.
    """
    if id.startswith(("aud_", "rev_")):
        return id.startswith("aud_")
    audit, review = _audit(tx, id), _review(tx, id)
    if audit and review:
        raise Ambiguous("id", id, [audit, review])
    return audit is not None


def need_review(tx: Transaction, id: str, place: Place) -> ReviewId:
    """The review with this beginning of an id.

    Raises:
        NotFound, Ambiguous: if none or several have it.
        InvalidValue: if it is an audit's; says which command answers that.
    """
    if is_audit(tx, id):
        known = audits.get(tx, id)
        commands = " or ".join(f"`{place.command(words)}`" for words in answers(known))
        raise InvalidValue("review", id, f"a question; this ran already, and is answered with {commands}")
    return reviews.find(tx, id)


def need_audit(tx: Transaction, id: str, place: Place) -> str:
    """The audit with this beginning of an id.

    Raises:
        NotFound, Ambiguous: if none or several have it.
        InvalidValue: if it is a review's; says which command answers that.
    """
    if not is_audit(tx, id) and (review := _review(tx, id)):
        how = f"`{place.command(f'review show {review}')}` says how to decide it"
        raise InvalidValue("audit", id, f"an action that ran alone; this one waits for a decision, and {how}")
    return audits.get(tx, id).id


async def _answer(common: Common, audit: str, *, wrong: bool, note: str) -> None:
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        known = await ledger.read(lambda tx: need_audit(tx, audit, place))
        answered = await Audits(ledger).answer(known, wrong=wrong, by=person(), note=note)
        look = await ledger.read(lambda tx: looking.look(tx, answered.kind, answered.agent))
        left, now = await ledger.read(audits.waiting), ledger.clock.now()
    screen.document(audit_json(answered))
    screen.show(Text.assemble(person(), " says that ", (answered.id, "bold"), f" {said(answered)}."))
    screen.show(Text.assemble(f"{answered.kind}: ", sentence(look, now)))
    mine = [one for one in left if one.action != answered.action]
    if mine:
        screen.show(Text.assemble("next: ", (place.command(f"review show {mine[0].id}"), "bold cyan")))


def _audit(tx: Transaction, id: str) -> str | None:
    try:
        return audits.get(tx, id).id
    except NotFound:
        return None


def _review(tx: Transaction, id: str) -> ReviewId | None:
    try:
        return reviews.find(tx, id)
    except NotFound:
        return None
