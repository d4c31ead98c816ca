"""`baton doctor`: what is configured and what is missing, in words a newcomer understands. And `baton version`."""

import asyncio
import importlib.metadata
import os
import platform
import time
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

from cyclopts import Parameter
from rich.text import Text

from baton.cli.options import DEFAULTS, Common, Exit
from baton.cli.output import Screen
from baton.core.texts import safe

if TYPE_CHECKING:
    from baton.agents import Agent
    from baton.cli.opening import Place
    from baton.ledger import Ledger
    from baton.review.notices import Notices

_NEEDED = ("langgraph", "openai", "pydantic", "sqlalchemy", "sqlite-utils", "cedarpy", "rich", "cyclopts")

_MARKS = {"ok": ("✓", "green"), "note": ("·", "yellow"), "broken": ("✗", "bold red")}

CLOCK_SECONDS = 2.0
"""How far this machine's clock may be from the server's before it is worth a word."""

SECONDS = 3.0
"""How long the model's endpoint may take to answer a connection."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        state: `ok`, `note` (works, but worth knowing) or `broken`.
        says: What was found, and what to do where something is wrong.
    """

    about: str
    state: Literal["ok", "note", "broken"]
    says: str


async def doctor(*, deploy: bool = False, common: Common = DEFAULTS) -> int:
    """Say what is configured and what is missing. Exits 1 if something is broken.

    Args:
        deploy: Say instead what the agents at hand would do to open runs and questions: which they would orphan,
            misread or ask again. Exits 1 if something would be lost.
        common: Options of every command.
    """
    if deploy:
        from baton.cli.deploying import deploy as survey

        return await survey(common)
    screen = Screen(common.json)
    findings = await _findings(common)
    broken = sum(finding.state == "broken" for finding in findings)
    screen.document({"ok": not broken, "findings": [asdict(finding) for finding in findings]})
    width = max(len(finding.about) for finding in findings)
    for finding in findings:
        mark, style = _MARKS[finding.state]
        screen.show(Text.assemble((mark, style), f" {finding.about:{width}}  ", safe(finding.says)))
    screen.show("", "All is well." if not broken else f"{broken} broken: see ✗ above.")
    return Exit.FAILED if broken else Exit.OK


def version(*, json: Annotated[bool, Parameter(name="--json")] = False) -> None:
    """Print the version.

    Args:
        json: Print one JSON document and nothing else.
    """
    screen = Screen(json)
    screen.document({"version": _version(), "python": platform.python_version()})
    screen.show(f"baton {_version()}")


def _version() -> str:
    try:
        return importlib.metadata.version("baton")
    except importlib.metadata.PackageNotFoundError:
        return "(a checkout that is not installed)"


async def _findings(common: Common) -> list[Finding]:
    from baton.cli.opening import find_place, load
    from baton.core import BatonError

    findings = [Finding("python", "ok", f"{platform.python_version()} on {platform.system()}"), _packages()]
    try:
        place = find_place(common, prefer_origin=True)
        findings += await _database(place)
    except BatonError as error:
        return [*findings, Finding("database", "broken", str(error)), await _model()]
    findings.append(await _model())
    if place.project is None:
        hint = "none here: `baton init` writes a starter project, --agents FILE names another"
        return [*findings, Finding("project", "note", hint)]
    try:
        project = load(place)
    except BatonError as error:
        return [*findings, Finding("project", "broken", str(error))]
    names = ", ".join(agent.name for agent in project.agents)
    findings.append(Finding("project", "ok", f"{place.project} (agents: {names}; simulated mind: {project.simulated})"))
    findings += await _homeless(place, {agent.name for agent in project.agents})
    findings += _secrets()
    if project.notices is not None:
        findings += await _notices(place, project.notices)
    return [*findings, *(finding for agent in project.agents for finding in _agent(agent, project.windows))]


