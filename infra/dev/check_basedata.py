#!/usr/bin/env python3
"""Reads a folder of basedata and prints what it holds: `python infra/dev/check_basedata.py FOLDER`. Exit 1 on a fault."""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

from moderation.exchange.basedata import read_basedata
from moderation.exchange.faults import FileRefused


def main(folder: Path) -> int:
    started = time.perf_counter()
    try:
        read = read_basedata([(path.name, path.read_bytes()) for path in sorted(folder.iterdir()) if path.is_file()])
    except FileRefused as refused:
        for fault in refused.faults:
            print(fault)
        return 1
    for basedata in read.series:
        print(f"{basedata.series.key} {basedata.series.title}, issue {basedata.issue}")
        for file in basedata.files:
            print(f"  {file.name:<16} {file.record_count:>6} records, as its trailer says")
        modes = Counter(str(mode) for mode in basedata.component_modes().values())
        print(f"  options whose title names a mode: {sum(o.proposed_mode is not None for o in basedata.options)}")
        print(f"  centre-marked components by proposed mode: {dict(modes)}")
    print(f"{len(read.warnings)} warnings, {time.perf_counter() - started:.2f} s")
    for code, count in Counter(warning.code for warning in read.warnings).items():
        print(f"  {code}: {count}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
