"""``infra/bench inspection``: children, releases, the corpus, and the weight of pages."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ..figures import read_options, show
from . import children, releases


def main(words: Sequence[str] | None = None) -> int:
    """Measure everything, one after another; returns 1 when a target is missed."""
    options = read_options("inspection", words)
    figures = [figure for part in (releases, children) for figure in part.measure(options.quick)]
    return show("Strangers' files: drawn, scanned, released", figures, options)


if __name__ == "__main__":
    sys.exit(main())
