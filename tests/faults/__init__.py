"""What is broken on purpose: processes killed, stores that lie and fail, full disks, racing and sleeping writers."""

import pytest

# Their assertions are the tests' own, so they explain themselves as those do.
pytest.register_assert_rewrite(*(f"tests.faults.{name}" for name in ("checking", "proxied", "trace")))
