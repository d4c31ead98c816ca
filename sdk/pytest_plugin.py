"""pytest plug-in: evaluations as tests, one item a case and one for the gate. They are deselected unless asked for.

`pytest --agent-eval` runs the tests that are marked `@pytest.mark.agent_eval(suite="suite.py", repeat=2,
gate="gate.yaml")`. Such a test takes `attempts`, those of one case, and asserts what must always hold of them. Whether
the whole is good enough is for the gate's item: so a case that comes out now this way and now that fails nobody's CI.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from baton.evals import Store, Suite
    from baton.evals.results import Results, Tried

MARK, GATE, FIXTURE = "agent_eval", "gate", "attempts"
_ALLOWED = frozenset({"suite", "dataset", "repeat", "seed", "gate"})


@dataclass(frozen=True)
class _Asked:
    """What a mark asks for; the paths are as they stand beside its test."""

    suite: Path
    dataset: Path | None
    repeat: int
    seed: int
    gate: Path | None


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say what can be asked for."""
    group = parser.getgroup("baton", "evaluation of agents")
    group.addoption("--agent-eval", action="store_true", help="run the tests that evaluate agents")
    group.addoption("--eval-db", type=Path, default=Path(".baton/evals.db"), help="where their results are kept")
    group.addoption("--eval-baseline", default=None, metavar="ID", help="the evaluation that gates hold them against")


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    says = "evaluates an agent: agent_eval(suite, dataset=None, repeat=1, seed=0, gate=None); see --agent-eval"
    config.addinivalue_line("markers", says)
    config.stash[_PLAYED] = {}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One item a case, and one for the gate."""
    mark = metafunc.definition.get_closest_marker(MARK)
    if mark is None:
        return
    if FIXTURE not in metafunc.fixturenames:
        raise pytest.UsageError(f"{metafunc.definition.nodeid}: a test that is marked {MARK} takes {FIXTURE!r}")
    if not metafunc.config.getoption("agent_eval"):
        metafunc.parametrize(FIXTURE, [pytest.param(None, id="not-asked-for")], indirect=True)
        return
    asked = _asked(metafunc.definition, mark)
    names = [case.id for case in _load(asked).cases]
    metafunc.parametrize(FIXTURE, [*names, *([GATE] if asked.gate is not None else [])], indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave them out unless they are asked for; else note which cases are wanted, and keep a suite's on one worker."""
    marked = [item for item in items if item.get_closest_marker(MARK) is not None]
    if not config.getoption("agent_eval"):
        config.hook.pytest_deselected(items=marked)
        items[:] = [item for item in items if item not in marked]
        return
    for item in marked:
        if config.pluginmanager.hasplugin("xdist"):
            item.add_marker(pytest.mark.xdist_group(_key(item)))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """The gate's item asks the gate in place of the test's body."""
    if pyfuncitem.get_closest_marker(MARK) is None or _param(pyfuncitem) != GATE:
        return None
    from baton.evals.comparing import compare
    from baton.evals.gate import Word, judge, load_gate
    from baton.evals.results import read_results

    asked, results = _of(pyfuncitem), _results(pyfuncitem)
    baseline: str | None = pyfuncitem.config.getoption("eval_baseline")
    comparison = None
    if baseline is not None:
        comparison = compare(read_results(_store(pyfuncitem.config), baseline), results)
    assert asked.gate is not None
    verdict = judge(load_gate(asked.gate), results, comparison)
    if verdict.word is not Word.PASS:
        pytest.fail(f"the gate says {verdict.word}:\n" + "\n".join(verdict.reasons), pytrace=False)
    return True


@pytest.fixture
def attempts(request: pytest.FixtureRequest) -> "Sequence[Tried]":
    """The attempts of one case, as they are kept; of the gate's item all of them."""
    item = request.node
    assert isinstance(item, pytest.Function)
    results = _results(item)
    if request.param == GATE:
        return results.tried
    return [one for one in results.tried if one.row["case"] == request.param]


_PLAYED = pytest.StashKey[dict[str, "Results"]]()
_STORE = pytest.StashKey["Store"]()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Close what was opened."""
    store = config.stash.get(_STORE, None)
    if store is not None:
        store.close()


def _results(item: pytest.Function) -> "Results":
    """What came of the items' cases, played when the first is asked for."""
    import asyncio

    from baton.evals import play
    from baton.evals.results import read_results

    known, key = item.config.stash[_PLAYED], _key(item)
    if key not in known:
        asked, store = _of(item), _store(item.config)
        suite = _only(_load(asked), _wanted(item))
        played = asyncio.run(play(suite, store, repeats=asked.repeat, seed=asked.seed))
        known[key] = read_results(store, played.evaluation.id)
    return known[key]


def _wanted(item: pytest.Function) -> set[str]:
    """The cases of the items that are run; of the gate's alone all are."""
    same = [one for one in item.session.items if isinstance(one, pytest.Function) and _key(one) == _key(item)]
    return {_param(one) for one in same if one.get_closest_marker(MARK) is not None} - {GATE}


def _only(suite: "Suite", wanted: set[str]) -> "Suite":
    from dataclasses import replace

    cases = [case for case in suite.cases if case.id in wanted]
    return replace(suite, cases=cases) if cases else suite


def _store(config: pytest.Config) -> "Store":
    from baton.evals import Store

    if _STORE not in config.stash:
        path: Any = config.getoption("eval_db")
        config.stash[_STORE] = Store(path)
    return config.stash[_STORE]


def _load(asked: _Asked) -> "Suite":
    from dataclasses import replace

    from baton.evals import load_suite, read_cases

    suite = load_suite(asked.suite)
    return suite if asked.dataset is None else replace(suite, cases=read_cases(asked.dataset))


def _of(item: pytest.Function) -> _Asked:
    mark = item.get_closest_marker(MARK)
    assert mark is not None
    return _asked(item, mark)


def _asked(item: pytest.Item | Any, mark: pytest.Mark) -> _Asked:
    said: Mapping[str, Any] = {**dict(zip(("suite",), mark.args, strict=False)), **mark.kwargs}
    unknown = sorted(set(said) - _ALLOWED)
    if unknown or "suite" not in said:
        what = f"does not take {', '.join(unknown)}" if unknown else "needs a suite"
        raise pytest.UsageError(f"{item.nodeid}: {MARK} {what}; it takes {', '.join(sorted(_ALLOWED))}")
    folder: Path = item.path.parent
    return _Asked(
        suite=folder / said["suite"],
        dataset=folder / said["dataset"] if said.get("dataset") is not None else None,
        repeat=int(said.get("repeat", 1)),
        seed=int(said.get("seed", 0)),
        gate=folder / said["gate"] if said.get("gate") is not None else None,
    )


def _param(item: pytest.Function) -> str:
    return str(item.callspec.params.get(FIXTURE))


def _key(item: pytest.Item) -> str:
    """Items of one test share what is played."""
    return f"{item.path}::{getattr(item, 'originalname', item.name)}"
