"""Proposals over the API: who may make and accept them, what accepting writes, and that it is all or nothing."""

import asyncio
import json
from pathlib import Path
from typing import Any

from baton.autonomy import hashes
from baton.core import Label, Promotion, Role, Trust
from baton.core.promoting import new_key, public_key, sign
from baton.ledger import facts, rule_proposals
from baton.proposing import with_proposal
from support import on_both, soon, text_rows
from support.serving import Office, clerk, kind_of, serve_office

API = "/api/v1"


async def approved(office: Office, who: dict[str, str]) -> dict[str, Any]:
    """A question that somebody has approved."""
    asked = await office.asked(who)
    said = {"decision": "approve", "version": asked["version"]}
    assert (await office.http.post(f"{API}/reviews/{asked['id']}/decide", json=said, headers=who)).status_code == 200
    await soon((await office.baton.open(asked["run"])).result())
    return asked


async def proposed(office: Office, who: dict[str, str]) -> dict[str, Any]:
    """A rule that is made of such."""
    asked = await approved(office, who)
    made = await office.http.post(f"{API}/reviews/{asked['id']}/propose", json={}, headers=who)
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()["proposal"]
    return found


@on_both
async def test_an_accepted_rule_stands_in_the_policy_and_holds_at_once(database: str, tmp_path: Path) -> None:
    async with serve_office(database, clerk(tmp_path)) as office:
        ann, owner = await office.person("ann", Role.REVIEWER), await office.person("olga", Role.OWNER)
        made = await proposed(office, ann)
        assert (made["by"], made["state"], made["kind"]) == ("ann", "open", "rule")
        policy = tmp_path / "till.cedar"
        before = policy.read_text()
        assert "permit" in made["rule"] and made["rule"] not in before
        listed = (await office.http.get(f"{API}/proposals", headers=ann)).json()
        assert [one["id"] for one in listed["proposals"]] == [made["id"]] and listed["next"] is None

        said = await office.http.post(f"{API}/proposals/{made['id']}/accept", json={}, headers=owner)
        assert said.status_code == 200, said.text
        assert said.json()["in_force"] == ["clerk"] and said.json()["proposal"]["decided_by"] == "olga"
        after = policy.read_text()
        assert after.startswith(before) and made["rule"] in after and "accepted by olga" in after
        assert "as it was approved" in (tmp_path / "till.test.yaml").read_text()
        steps = await text_rows(
            office.baton.ledger, "SELECT kind, who, about, says FROM trail WHERE kind LIKE 'proposal.%'"
        )
        assert steps == [("proposal.accepted", "olga", made["id"], "clerk")]

        again = await office.http.post(f"{API}/runs", json={"statement": "pay"}, headers=ann)
        run = await office.baton.open(again.json()["id"])
        assert (await soon(run.result())).status == "done"  # nobody was asked
        assert (await office.http.get(f"{API}/runs/{run.id}/reviews", headers=ann)).json() == {"reviews": []}
        late = await office.http.post(f"{API}/proposals/{made['id']}/accept", json={}, headers=owner)
        assert kind_of(late) == (409, "Conflict") and "olga accepted it at" in late.text


async def test_only_owners_decide_and_an_agent_never_does(tmp_path: Path) -> None:
    async with serve_office(str(tmp_path / "b.db"), clerk(tmp_path)) as office:
        ann, viewer = await office.person("ann", Role.REVIEWER), await office.person("vic", Role.VIEWER)
        await office.account("olga", Role.OWNER)
        agent = await office.key("olga", "agent")
        made = await proposed(office, ann)
        for who in (ann, viewer, agent):
            for what in ("accept", "decline"):
                said = await office.http.post(f"{API}/proposals/{made['id']}/{what}", json={}, headers=who)
                assert kind_of(said) == (403, "Forbidden")
        for who in (viewer, agent):
            said = await office.http.post(f"{API}/reviews/{made['review']}/propose", json={}, headers=who)
            assert kind_of(said) == (403, "Forbidden")
        assert kind_of(await office.http.get(f"{API}/proposals")) == (401, "SignInNeeded")
        assert not (tmp_path / "till.test.yaml").exists()


async def test_a_declined_rule_changes_nothing_and_may_be_proposed_anew(tmp_path: Path) -> None:
    async with serve_office(str(tmp_path / "b.db"), clerk(tmp_path)) as office:
        owner = await office.person("olga", Role.OWNER)
        made, before = await proposed(office, owner), (tmp_path / "till.cedar").read_text()
        url = f"{API}/reviews/{made['review']}/propose"
        twice = await office.http.post(url, json={}, headers=owner)
        assert kind_of(twice) == (409, "Conflict") and made["id"] in twice.text
        said = await office.http.post(f"{API}/proposals/{made['id']}/decline", json={"note": "no"}, headers=owner)
        assert (said.json()["proposal"]["state"], said.json()["proposal"]["note"]) == ("declined", "no")
        assert (tmp_path / "till.cedar").read_text() == before
        assert (await office.http.get(f"{API}/proposals", headers=owner)).json()["proposals"] == []
        for lasts, status in (("2d", 201), ("soon", 422), ("1s", 422), ("9000d", 422)):
            said = await office.http.post(url, json={"lasts": lasts}, headers=owner)
            assert said.status_code == status or (status == 201 and said.status_code == 409), said.text


