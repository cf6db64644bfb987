"""Pages of scan bundles: is every page assigned rightly, how many without a person, and how fast.

A generated corpus with ground truth (``tests/corpus/scan_bundles.py``). Assignment is measured at 150 dots to the inch, with
every twentieth bundle at 300; speed at 300 only, through the child's own mode, sealing included.
"""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from uuid import uuid4

from repository.inspection.children import ENVIRONMENT
from scripts.scanning import read_extracts, read_pages
from scripts.splitting import PageReading, Split, readings_from_json, split
from storage.directory import DirectoryBackend
from storage.keys.file import FileKeyring
from storage.vault import Vault
from tests.corpus import scan_bundles
from tests.corpus.scan_bundles import ScanBundle
from tests.corpus.scans import Face, Scanner, State, pdf

from ..figures import Figure

FULL_PAGES, QUICK_PAGES = 100_000, 2_000
WORKERS = 2
FINE_EVERY = 20
BESIDE = "beside a fault"
REPORTED = (*scan_bundles.FAULTS, BESIDE)


@dataclass(slots=True)
class Tally:
    """Pages of one class: how many have an owner, how many of these got there by themselves, how many went wrong."""

    owned: int = 0
    right: int = 0
    wrong: int = 0

    @property
    def recall(self) -> float:
        """Per cent of the pages with an owner that were given to that owner without a person."""
        return 100 * self.right / self.owned if self.owned else 100.0

    @property
    def precision(self) -> float:
        """Per cent of the pages given to somebody that were given to their owner."""
        given = self.right + self.wrong
        return 100 * self.right / given if given else 100.0


@dataclass(slots=True)
class Tallies:
    """Every class, and what became of pages as a whole."""

    classes: dict[str, Tally] = field(default_factory=dict)
    pages: int = 0
    fine: int = 0
    blank: Counter[bool] = field(default_factory=Counter)
    upright: Counter[bool] = field(default_factory=Counter)
    overturned: Counter[bool] = field(default_factory=Counter)

    def add(self, other: Tallies) -> None:
        """Take over the counts of another run."""
        for name, tally in other.classes.items():
            mine = self.classes.setdefault(name, Tally())
            mine.owned, mine.right, mine.wrong = (
                mine.owned + tally.owned,
                mine.right + tally.right,
                mine.wrong + tally.wrong,
            )
        self.pages, self.fine = self.pages + other.pages, self.fine + other.fine
        self.blank, self.upright = self.blank + other.blank, self.upright + other.upright
        self.overturned += other.overturned

    def count(self, bundle: ScanBundle, readings: tuple[PageReading, ...], found: Split, *, fine: bool) -> None:
        """Hold what was done with a bundle against its truth."""
        given = {index: script.key.candidate_number for script in found.scripts for index in script.pages}
        self.pages += len(bundle.pages)
        self.fine += len(bundle.pages) if fine else 0
        for index, side in enumerate(bundle.pages):
            if side.face is Face.BLANK:
                self.blank[readings[index].blank] += 1
            elif not bundle.fault and side.state is State.UPSIDE_DOWN:
                self.upright[readings[index].rotation == 180] += 1
            elif not bundle.fault:
                self.overturned[readings[index].rotation != 0] += 1
            tally = self.classes.setdefault(class_of(bundle, index), Tally())
            tally.owned += side.owner is not None
            if index in given:
                tally.right += given[index] == side.owner
                tally.wrong += given[index] != side.owner


def class_of(bundle: ScanBundle, index: int) -> str:
    """Name the class of a page: its fault, or that it lies beside one, or the state of a sound page."""
    side = bundle.pages[index]
    if side.face is Face.BLANK:
        return "blank"
    if index in bundle.touched:
        return bundle.fault
    if bundle.fault:
        return f"{BESIDE}, {'coded' if bundle.coded else 'counted'}"
    return f"sound: {side.state.value}"


def assign(share: tuple[int, int]) -> Tallies:
    """Draw, read and split one worker's share of the corpus. Takes: the number of pages, the seed."""
    pages, seed = share
    coarse, fine = Scanner(150), Scanner(300)
    tallies = Tallies()
    for number, bundle in enumerate(scan_bundles.many(pages, seed=seed)):
        is_fine = number % FINE_EVERY == 0
        scanner = fine if is_fine else coarse
        scan = pdf([scanner.jpeg(side) for side in bundle.pages], scanner.size, scanner.dpi)
        readings = read_pages(scan, workers=1)
        tallies.count(bundle, readings, split(readings, bundle.expected), fine=is_fine)
    return tallies


def measure(quick: bool) -> list[Figure]:
    """Measure assignment and speed; briefly on 2,000 page images instead of 100,000."""
    return [*assignment(QUICK_PAGES if quick else FULL_PAGES), *speed(quick)]


