"""``nea import rules``: tried first, taken in whole, refused with the line."""

from __future__ import annotations

import json
from pathlib import Path

from .installation import Installation, installation

__all__ = ["installation"]


def test_rules_are_tried_taken_in_and_known_the_second_time(installation: Installation, tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    rules = {"format": "nea-rules/1", "assignments": [{"awarding_body": "01", "profile_id": "common-old"}]}
    file.write_text(json.dumps(rules))
    status, out, _ = installation.nea("import", "rules", str(file), "--dry-run")
    assert status == 0
    assert "nothing was kept" in out
    for what in ("new", "unchanged"):
        status, out, err = installation.nea("import", "rules", str(file))
        assert (status, err) == (0, "")
        assert what in out
        assert "awarding body 01: common-old" in out
    assert installation.events().count("rules.import") == 2


def test_a_refused_file_names_its_line(installation: Installation, tmp_path: Path) -> None:
    file = tmp_path / "bad.json"
    file.write_text('{"format": "nea-rules/1",\n "assignments": [{"awarding_body": "1", "profile_id": "x"}]}')
    status, _, err = installation.nea("import", "rules", str(file))
    assert status == 1
    assert "bad.json:2: error: awarding_body must be two digits." in err
    status, _, err = installation.nea("import", "rules", str(tmp_path / "none.json"))
    assert (status, "cannot be read" in err) == (1, True)
    assert installation.events().count("rules.import") == 0
