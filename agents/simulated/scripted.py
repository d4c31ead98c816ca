"""A mind that plays a given script."""

from collections.abc import Sequence

from baton.agents.simulated.minds import Answer, Conversation, SimulatedCall

Round = Sequence[SimulatedCall]
"""Calls made together."""


class ScriptedMind:
    """Plays, for each turn of the user, its rounds of calls and then its text.

    The place in the script is read off the request: the number of user turns (user messages that start with `[` are
    Baton's notices and do not count), and the number of assistant messages with tool calls since the last of them.
    So the script goes on where it was in any process. What the results say changes nothing: the script goes on when
    a call failed, was denied, or is pending, too. Messages that were dropped from the conversation are not counted;
    give the script a context that is large enough.
    """

    def __init__(self, turns: Sequence[Sequence[Round]], *, texts: Sequence[str] = ()) -> None:
        """Take the script.

        Args:
            turns: For each user turn its rounds, each the calls made together.
            texts: What is said after the last round of each turn; "done" where there is none, and beyond the script.
        """
        self._turns = [[tuple(calls) for calls in rounds] for rounds in turns]
        self._texts = tuple(texts)

    def answer(self, conversation: Conversation) -> Answer:
        """The next round, or the turn's text."""
        starts = conversation.turn_starts()
        turn = len(starts) - 1
        since = conversation.messages[starts[-1] :] if starts else conversation.messages
        played = sum(1 for message in since if message.get("tool_calls"))
        rounds = self._turns[turn] if 0 <= turn < len(self._turns) else []
        if played < len(rounds):
            return Answer(calls=rounds[played])
        return Answer(text=self._texts[turn] if 0 <= turn < len(self._texts) else "done")
