"""The desk's evaluation in one go: played, reported, held against the gate. Stopped, it goes on where it was.

python examples/desk/evaluate.py [--repeats 5] [--seed 1] [--kill-halfway] [--into .evaluation]
"""

import argparse
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

HERE = Path(__file__).parent
BATON = (sys.executable, "-m", "baton.cli", "eval")


def main() -> int:
    """Play, report and ask the gate; the gate's exit code."""
    options = _options()
    folder: Path = options.into
    store = folder / "evals.db"
    folder.mkdir(parents=True, exist_ok=True)
    play = [*BATON, "run", str(HERE / "suite.py"), "--repeats", str(options.repeats), "--seed", str(options.seed)]
    play += ["--store", str(store)]
    if options.kill_halfway:
        _kill_halfway(play, store, 60 * options.repeats // 2)
    code = subprocess.run(play, check=False).returncode
    if code not in (0, 5):  # 5: some attempts are not as expected, which is what an evaluation is for
        return code
    told = ["--store", str(store)]
    report = ["--gate", str(HERE / "gate-alone.yaml"), "--to", str(folder / "report.html")]
    subprocess.run([*BATON, "report", *report, *told], check=True)
    return subprocess.run([*BATON, "gate", str(HERE / "gate-alone.yaml"), *told], check=False).returncode


def _kill_halfway(play: list[str], store: Path, halfway: int) -> None:
    """Begin, kill it with SIGKILL once half of the attempts are on record, and say so."""
    with subprocess.Popen(play, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
        while (done := _recorded(store)) < halfway and child.poll() is None:
            time.sleep(0.1)
        child.send_signal(signal.SIGKILL)
    print(f"killed with {done} attempts on record (process {child.pid}, SIGKILL); going on", flush=True)


def _recorded(store: Path) -> int:
    """Attempts of the evaluation that is not finished."""
    query = """SELECT count(*) FROM attempts JOIN evaluations ON evaluations.id = attempts.evaluation
        WHERE finished_at IS NULL"""
    try:
        with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True, timeout=5)) as database:
            return int(database.execute(query).fetchone()[0])
    except sqlite3.OperationalError:  # it is not there yet
        return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="how often each case is played")
    parser.add_argument("--seed", type=int, default=1, help="of all chance")
    parser.add_argument("--kill-halfway", action="store_true", help="kill it half-way, and go on")
    parser.add_argument("--into", type=Path, default=Path(".evaluation"), help="where results and report are put")
    return parser.parse_args()


if __name__ == "__main__":
    os.environ.setdefault("COLUMNS", "120")
    sys.exit(main())
