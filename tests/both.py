"""All tests, in two processes at once: those of functions and files, and those of whole programs.

A test of the second kind mostly waits for processes. The output of the second comes behind that of the first.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Run them; what pytest exits with, the worse of the two."""
    command = [sys.executable, "-m", "pytest"]
    beside = subprocess.Popen(
        [*command, str(HERE / "acceptance")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    first = subprocess.run([*command, str(HERE / "unit"), str(HERE / "integration")], check=False).returncode
    said, _ = beside.communicate()
    sys.stdout.write(said)
    return max(first, beside.returncode)


if __name__ == "__main__":
    sys.exit(main())
