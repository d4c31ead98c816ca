"""`baton users`: who has an account, and what they may do."""

import getpass
import sys
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.text import Text

from baton.cli.opening import find_place, to_look
from baton.cli.options import DEFAULTS, Common
from baton.cli.output import Screen
from baton.core import InvalidValue, check_tenant, read_role
from baton.core.texts import one_line
from baton.handles import person
from baton.ledger import accounts
from baton.ledger.accounts import Account
from baton.review.record import time_json

app = App(name="users", help="See and say who has an account, and what they may do.")


@app.default
@app.command(name="list")
async def list_(*, common: Common = DEFAULTS) -> None:
    """List the accounts: names and roles.

    Args:
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        found = await ledger.read(accounts.listed)
    screen.document({"users": [_json(account) for account in found]})
    if not found:
        screen.show("Nobody has an account: `baton serve` serves whoever is at this machine alone.")
    for account in found:
        of = f" of {account.tenant}" if account.tenant is not None else ""
        acts_as = f"  {', '.join(sorted(account.acts_as))}" if account.acts_as else ""
        screen.show(Text.assemble((one_line(account.name), "bold"), f"  {account.role.word}{of}{one_line(acts_as)}"))


@app.command
async def add(
    name: str,
    /,
    *,
    role: str,
    acts_as: Annotated[tuple[str, ...], Parameter(consume_multiple=False)] = (),
    tenant: str | None = None,
    common: Common = DEFAULTS,
) -> None:
    """Give somebody an account. Their password is asked for, or read from the first line of stdin.

    Args:
        name: What they sign in as; what they decide is theirs by it.
        role: viewer, requester, reviewer, owner or admin; each may what those before it may.
        acts_as: What the reviewers of a rule may call them by, beside their name; may be given several times.
        tenant: Whose runs and questions they see, and nobody else's; without one they see those of all tenants.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    known = read_role(role)
    if not name.strip() or name.startswith("agent:") or not name.isprintable() or len(name) > 200:
        raise InvalidValue("name", name, "a person's name, of at most 200 letters")
    if tenant is not None:
        check_tenant(tenant)
    from baton.server import hash_password

    hashed = hash_password(_password(screen))
    async with to_look(place, make=True) as ledger:
        await ledger.write(
            lambda tx: accounts.add(tx, name, known, hashed, acts_as=acts_as, tenant=tenant, by=person())
        )
        account = await ledger.read(lambda tx: accounts.get(tx, name))
    screen.document(_json(account))
    of = f" of {tenant}" if tenant is not None else ""
    screen.show(f"{one_line(name)} has an account as {known.word}{of}.")


@app.command
async def role(name: str, role: str, /, *, common: Common = DEFAULTS) -> None:
    """Let somebody do more or less, from their next request on.

    Args:
        name: Whose account.
        role: viewer, requester, reviewer, owner or admin.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    known = read_role(role)
    async with to_look(place) as ledger:
        await ledger.write(lambda tx: accounts.change(tx, name, known, by=person()))
        account = await ledger.read(lambda tx: accounts.get(tx, name))
    screen.document(_json(account))
    screen.show(f"{one_line(name)} is {known.word} now.")


@app.command
async def remove(name: str, /, *, common: Common = DEFAULTS) -> None:
    """Take somebody's account away; they are signed out at once, and their keys are revoked.

    Args:
        name: Whose account.
        common: Options of every command.
    """
    screen, place = Screen(common.json), find_place(common, prefer_origin=True)
    async with to_look(place) as ledger:
        await ledger.write(lambda tx: accounts.remove(tx, name, by=person()))
    screen.document({"removed": name})
    screen.show(f"{one_line(name)} has no account any more.")


def _password(screen: Screen) -> str:
    if not screen.asks:
        return sys.stdin.readline().rstrip("\n")
    first, second = getpass.getpass("Password: "), getpass.getpass("Again: ")
    if first != second:
        raise InvalidValue("password", "…", "the same password twice")
    return first


def _json(account: Account) -> dict[str, Any]:
    return {
        "name": account.name,
        "role": account.role.word,
        "acts_as": sorted(account.acts_as),
        "tenant": account.tenant,
        "made_at": time_json(account.made_at),
    }
