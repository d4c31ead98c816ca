"""The entry point: finds the command, runs it, and turns what went wrong into a sentence and an exit code.

Commands are named by module and loaded when they are called, and the front page is printed without loading anything,
so that `baton --help` answers at once.
"""

import inspect
import os
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Never

if TYPE_CHECKING:
    from cyclopts import App, CycloptsError

_WORK, _PEOPLE, _LOOK = "Work", "People", "Look and set up"

HELP = "Durable orchestration for agents and people who work at different times."

_COMMANDS = (
    ("run", "baton.cli.running:run", _WORK, "Work on one goal until it is reached, refused, or waits for somebody."),
    ("publish", "baton.cli.publishing:publish", _WORK, "Tell the runs that wait that something has happened."),
    ("chat", "baton.cli.chatting:chat", _WORK, "Talk with an agent."),
    ("worker", "baton.cli.working:worker", _WORK, "Let the agents work until it is stopped."),
    ("serve", "baton.cli.serving:serve", _WORK, "Serve the API, and let the agents work."),
    ("runs", "baton.cli.runs:app", _WORK, "List, show, follow, cancel and retry runs."),
    ("triggers", "baton.cli.triggering:app", _WORK, "See what starts runs by itself, and what it has started."),
    ("records", "baton.cli.shared_records:app", _WORK, "See and write the records that agents and people share."),
    ("messages", "baton.cli.messages:app", _WORK, "Say something to a run, and list what reached nobody."),
    ("notes", "baton.cli.shared_notes:app", _WORK, "Read and write what everybody shares who works on a goal."),
    ("replay", "baton.cli.replaying:replay", _WORK, "Show a run step by step from the record."),
    ("review", "baton.cli.reviewing:app", _PEOPLE, "See what waits for a person, and decide it."),
    ("people", "baton.cli.people:app", _PEOPLE, "See who answers questions, and enter who is away."),
    ("users", "baton.cli.users:app", _PEOPLE, "See and say who has an account, and what they may do."),
    ("keys", "baton.cli.keys:app", _PEOPLE, "Make and revoke keys by which programs use the API."),
    ("promise", "baton.cli.promises:app", _PEOPLE, "See how much agents may do alone by promises."),
    ("stuck", "baton.cli.holding_up:stuck", _PEOPLE, "Say what can never move, why, and what would free it."),
    ("resources", "baton.cli.sharing:app", _PEOPLE, "See who has what and who waits; reserve, and give back."),
    ("effects", "baton.cli.staging:app", _PEOPLE, "See what has not taken effect yet, and recall it."),
    ("notices", "baton.cli.noticing:app", _PEOPLE, "See what is told by webhook and mail, and tell it again."),
    ("flow", "baton.cli.flowing:app", _LOOK, "Say where time goes, what holds runs up, and what is wrong."),
    ("eval", "baton.cli.evaluating:app", _LOOK, "Play cases and score what came of them."),
    ("init", "baton.cli.starting:init", _LOOK, "Write a starter project."),
    ("doctor", "baton.cli.doctor:doctor", _LOOK, "Say what is configured and what is missing."),
    ("policy", "baton.cli.policies:app", _LOOK, "Check the agents' policies."),
    ("contracts", "baton.cli.contracts:app", _LOOK, "See what agents hand on, and whether a change breaks it."),
    ("graph", "baton.cli.graphing:app", _LOOK, "Draw who hands work to whom, and how a workflow goes."),
    ("mcp", "baton.cli.mcp:app", _LOOK, "Use tools of MCP servers, and be one."),
    ("db", "baton.cli.db:app", _LOOK, "Look after the database: what takes room, vacuum, archive."),
    ("memory", "baton.cli.remembering:app", _LOOK, "Look at what the agents remember."),
    ("version", "baton.cli.doctor:version", _LOOK, "Print the version."),
)

EPILOGUE = (
    "Ids can be abbreviated. Exit codes: 0 ok, 1 failed, 2 usage, 3 waiting for a person,\n"
    "4 refused, 5 evaluation regression, 6 inconclusive, 7 invalid."
)

