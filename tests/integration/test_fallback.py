"""A second endpoint: asked while the first does not answer, and left again once it does."""

import pytest

from baton import Agent, Baton
from baton.agents import FallbackModel, OpenAIModel, SimulatedServer, endpoint
from baton.agents.retries import RetryPolicy
from baton.core import ManualClock, ModelRequest, ModelUnavailable
from baton.ledger import events
from support import script, soon

ONCE = RetryPolicy(attempts=1)
ASKED = ModelRequest(model="m", messages=({"role": "user", "content": "hi"},))


async def test_the_first_is_left_when_it_fails_and_returned_to_when_it_answers(tmp_path: object) -> None:
    clock = ManualClock()
    async with SimulatedServer(script()) as second, SimulatedServer(script()) as probe:
        port = int(probe.base_url.rsplit(":", 1)[1].split("/")[0])
        gone = probe.base_url
        other = OpenAIModel(base_url=second.base_url, api_key="k", retries=ONCE)
        first = OpenAIModel(base_url=gone, api_key="k", retries=ONCE, clock=clock)
        async with first, other:
            model = FallbackModel(first, other, second.base_url)
            assert (await model.complete(ASKED)).instead == ""
            await probe.__aexit__(None, None, None)
            for _ in range(6):  # five failures open the breaker: then the first is not even asked
                assert (await model.complete(ASKED)).instead == second.base_url
            async with SimulatedServer(script(), port=port):
                assert (await model.complete(ASKED)).instead == second.base_url
                clock.advance(31.0)
                assert (await model.complete(ASKED)).instead == ""


async def test_where_neither_answers_the_first_ones_trouble_is_told() -> None:
    first = OpenAIModel(base_url="http://127.0.0.1:9/v1", api_key="k", retries=ONCE)
    second = OpenAIModel(base_url="http://127.0.0.1:19/v1", api_key="k", retries=ONCE)
    async with first, second:
        with pytest.raises(ModelUnavailable, match=r"127\.0\.0\.1:9/"):
            await FallbackModel(first, second, "elsewhere").complete(ASKED)


async def test_the_record_says_who_answered_instead(tmp_path: object) -> None:
    async with SimulatedServer(script()) as second:
        first = OpenAIModel(base_url="http://127.0.0.1:9/v1", api_key="k", retries=ONCE)
        other = OpenAIModel(base_url=second.base_url, api_key="k", retries=ONCE)
        async with first, other:
            model = FallbackModel(first, other, second.base_url)
            async with Baton(agents=[Agent("clerk")], database=str(tmp_path), model=model) as baton:
                run = await baton.submit("go")
                await soon(run.result())
                told = await baton.ledger.read(lambda tx: events.of_run(tx, run.id))
        answers = [event.data.get("instead") for event in told if event.kind == "model.answered"]
        assert answers and set(answers) == {second.base_url}


def test_the_environment_names_it() -> None:
    found = endpoint(
        {"OPENAI_BASE_URL": "http://a/v1", "BATON_FALLBACK_BASE_URL": "http://b/v1", "BATON_FALLBACK_MODEL": "n"}
    )
    assert (found.fallback, found.fallback_model) == ("http://b/v1", "n")
    assert found.describe() == "http://a/v1 (without a key), else http://b/v1"
    assert endpoint({}).fallback is None