def assignment(pages: int) -> list[Figure]:
    """Measure of what is assigned how much is right, class by class."""
    total = Tallies()
    with multiprocessing.get_context("spawn").Pool(WORKERS) as pool:
        for tallies in pool.map(assign, [(pages // WORKERS, seed) for seed in range(1, WORKERS + 1)]):
            total.add(tallies)
    sound = Tally()
    for name, tally in total.classes.items():
        if name.startswith("sound"):
            sound.owned, sound.right, sound.wrong = (
                sound.owned + tally.owned,
                sound.right + tally.right,
                sound.wrong + tally.wrong,
            )
    wrong = sum(tally.wrong for tally in total.classes.values())
    found = [
        Figure("page images drawn, read and split", total.pages, "pages"),
        Figure("  of these at 300 dots to the inch", total.fine, "pages"),
        Figure("pages assigned to a wrong script", wrong, "pages", 0, at_most=True),
        Figure("sound pages assigned without a person", round(sound.recall, 3), "%", 99.5),
        Figure("blank sides seen to be blank", _part(total.blank), "%"),
        Figure("sound pages upside down, turned upright", _part(total.upright), "%"),
        Figure("sound pages upright, turned wrongly", _part(total.overturned), "%"),
    ]
    for name, tally in sorted(total.classes.items()):
        if tally.owned or tally.wrong:
            found.append(Figure(f"  {name}: precision", round(tally.precision, 3), "%"))
            found.append(Figure(f"  {name}: recall, of {tally.owned:,}", round(tally.recall, 3), "%"))
    return found


def _part(counted: Counter[bool]) -> float:
    return round(100 * counted[True] / max(1, counted.total()), 2)


def speed(quick: bool) -> list[Figure]:
    """Measure how many pages a second go from a PDF to sealed scripts, of sound pages and of each kind of fault."""
    scanner = Scanner(300)
    pages = 320
    rounds = 2 if quick else 5
    found = []
    kinds = [("sound, codes on the pages", "", True), ("sound, pages counted", "", False)]
    for name, fault, coded in kinds:
        scan, bundles = _together(scanner, fault, pages, coded=coded)
        rates = sorted(_through(scan, bundles) for _ in range(rounds))
        found.append(Figure(f"{name}: read, cut and sealed", rates[len(rates) // 2], "pages/s", 80))
    slowest = []
    for fault in scan_bundles.FAULTS:
        scan, bundles = _together(scanner, fault, 96 if quick else 160, coded=True)
        rates = sorted(_through(scan, bundles) for _ in range(1 if quick else 3))
        slowest.append((rates[len(rates) // 2], fault))
    scan = _only_spoilt(scanner, 96)
    slowest.append((_through(scan, []), "every page with both codes spoilt"))
    rate, name = min(slowest)
    return [*found, Figure(f"the slowest class ({name})", rate, "pages/s", 15)]


def _together(scanner: Scanner, fault: str, pages: int, *, coded: bool) -> tuple[bytes, list[ScanBundle]]:
    """Return a file that holds bundles of one kind, one after the other, and these bundles."""
    bundles = list(islice(_of_kind(fault, coded), max(1, pages // 32)))
    jpegs = [scanner.jpeg(side) for bundle in bundles for side in bundle.pages]
    return pdf(jpegs, scanner.size, scanner.dpi), bundles


def _of_kind(fault: str, coded: bool) -> Iterator[ScanBundle]:
    seed = 0
    while True:
        yield scan_bundles.one(seed, fault=fault, coded=coded)
        seed += 1


def _only_spoilt(scanner: Scanner, pages: int) -> bytes:
    """Return a file whose pages have codes that nobody can read, but for one that makes them be sought."""
    sound = scan_bundles.one(0, coded=True).pages[2]
    spoilt = [replace(sound, state=State.SPOILT, look=look) for look in range(pages - 1)]
    return pdf([scanner.jpeg(side) for side in (sound, *spoilt)], scanner.size, scanner.dpi)


def _through(scan: bytes, bundles: list[ScanBundle]) -> float:
    """Take a file from arrival to sealed scripts; return its pages a second.

    It is sealed while the child reads it; then it is split, and each script is sealed while the child cuts the next.
    """
    with tempfile.TemporaryDirectory(prefix="nea-bench-") as scratch, ThreadPoolExecutor(1) as sealing:
        vault = Vault(DirectoryBackend(Path(scratch) / "objects"), FileKeyring(Path(scratch) / "keyring.json"))
        begun = time.perf_counter()
        sealed = sealing.submit(_seal, vault, scan)
        readings = readings_from_json(_child(scan))
        sealed.result()
        scripts = _split(readings, bundles)
        if scripts:
            wanted = json.dumps({"pages": scripts})
            command = [sys.executable, "-m", "scripts.scanning", "extract", wanted]
            pipe = subprocess.PIPE
            with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=dict(ENVIRONMENT)) as child:
                if child.stdin is None or child.stdout is None:
                    raise RuntimeError("the child has no pipes")
                child.stdin.write(scan)
                child.stdin.close()
                for script in read_extracts(child.stdout, len(scripts)):
                    sealing.submit(_seal, vault, script)
            sealing.shutdown(wait=True)
        return len(readings) / (time.perf_counter() - begun)


def _split(readings: tuple[PageReading, ...], bundles: list[ScanBundle]) -> list[list[int]]:
    """Split the bundles that one file holds, each by its own counts; return the pages of every script in the file."""
    scripts: list[list[int]] = []
    start = 0
    for bundle in bundles:
        own = readings[start : start + len(bundle.pages)]
        moved = [replace(page, index=index) for index, page in enumerate(own)]
        found = split(moved, bundle.expected)
        scripts += [[start + index for index in script.pages] for script in found.scripts]
        start += len(bundle.pages)
    return scripts


def _child(scan: bytes) -> bytes:
    command = [sys.executable, "-m", "scripts.scanning"]
    return subprocess.run(command, input=scan, stdout=subprocess.PIPE, env=dict(ENVIRONMENT), check=True).stdout


def _seal(vault: Vault, data: bytes) -> None:
    key = vault.new_scope_key("99999/01-6A26/scripts")
    data_key = vault.new_data_key(key, str(uuid4()), len(data))
    writer = vault.resume(key, data_key)
    size = vault.part_plain_bytes
    for number, start in enumerate(range(0, max(1, len(data)), size)):
        writer.seal_part(number, memoryview(data)[start : start + size])