_USAGE = ("InvalidValue", "InvalidFile", "NotFound", "Ambiguous")


def front_page() -> str:
    """What `baton --help` says."""
    lines = ["Usage: baton COMMAND", "", HELP]
    for section in (_WORK, _PEOPLE, _LOOK):
        lines += ["", section]
        lines += [f"  {name:9} {says}" for name, _path, of, says in _COMMANDS if of == section]
    return "\n".join([*lines, "", "`baton COMMAND --help` says more of each.", EPILOGUE])


def build() -> "App":
    """The command line with all its commands."""
    from cyclopts import App, Group, Parameter

    groups = {name: Group(name, sort_key=at) for at, name in enumerate((_WORK, _PEOPLE, _LOOK))}
    app = App(
        name="baton",
        help=HELP,
        help_epilogue=EPILOGUE,
        help_format="plaintext",
        version_flags=(),
        default_parameter=Parameter(negative=(), show_default=False),
        suppress_keyboard_interrupt=False,
    )
    app["--help"].group = Group("Options", sort_key=9)
    for at, (name, path, section, says) in enumerate(_COMMANDS):
        app.command(path, name=name, group=groups[section], help=says, sort_key=at)
    return app


def main(arguments: Sequence[str] | None = None) -> Never:
    """Run a command and exit with its code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if given in ([], ["--help"], ["-h"]):
            sys.stdout.write(front_page() + "\n")
            sys.stdout.flush()
            sys.exit(0)
        code = _run(given)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read our output has gone; Python must not complain of it when it exits
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    if threading.active_count() > 1:  # a tool that never returned: Python itself would wait for its thread
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    from cyclopts import CycloptsError

    try:
        command, bound, _ = build().parse_args(arguments, exit_on_error=False, print_error=False)
        done = command(*bound.args, **bound.kwargs)
        if inspect.iscoroutine(done):
            from baton.cli.waiting import wait_for

            done = wait_for(done)
    except CycloptsError as error:
        return _tell(arguments, "usage", f"{_said(error)}. See `{_help_for(arguments)}`.", 2)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        raise
    except Exception as error:
        return _explain(arguments, error)
    return done if isinstance(done, int) else 0


def _explain(arguments: list[str], error: Exception) -> int:
    """One sentence for an error of ours, an apology for any other; the traceback only for those who asked for it."""
    from baton.core import BatonError, redact

    if os.environ.get("BATON_DEBUG") == "1":
        import traceback

        sys.stderr.write(redact("".join(traceback.format_exception(error))))
    kinds = [kind.__name__ for kind in type(error).__mro__]
    if isinstance(error, BatonError):
        return _tell(arguments, kinds[0], redact(str(error)), 2 if any(kind in _USAGE for kind in kinds) else 1)
    said = f"{kinds[0]}: {error}" if str(error) else kinds[0]
    sorry = f"Sorry, this should not happen ({said}). What was recorded is safe; BATON_DEBUG=1 shows where it happened."
    return _tell(arguments, "unexpected", redact(sorry), 1)


def _said(error: "CycloptsError") -> str:
    """What is wrong with the words that were typed."""
    from cyclopts import UnknownCommandError, UnusedCliTokensError

    if isinstance(error, UnknownCommandError | UnusedCliTokensError):
        return f"not understood: {' '.join(error.unused_tokens or ())}"
    return str(error).rstrip(".")


def _tell(arguments: list[str], kind: str, message: str, code: int) -> int:
    from baton.cli.output import Screen

    screen = Screen("--json" in arguments)
    screen.document({"error": {"kind": kind, "message": message}})
    if not screen.json:
        screen.note(f"baton: {message}")
    return code


def _help_for(arguments: list[str]) -> str:
    words = [word for word in arguments[:2] if word.isalpha()]
    known = {name for name, *_ in _COMMANDS}
    return f"baton {words[0]} --help" if words and words[0] in known else "baton --help"