def _secrets() -> list[Finding]:
    """The secrets that the project refers to, by name alone."""
    from baton.core import declared

    known = declared()
    wrong = {name: problem for name, problem in sorted(known.items()) if problem is not None}
    if known and not wrong:
        return [Finding("secrets", "ok", f"all there: {', '.join(sorted(known))}")]
    hint = "set the environment variable, or put a file of that name into the folder of secrets"
    return [Finding(f"secret {name}", "broken", f"{problem}: {hint}") for name, problem in wrong.items()]


def _packages() -> Finding:
    missing: list[str] = []
    for name in _NEEDED:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        return Finding("packages", "broken", f"not installed: {', '.join(missing)}. Install Baton again.")
    return Finding("packages", "ok", f"baton {_version()}, all {len(_NEEDED)} main packages are there")


async def _database(place: "Place") -> list[Finding]:
    from baton.cli.opening import to_look
    from baton.flow import staff_of, stuck_work
    from baton.ledger import at_work, reviews, runs

    if place.file is not None and not place.file.exists():
        return [_database_to_be(place.file)]
    async with to_look(place) as ledger:
        asked = await ledger.read(reviews.waiting)
        found = await ledger.read(runs.listed)
        worker = await at_work(ledger)
        held_up = await ledger.read(lambda tx: stuck_work(tx, staff_of(tx)))
        kept = _file(place.file) if place.file is not None else await _server(ledger)
    going = sum(not run.ended for run in found)
    held = f"{len(found)} runs, {going} of them not ended"
    idle = "nobody at the moment; `baton worker`, `baton run`, `baton chat` and `baton review` do while they run"
    troubled = [run for run in found if run.trouble and not run.ended]
    return [
        *kept,
        Finding("runs", "ok", held),
        Finding("at work", "ok", worker or idle),
        Finding(
            "reviews",
            "note" if asked else "ok",
            f"{len(asked)} wait for a person" + (": `baton review`" if asked else ""),
        ),
        Finding(
            "stuck",
            "note" if held_up else "ok",
            f"{len(held_up)} can never move: `baton stuck`" if held_up else "nothing",
        ),
        *(Finding("trouble", "note", f"{run.id}: {run.trouble}") for run in troubled),
    ]


def _file(path: Path) -> list[Finding]:
    """The database as a file."""
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        return [
            Finding("database", "broken", f"{path} cannot be written. Check the rights of the file and its folder.")
        ]
    return [Finding("database", "ok", f"{path}, {path.stat().st_size / 1e6:.1f} MB")]


async def _server(ledger: "Ledger") -> list[Finding]:
    """The database on a server: the connection, the tables' version, and how far its clock is from ours."""
    from baton.ledger.migrations import HEAD

    started = time.monotonic()
    offset = await asyncio.to_thread(ledger.database.offset)
    answered = (time.monotonic() - started) * 1000
    says = f"{ledger.database.name}, tables of version {HEAD}, answers in {answered:.0f} ms"
    clock = Finding("clock", "ok", "this machine's goes with the server's")
    if abs(offset) > CLOCK_SECONDS:
        way = "ahead of" if offset > 0 else "behind"
        clock = Finding("clock", "note", f"the server's is {abs(offset):.1f} s {way} this machine's; Baton goes by it")
    return [Finding("database", "ok", says), clock, *await _vectors(ledger)]


async def _vectors(ledger: "Ledger") -> list[Finding]:
    """Where the vectors of memory are, with a database on a server; nothing where none are asked for."""
    from baton.agents import endpoint
    from baton.ledger import fact_vectors

    if endpoint().embedding_model is None:
        return []
    installed, possible = await ledger.read(fact_vectors.extension)
    if installed is not None:
        return [Finding("vectors", "ok", f"in the database, by pgvector {installed}")]
    if possible is not None:
        says = "in the database once `CREATE EXTENSION vector` was run, which the first recall tries; else in Chroma"
        return [Finding("vectors", "note", says)]
    return [Finding("vectors", "note", "in Chroma, for one process at a time: the server has no pgvector")]


