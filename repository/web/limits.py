"""How long, how slow, how many and how large: every limit of the service's edge, in one place."""

from __future__ import annotations

from dataclasses import dataclass

KIB, MIB = 1024, 1024 * 1024

FORM_BYTES = 64 * KIB
"""A posted form, unless its route says more."""
JSON_BYTES = MIB
"""The body of a call of the API, unless its route says more."""
SHEET_BYTES = MIB
"""A form that has a row for each candidate of a cohort."""
CSV_BYTES = 11 * MIB
"""A file of marks of 10 MiB and the form around it."""
IMPORT_BYTES = 64 * MIB
"""Files of entries, basedata and marks of a whole series."""
FALLBACK_BYTES = 205 * MIB
"""Files sent by a form where scripts do not run: 200 MiB and the form around them."""
BUNDLE_BYTES = 513 * MIB
"""A scanned bundle of 512 MiB and the form around it."""
PICTURE_BYTES = 13 * MIB
"""A photograph of 12 MiB and the form around it."""
REPORT_BYTES = 16 * KIB
"""What a browser says of a breach of the content security policy."""
FORM_FIELDS = 10_000
"""Fields and parts of a form: a sheet of the largest cohort, and no more."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one connection may take. Times in seconds; project policy, the figures of the design of safety.

    ``head_seconds``: from the first byte of a request (of a new connection: from its acceptance) to the end of its head.
    ``silence_seconds``: without one byte of a body that is not at its end, or without one byte taken of an answer.
    ``slowest_bytes_per_second``: the least that a body or an answer moves, over each stretch of ``grace_seconds``.
    ``look_seconds``: how often connections are looked at.
    """

    head_seconds: float = 10.0
    head_bytes: int = 64 * KIB
    silence_seconds: float = 30.0
    slowest_bytes_per_second: float = 1024.0
    grace_seconds: float = 30.0
    keepalive_seconds: float = 75.0
    connections: int = 1000
    unknown_per_address: int = 50
    """Connections of one address on which nobody has shown who they are; a school behind one address goes on."""
    look_seconds: float = 1.0
