"""Running a command's coroutine to its end, and not a moment longer."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def wait_for(work: Coroutine[Any, Any, Any]) -> Any:
    """Run a command's coroutine; a tool that never returns must not keep the command from returning."""
    with asyncio.Runner() as runner:
        runner.get_loop().set_default_executor(_Unwaited())
        return runner.run(work)


class _Unwaited(ThreadPoolExecutor):
    """Threads that are not waited for in the end: what a sync tool still does, its effect's record covers."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        super().shutdown(wait=False, cancel_futures=True)
