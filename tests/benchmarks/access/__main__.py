"""``infra/bench access``: the policy against none, the log against none, tampering found, uploads under a flood."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from ..figures import read_options, show
from . import audit, flood, policy, tampering


def main(words: Sequence[str] | None = None) -> int:
    """Measure everything, one after another; returns 1 when a target is missed."""
    options = read_options("access", words)
    figures = [figure for part in (policy, audit, tampering, flood) for figure in part.measure(options.quick)]
    return show("Access, its record, and a flood", figures, options)


if __name__ == "__main__":
    sys.exit(main())
