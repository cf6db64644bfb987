"""``infra/bench inspection``: from the last byte to released, the children by themselves, and the weight of pages."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ..figures import read_options, show
from . import children, releases, weights


def main(words: Sequence[str] | None = None) -> int:
    """Measure everything, one after another; returns 1 when a target is missed."""
    options = read_options("inspection", words)
    figures = [figure for part in (releases, children, weights) for figure in part.measure(options.quick)]
    return show("Strangers' files: drawn, scanned, released; pages", figures, options)


if __name__ == "__main__":
    sys.exit(main())
