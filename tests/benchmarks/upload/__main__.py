"""Megabytes a second, processor seconds, memory, small files and ranges, all contenders in turn within one run."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

from ...servers.seaweed import running_seaweed
from .. import figures
from ..figures import Figure
from . import contenders
from .contenders import Contender
from .load import Task
from .processes import cpu_seconds, forget_peak, peak_mib

MIB = 1024 * 1024
GIB = 1024 * MIB
LOAD_SECONDS = 900
OURS_DISK, OURS_SINK, OURS_STORE = "ours, disk with fsync", "ours, S3 sink", "ours, SeaweedFS"
NODE_FILE, NODE_SINK, NODE_STORE = "@tus server, file store", "@tus server, S3 sink", "@tus server, SeaweedFS"
TUSPY, PLAIN = "tuspyserver, no fsync", "plain aiohttp, no fsync"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One load."""

    name: str
    files: int
    size_bytes: int
    at_once: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run of a load cost."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


def scenarios(*, quick: bool) -> tuple[Scenario, Scenario, Scenario]:
    """Return the loads: one large upload, four large ones at once, many small ones."""
    shrink = 4 if quick else 1
    return (
        Scenario("1 upload", 1, 512 * MIB // shrink, 1),
        Scenario("4 uploads", 4, 256 * MIB // shrink, 4),
        Scenario("small files", 2000 // (shrink * 2), 200 * 1024, 16),
    )


def measure(contender: Contender, scenario: Scenario) -> Measured:
    """Put one load on one contender."""
    task = Task(
        contender.address,
        scenario.files,
        scenario.size_bytes,
        scenario.at_once,
        contender.headers,
        contender.metadata,
        contender.in_one_request and scenario.name == "small files",
    )
    before = cpu_seconds(contender.pid)
    forget_peak(contender.pid)
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.upload.load"],
        input=task.as_json(), capture_output=True, text=True, timeout=LOAD_SECONDS, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise SystemExit(f"{contender.name}, {scenario.name}: {done.stderr[-500:]}")
    return Measured(json.loads(done.stdout)["seconds"], cpu_seconds(contender.pid) - before, peak_mib(contender.pid))


def tidy(contender: Contender, clear_store: Callable[[], None] | None) -> None:
    """Forget what was sent, so that neither disk nor memory fills."""
    if clear_store is not None:
        clear_store()
    for path in contender.folder.rglob("*"):
        if path.is_file() and path.stat().st_size >= 100 * 1024 and path.suffix not in {".sqlite3", ".sqlite3-wal"}:
            path.unlink()
    os.sync()


def clearing(address: str) -> Callable[[], None]:
    """Return what empties the store in memory."""

    def clear() -> None:
        parts = urlsplit(address)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        connection.request("DELETE", f"/{contenders.BUCKET}/")
        connection.getresponse().read()
        connection.close()

    return clear


def first_byte_seconds(contender: Contender, path: str, start: int, repeats: int) -> float:
    """Return the median time to the first byte of 1 MiB read at an offset, on a warm connection."""
    parts = urlsplit(contender.address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    times = []
    for number in range(repeats + 3):
        offset = start + number * MIB
        headers = {**contender.headers, "Range": f"bytes={offset}-{offset + MIB - 1}"}
        begun = time.perf_counter()
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        if answer.status != 206:
            raise SystemExit(f"{contender.name} answered {answer.status} to a range: {answer.read()[:300]!r}")
        answer.read(1)
        times.append(time.perf_counter() - begun)
        answer.read()
    connection.close()
    return median(times[3:])


def range_figures(folder: Path, ours: Contender, plain: Contender, *, quick: bool) -> list[Figure]:
    """Measure the first byte of a range in the middle of a large file, ours and a plain file in turn."""
    size = (GIB // 8 if quick else GIB) - 1
    measure(replace(ours, metadata=ours.metadata[:1]), Scenario("range", 1, size, 1))
    environ = {**os.environ, "NEA_DATA_DIR": str(ours.folder), "NEA_REHEARSAL": "yes"}
    worker = subprocess.Popen([sys.executable, "-m", "repository", "work"], env=environ, stdout=subprocess.DEVNULL)
    try:
        path = _released(ours, size)
    finally:
        worker.terminate()
        worker.wait()
    measure(plain, Scenario("range", 1, size, 1))
    newest = max(plain.folder.iterdir(), key=lambda file: file.stat().st_mtime)
    repeats = 20 if quick else 60
    pairs = [
        (
            first_byte_seconds(ours, path, size // 2, repeats),
            first_byte_seconds(plain, f"/files/{newest.name}", size // 2, repeats),
        )
        for _ in range(3)
    ]
    mine, theirs = median(one for one, _ in pairs), median(other for _, other in pairs)
    return [
        Figure("first byte of a 1 MiB range, ours", mine * 1000, "ms"),
        Figure("first byte of a 1 MiB range, plain file", theirs * 1000, "ms"),
        Figure("first byte, ours ÷ plain file", mine / theirs, "×", 2, at_most=True),
    ]


def _released(ours: Contender, size_bytes: int) -> str:
    parts = urlsplit(ours.address)
    give_up_at = time.monotonic() + 300
    while time.monotonic() < give_up_at:
        for item in _items(ours, parts.hostname or "", parts.port or 0):
            for file in item.get("documents", ()):
                if file["size_bytes"] == size_bytes and file["state"].lower() == "released":
                    return f"/documents/{file['id']}/content"
        time.sleep(0.5)
    raise SystemExit("The large file was not released in time.")


def _items(ours: Contender, host: str, port: int) -> list[dict[str, list[dict[str, str | int]]]]:
    connection = http.client.HTTPConnection(host, port, timeout=60)
    connection.request("GET", "/api/cases", headers=ours.headers)
    cases = json.load(connection.getresponse())["cases"]
    found = []
    for case in cases:
        if case["submission_mode"] == "UPLOAD" and case["state"] in {"SAMPLE_REQUESTED", "UPLOADING"}:
            connection.request("GET", f"/api/cases/{case['id']}/sample", headers=ours.headers)
            found += json.load(connection.getresponse())["items"]
    connection.close()
    return found


def compare(measured: dict[tuple[str, str], list[Measured]], loads: Sequence[Scenario]) -> list[Figure]:
    """Turn the runs into figures: medians, and ratios within each round so that a slow moment hits both."""
    one, four, small = (load.name for load in loads)
    found: list[Figure] = []

    def ratio(load: str, mine: str, theirs: str) -> float:
        pairs = zip(measured[mine, load], measured[theirs, load], strict=True)
        return median(other.seconds / own.seconds for own, other in pairs)

    def add(load: str, mine: str, theirs: str, target: float | None) -> None:
        if (mine, load) in measured and (theirs, load) in measured:
            found.append(Figure(f"{load}: {mine} ÷ {theirs}", ratio(load, mine, theirs), "×", target))

    for large, target in ((one, 6), (four, 8)):
        add(large, OURS_DISK, TUSPY, 1.2)
        add(large, OURS_DISK, NODE_FILE, 2)
        add(large, OURS_DISK, PLAIN, None)
        add(large, OURS_SINK, NODE_SINK, target)
        add(large, OURS_STORE, NODE_STORE, target)
    fastest = min((NODE_FILE, TUSPY), key=lambda name: median(run.seconds for run in measured[name, small]))
    add(small, OURS_DISK, fastest, 2)
    add(small, OURS_SINK, NODE_SINK, 10)
    add(small, OURS_STORE, NODE_STORE, 10)
    for name in (OURS_DISK, OURS_SINK, OURS_STORE):
        for load in loads:
            if (name, load.name) in measured:
                limit = 100 + 10 * load.at_once
                peak = median(run.peak_mib for run in measured[name, load.name])
                found.append(Figure(f"{load.name}: peak memory, {name}", peak, "MiB", limit, at_most=True))
    return found


def show_table(measured: dict[tuple[str, str], list[Measured]], loads: Sequence[Scenario]) -> None:
    """Print medians and spread of every contender."""
    table = Table(title="every contender (median, lowest – highest)", title_justify="left")
    for column in ("load", "server", "throughput", "spread", "CPU s/GiB", "peak MiB"):
        table.add_column(column, justify="left" if column in {"load", "server"} else "right")
    for load in loads:
        rows = [(name, runs) for (name, one), runs in measured.items() if one == load.name]
        for name, runs in sorted(rows, key=lambda row: median(run.seconds for run in row[1])):
            total = load.files * load.size_bytes
            unit, amount = ("files/s", load.files) if load.name == "small files" else ("MB/s", total / 1e6)
            speeds = sorted(amount / run.seconds for run in runs)
            cpu = median(run.cpu_seconds for run in runs) / (total / GIB)
            peak = median(run.peak_mib for run in runs)
            spread = f"{speeds[0]:.0f} – {speeds[-1]:.0f}"
            table.add_row(load.name, name, f"{median(speeds):.0f} {unit}", spread, f"{cpu:.2f}", f"{peak:.0f}")
    Console(width=None if Console().is_terminal else 120).print(table)


def main() -> int:
    """Run the benchmark."""
    options = figures.read_options("upload")
    loads = scenarios(quick=options.quick)
    measured: dict[tuple[str, str], list[Measured]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nea-bench-")))
        sink = stack.enter_context(contenders.sink(folder))
        (folder / "seaweed").mkdir()
        store = stack.enter_context(running_seaweed(folder / "seaweed"))
        clear = clearing(sink.endpoint)
        ours = stack.enter_context(contenders.ours(folder, OURS_DISK))
        plain = stack.enter_context(contenders.python(folder, PLAIN, "plain_aiohttp.py", in_one_request=False))
        field: list[tuple[Contender, Callable[[], None] | None]] = [
            (ours, None),
            (stack.enter_context(contenders.python(folder, TUSPY, "tus_python.py", in_one_request=False)), None),
            (stack.enter_context(contenders.node(folder, NODE_FILE)), None),
            (plain, None),
            (stack.enter_context(contenders.ours(folder, OURS_SINK, sink)), clear),
            (stack.enter_context(contenders.node(folder, NODE_SINK, sink)), clear),
            (stack.enter_context(contenders.ours(folder, OURS_STORE, store, real=True)), None),
            (stack.enter_context(contenders.node(folder, NODE_STORE, store)), None),
        ]
        found = range_figures(folder, ours, plain, quick=options.quick)
        wanted = os.environ.get("BENCH_ONLY", "")
        for contender, clear_store in field:  # warm up
            measure(contender, Scenario("warm up", 4, 9 * MIB, 2))
            tidy(contender, clear_store)
        for _ in range(1 if options.quick else 5):
            for load in loads:
                for contender, clear_store in field:
                    if contender is plain and load.name == "small files":
                        continue
                    if wanted and wanted not in contender.name:
                        continue
                    measured.setdefault((contender.name, load.name), []).append(measure(contender, load))
                    tidy(contender, clear_store)
        shutil.rmtree(plain.folder)
    show_table(measured, loads)
    return figures.show("upload", [*compare(measured, loads), *found], options)


if __name__ == "__main__":
    sys.exit(main())
