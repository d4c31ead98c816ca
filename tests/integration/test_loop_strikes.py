"""A model that only talks where the goal wants evidence: people are asked after three answers."""

from pathlib import Path

from baton.agents import Agent
from baton.agents.simulated import Answer, Conversation
from baton.app import Baton
from baton.core import Goal


class Talker:
    """Says the same for ever."""

    def answer(self, conversation: Conversation) -> Answer:
        return Answer(text="waiting")


async def test_talk_instead_of_evidence_is_asked_about_after_three_answers(tmp_path: Path) -> None:
    async with Baton(agents=[Agent("talker")], mind=Talker(), database=tmp_path / "b.db") as baton:
        result = await baton.run(Goal("Tidy up", criteria=("It is tidy.",)))
        assert (result.status, result.turns, len(result.reviews)) == ("waiting", 3, 1)
        assert "3 answers" in result.reviews[0].question["summary"]
