"""What the child gives up before it reads: asked of a child that tries to have it nevertheless."""

from __future__ import annotations

import json

import pytest

from repository.errors import InspectionFailed
from repository.inspection import Inspection, Limits
from repository.inspection.children import PACKAGES, find_sandbox

from .answers import pieces

PROBE = f"""
import ctypes, json, os, socket, sys, threading
sys.path.insert(0, {str(PACKAGES)!r})
from repository.inspector import confinement
before = os.fork()
if before == 0:
    os._exit(0)
os.waitpid(before, 0)
open("/tmp/before", "w").close()
in_place = sorted(confinement.close_up(programs=PROGRAMS))
library = ctypes.CDLL(None)
def possible(act):
    try:
        act()
    except (OSError, RuntimeError):
        return False
    return True
def fork():
    if os.fork() == 0:
        os._exit(0)
def refused(number):
    if number < 0:
        raise OSError
print(json.dumps([in_place, {{
    "socket": possible(socket.socket),
    "pair": possible(socket.socketpair),
    "fork": possible(fork),
    "thread": possible(lambda: threading.Thread(target=int).start()),
    "write": possible(lambda: open("/tmp/after", "w")),
    "append": possible(lambda: open("/tmp/before", "a")),
    "remove": possible(lambda: os.remove("/tmp/before")),
    "namespace": possible(lambda: refused(library.unshare(0x10000000))),
    "keys": possible(lambda: refused(library.syscall(250, 0, -3, 0, 0, 0))),
    "read": possible(lambda: open(json.__file__).read()),
    "program": possible(lambda: os.execv("/bin/true", ["true"])),
}}]))
"""


@pytest.fixture
def inspection() -> Inspection:
    sandbox = find_sandbox()
    assert sandbox, "bubblewrap is not installed, so nothing can be shown of the sandbox"
    return Inspection(sandbox)


async def test_a_child_that_opens_files_can_neither_start_nor_write_nor_call_anything(inspection: Inspection) -> None:
    answer = await inspection.run(["-c", PROBE.replace("PROGRAMS", "False")], pieces(b""), 4096)
    in_place, possible = json.loads(answer)
    assert "seccomp" in in_place
    # A kernel without Landlock leaves the private folder in memory, which the sandbox bounds.
    left = {"read"} if "landlock" in in_place else {"read", "write", "append", "remove"}
    assert {name for name in possible if possible[name]} == left


async def test_a_child_that_starts_a_program_can_still_not_reach_into_the_kernel(inspection: Inspection) -> None:
    """It is replaced by the program at the end, so the answer does not come: the fork, the folder and the rest were free."""
    probe = PROBE.replace("PROGRAMS", "True").replace(
        '"program": possible(lambda: os.execv("/bin/true", ["true"])),', ""
    )
    in_place, possible = json.loads(await inspection.run(["-c", probe], pieces(b""), 4096))
    assert in_place == ["seccomp"]
    assert {name for name in possible if not possible[name]} == {"namespace", "keys"}


GREED = """
import os, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
def possible(act):
    try:
        act()
    except (OSError, MemoryError):
        return False
    return True
def write():
    with open("/tmp/large", "wb") as file:
        file.write(bytes(2 << 20))
print([possible(lambda: [os.dup(0) for _ in range(100)]), possible(lambda: bytearray(3 << 30)), possible(write)], end="")
"""


async def test_descriptors_memory_and_files_are_bounded(inspection: Inspection) -> None:
    assert await inspection.run(["-c", GREED], pieces(b""), 100) == b"[False, False, False]"


@pytest.mark.fault("att:C05", "inj:F14")
@pytest.mark.parametrize(
    "act", ["while True: pass", "import os; os.abort()", "import time; time.sleep(60)"], ids=["loop", "memory", "sleep"]
)
async def test_a_child_that_comes_to_its_limit_says_what_to_do_and_is_gone(inspection: Inspection, act: str) -> None:
    """Of processor, of memory (a library that finds none aborts), of the clock."""
    with pytest.raises(InspectionFailed) as ended:
        await inspection.run(["-c", act], pieces(b""), 100, Limits(cpu_seconds=1, wall_seconds=3))
    assert ended.value.facts["refused"] == "too-heavy"
