"""``infra/bench scripts``: pages read and assigned, bundles taken in, tracking events, a national day reconciled."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ..figures import read_options, show
from . import events, intake, national_day, pages


def main(words: Sequence[str] | None = None) -> int:
    """Measure everything, one after another; returns 1 when a target is missed."""
    options = read_options("scripts", words)
    figures = [figure for part in (pages, intake, events, national_day) for figure in part.measure(options.quick)]
    return show("Exam scripts: pages, bundles, events, a national day", figures, options)


if __name__ == "__main__":
    sys.exit(main())