async def _homeless(place: "Place", here: set[str]) -> list[Finding]:
    """Agents that open runs wait for and that the project does not have."""
    from baton.cli.opening import to_look
    from baton.ledger import runs

    if place.file is not None and not place.file.exists():
        return []
    async with to_look(place) as ledger:
        going = await ledger.read(lambda tx: runs.listed(tx, statuses=("ready", "waiting")))
    missing = sorted({run.agent for run in going} - here)
    findings: list[Finding] = []
    for name in missing:
        count = sum(run.agent == name for run in going)
        waits = "1 open run waits for it" if count == 1 else f"{count} open runs wait for it"
        findings.append(Finding(f"agent {name}", "note", f"not here, and {waits}"))
    return findings


async def _notices(place: "Place", told: "Notices") -> list[Finding]:
    """Who is told what happens, and what could not be."""
    from baton.cli.opening import to_look
    from baton.ledger import notices

    names = ", ".join([webhook.name for webhook in told.webhooks] + (["mail"] if told.mail else []))
    findings = [Finding("notices", "ok", f"to {names or 'nobody'}")]
    if place.file is not None and not place.file.exists():
        return findings
    async with to_look(place) as ledger:
        dead, gone = await ledger.read(lambda tx: (notices.listed(tx, ["dead"]), notices.gone(tx)))
    if dead or gone:
        said = [f"{len(dead)} were given up"] if dead else []
        said += [f"{name} is told nothing: {why}" for name, (why, _) in gone.items()]
        findings.append(Finding("notices", "note", f"{'; '.join(said)}. See `{place.command('notices')}`"))
    return findings


def _database_to_be(path: Path) -> Finding:
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not os.access(folder, os.W_OK):
        return Finding("database", "broken", f"{path} cannot be made: {folder} cannot be written")
    return Finding("database", "ok", f"{path} is not there yet; the first `baton run` makes it")


async def _model() -> Finding:
    """The endpoint, and whether it can be connected to; without one nothing is tried."""
    from baton.agents import endpoint

    where = endpoint()
    if where.simulated:
        says = f"{where.describe()}: it shows how things work and costs nothing; set one of them for a real model"
        return Finding("model", "note", says)
    address = urlsplit(where.base_url or "https://api.openai.com/v1")
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        async with asyncio.timeout(SECONDS):
            _reader, writer = await asyncio.open_connection(address.hostname, port)
    except (OSError, TimeoutError) as error:
        why = str(error) or f"no answer within {SECONDS:g} s"
        return Finding("model", "broken", f"{where.describe()} cannot be reached: {why}")
    writer.close()
    return Finding("model", "ok", f"{where.describe()}, can be reached")


def _agent(agent: "Agent", windows: Collection[str]) -> list[Finding]:
    from baton.agents import BUILTINS
    from baton.examining import report
    from baton.memory import counter

    own = [name for name in agent.specs if name not in BUILTINS]
    policy = report(agent, windows)
    name = f"agent {agent.name}"
    tools = f"tools: {', '.join(own) or 'none of its own'}"
    if policy.problem:
        return [Finding(name, "broken", policy.problem)]
    counts = counter(agent.model)
    tokens = f"exact ({counts.name})" if counts.exact else f"an upper bound ({counts.name}): {_no_ranks(agent.model)}"
    findings = [
        Finding(name, "ok", f"{tools}; policy {policy.version} with {policy.rules} rules; memory {agent.memory!r}"),
        Finding(name, "ok" if counts.exact else "note", f"model {agent.model}; token counts are {tokens}"),
    ]
    if policy.uncovered:
        denied = f"no rule permits {', '.join(policy.uncovered)}: every call of them is denied"
        findings.append(Finding(name, "note", denied))
    return findings


def _no_ranks(model: str) -> str:
    """Why a model's tokens are not counted exactly, and what to do."""
    from baton.memory.tokens import encoding_of

    known = encoding_of(model)
    if known is None:
        return "tiktoken does not know this model"
    return f"the ranks of {known} are not on this machine, `baton init --ranks` gets them"
