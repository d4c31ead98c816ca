"""What models cost: named once in the project, seen wherever a run is."""

from pathlib import Path

import pytest

from baton import load_project
from baton.core import InvalidFile, InvalidValue, Price, Prices, Role
from support import on_both, text_rows
from support.serving import ASK, PAY, clerk, serve_office

FILE = """
agents:
  - {name: clerk, instructions: Pay.}
prices:
  currency: EUR
  models:
    gpt-5-mini: {input: 0.25, output: 2}
"""


def test_a_project_names_prices(tmp_path: Path) -> None:
    file = tmp_path / "agents.yaml"
    file.write_text(FILE)
    prices = load_project(file).prices
    assert prices == Prices(currency="EUR", models={"gpt-5-mini": Price(input=0.25, output=2)})
    assert prices.cost({"gpt-5-mini": (2_000_000, 1_000_000)}) == 2.5
    assert prices.cost({"gpt-5-mini": (1, 1), "other": (1, 1)}) is None
    assert (prices.told(1234.5), prices.told(0.000123), prices.told(0)) == ("EUR 1,234.50", "EUR 0.00012", "EUR 0.00")


@pytest.mark.parametrize(
    ("said", "named"),
    [("input: -1", "prices.models.gpt-5-mini.input"), ("input: x", "input"), ("{", "agents.yaml")],
)
def test_what_is_no_price_is_refused_with_its_place(tmp_path: Path, said: str, named: str) -> None:
    file = tmp_path / "agents.yaml"
    file.write_text(FILE.replace("input: 0.25", said))
    with pytest.raises(InvalidFile, match=named):
        load_project(file)
    with pytest.raises(InvalidValue, match="million tokens"):
        Price(input=float("nan"), output=1)


@on_both
async def test_what_a_run_costs_stands_on_its_pages_and_in_the_api(database: str, tmp_path: Path) -> None:
    prices = Prices(models={"gpt-5-mini": Price(input=1e6, output=0)})  # one for each token read
    async with serve_office(database, clerk(tmp_path, ASK), mind=PAY, prices=prices) as office:
        ann = await office.person("ann", Role.REQUESTER)
        review = await office.asked(ann)
        run = (await office.http.get(f"/api/v1/runs/{review['run']}", headers=ann)).json()
        ((read,),) = await text_rows(office.baton.ledger, "SELECT sum(prompt_tokens) FROM model_calls")
        assert run["cost"] == {"amount": float(read), "currency": "USD"}
        for page in (f"/runs/{review['run']}", f"/chat/{review['run']}"):
            assert f"USD {read:,.2f}" in (await office.http.get(page, headers=ann)).text
        office.baton.prices = Prices(models={})
        assert (await office.http.get(f"/api/v1/runs/{review['run']}", headers=ann)).json()["cost"] is None
