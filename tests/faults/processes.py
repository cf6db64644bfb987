"""`nea serve` as a process of its own, which can be killed and started again."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..patience import PATIENCE_SECONDS

NEA = [sys.executable, "-P", "-m", "repository"]


@dataclass
class Service:
    """`nea serve` on a fixed port, which can be killed and started again; every client finds it at the same place."""

    environ: Mapping[str, str]
    port: int
    log: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        environ = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            **self.environ,
            "NEA_PORT": str(self.port),
        }
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(  # noqa: ASYNC220 - it outlives this call, and is waited for elsewhere
                [*NEA, "serve"], env=environ, stdout=output, stderr=output
            )
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                assert self.process.poll() is None, self.log.read_text()[-3000:]
                try:
                    socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                    return
                except OSError:
                    await asyncio.sleep(0.02)

    def kill(self, number: int = signal.SIGKILL) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        assert self.process.wait(60) == (-signal.SIGKILL if number == signal.SIGKILL else 0)
