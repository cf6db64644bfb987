"""What a certificate of destruction must add up to: scripts are those destroyed, those kept and those never there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ENDS = ("destroyed", "kept", "nothing")
"""What becomes of a script; ``nothing``: there was none to destroy."""


def faults(destruction: Mapping[str, Any]) -> list[str]:
    """Return what does not add up in a certificate, in plain words; nothing when all does.

    Takes: what a signed text holds under ``destruction``, which may be anything at all.
    """
    try:
        counts, scripts = destruction["counts"], destruction["scripts"]
        ends = [one["what"] for one in scripts]
        found = [
            f"{counts[end]} scripts are said to be {end}, and {ends.count(end)} are listed so."
            for end in ENDS
            if counts[end] != ends.count(end)
        ]
        if not counts["scripts"] == sum(counts[end] for end in ENDS) == len(ends):
            found.append(f"{counts['scripts']} scripts were there, and {len(ends)} are accounted for.")
    except (KeyError, TypeError, ValueError, AttributeError):
        return ["It is not written as a certificate of destruction is."]
    return found