async def test_a_file_that_cannot_be_written_leaves_everything_as_it_was(tmp_path: Path) -> None:
    async with serve_office(str(tmp_path / "b.db"), clerk(tmp_path)) as office:
        owner = await office.person("olga", Role.OWNER)
        made, before = await proposed(office, owner), (tmp_path / "till.cedar").read_text()
        url = f"{API}/proposals/{made['id']}/accept"
        for blocked in (".till.test.yaml.new", ".till.cedar.new"):
            (tmp_path / blocked).mkdir()
            said = await office.http.post(url, json={}, headers=owner)
            assert kind_of(said) == (409, "Conflict") and "cannot be written" in said.text
            assert (tmp_path / "till.cedar").read_text() == before
            assert not (tmp_path / "till.test.yaml").exists()
            (tmp_path / blocked).rmdir()
        (tmp_path / "till.cedar").write_text("permit what?")
        assert kind_of(await office.http.post(url, json={}, headers=owner)) == (409, "PolicyError")
        (tmp_path / "till.cedar").write_text(before)
        (tmp_path / "till.test.yaml").write_text("tests: 5\n")
        assert kind_of(await office.http.post(url, json={}, headers=owner)) == (409, "InvalidFile")
        (tmp_path / "till.test.yaml").unlink()
        state = await text_rows(office.baton.ledger, "SELECT state, decided_by FROM rule_proposals")
        assert state == [("open", None)]
        assert (await office.http.post(url, json={}, headers=owner)).status_code == 200
        assert sorted(file.name for file in tmp_path.glob(".till*")) == []


@on_both
async def test_of_two_owners_at_once_one_decides(database: str, tmp_path: Path) -> None:
    async with serve_office(database, clerk(tmp_path)) as office:
        owners = [await office.person(name, Role.OWNER) for name in ("olga", "otto")]
        made = await proposed(office, owners[0])
        urls = [f"{API}/proposals/{made['id']}/{what}" for what in ("accept", "decline")]
        came = await asyncio.gather(
            *(office.http.post(url, json={}, headers=who) for url, who in zip(urls, owners, strict=True))
        )
        assert sorted(one.status_code for one in came) == [200, 409]
        stands = made["rule"] in (tmp_path / "till.cedar").read_text()
        assert stands == (came[0].status_code == 200)


async def test_a_rule_that_was_written_before_a_crash_is_not_written_twice(tmp_path: Path) -> None:
    async with serve_office(str(tmp_path / "b.db"), clerk(tmp_path)) as office:
        owner = await office.person("olga", Role.OWNER)
        made, policy = await proposed(office, owner), tmp_path / "till.cedar"
        policy.write_text(f"{policy.read_text()}\n// by somebody else\n{made['rule']}")
        said = await office.http.post(f"{API}/proposals/{made['id']}/accept", json={}, headers=owner)
        assert said.status_code == 200, said.text
        assert policy.read_text().count(made["rule"]) == 1


async def test_an_accepted_instruction_is_told_to_its_agent(tmp_path: Path) -> None:
    async with serve_office(str(tmp_path / "b.db"), clerk(tmp_path)) as office:
        owner = await office.person("olga", Role.OWNER)
        asked = await office.asked(owner)
        made = await office.baton.ledger.write(
            lambda tx: rule_proposals.propose(
                tx, "clerk", asked["id"], "Heed it.", [], "baton", kind="instruction", about="payment"
            )
        )
        said = (await office.http.post(f"{API}/proposals/{made.id}/accept", json={}, headers=owner)).json()
        assert (said["policy"], said["in_force"]) == (None, ["clerk"])
        (told,) = await office.baton.ledger.read(lambda tx: facts.believed(tx, "local", ["instructions/clerk"]))
        assert (told.text, told.label) == ("Heed it.", Label(Trust.SYSTEM, frozenset({made.id})))


@on_both
async def test_where_a_promotion_is_asked_for_a_rule_waits_until_the_policy_with_it_is_promoted(
    database: str, tmp_path: Path
) -> None:
    pem = new_key()
    async with serve_office(database, clerk(tmp_path)) as office:
        owner = await office.person("olga", Role.OWNER)
        made, before = await proposed(office, owner), (tmp_path / "till.cedar").read_text()
        office.baton.promotion = Promotion(record=tmp_path / "promotion.json", key=public_key(pem))
        url = f"{API}/proposals/{made['id']}/accept"
        said = await office.http.post(url, json={}, headers=owner)
        assert kind_of(said) == (409, "Conflict") and "no promotion record" in said.text and "eval gate" in said.text
        assert (tmp_path / "till.cedar").read_text() == before

        known = await office.baton.ledger.read(lambda tx: rule_proposals.get(tx, made["id"]))
        now = hashes(list(office.baton.agents.values()), office.baton.endpoint)
        with with_proposal(office.baton.agents, known, "olga") as candidates:
            then = hashes(candidates, office.baton.endpoint)
        for promoted, status in ((now, 409), (then, 200)):
            record = sign({"verdict": "pass", "hashes": promoted}, pem)
            (tmp_path / "promotion.json").write_text(json.dumps(record))
            said = await office.http.post(url, json={}, headers=owner)
            assert said.status_code == status, said.text
        assert hashes(list(office.baton.agents.values()), office.baton.endpoint) == then  # what was promoted is at work
