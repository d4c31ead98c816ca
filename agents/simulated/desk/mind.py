"""The desk's simulated mind, for all of its agents."""

from baton.agents.simulated.desk.billing import billing
from baton.agents.simulated.desk.case import Case
from baton.agents.simulated.desk.exchange import exchanging
from baton.agents.simulated.desk.front import desk
from baton.agents.simulated.desk.letter import Letter, read_goal, read_turn
from baton.agents.simulated.desk.script import ROUNDS, Said, Script
from baton.agents.simulated.minds import Answer, Conversation


class DeskMind:
    """Handles mails by rules: looks things up, refunds, answers, asks; and does what a mail tells the machine to do.

    It is gullible on purpose, as a model can be: what keeps it from harm has to be policy. Which agent it is shows
    in the tools on offer: whoever can refund is billing.
    """

    def answer(self, conversation: Conversation) -> Answer:
        """The next thing to say."""
        if sum(1 for message in conversation.messages if message.get("tool_calls")) > ROUNDS:
            return Answer(text="I have come to no end with this; a person should look at it.")
        letter, since = _letter(conversation)
        script = Script(since)
        try:
            exchanging(letter, script)
            if script.offers("refund"):
                billing(letter, script)
            desk(Case(letter, script))
        except Said as said:
            return said.answer


def _letter(conversation: Conversation) -> tuple[Letter, Conversation]:
    """The letter at hand, and the conversation since it came: a later turn of a person starts a new one."""
    turns = [
        index
        for index, message in enumerate(conversation.messages)
        if message["role"] == "user" and not str(message.get("content") or "").startswith("[")
    ]
    if not turns:
        return Letter(statement=""), conversation
    texts = [str(conversation.messages[index].get("content") or "") for index in turns]
    first = read_goal(texts[0]) if texts[0].startswith("# Goal") else None
    letter = first if first and len(turns) == 1 else read_turn(texts[-1], "")
    since = Conversation({**conversation.body, "messages": conversation.messages[turns[-1] :]})
    return letter, since
