"""``nea import post-results`` and ``nea retention``."""

from __future__ import annotations

import json
from pathlib import Path

from moderation.review import Service
from moderation.review_terms import packaged_terms

from .installation import Installation, installation

__all__ = ["installation"]


def test_terms_are_tried_taken_in_and_known_the_second_time(installation: Installation, tmp_path: Path) -> None:
    (shipped,) = (terms for terms in packaged_terms() if terms.service is Service.REVIEW_OF_MODERATION)
    file = tmp_path / "terms.json"
    file.write_text(json.dumps({"terms": [shipped.as_json() | {"awarding_body": "01", "fee_pence": 9000}]}))
    status, out, _ = installation.nea("import", "post-results", str(file), "--dry-run")
    assert (status, out.strip()) == (0, "1 rows would be new; nothing was kept.")
    for rows in (1, 0):
        status, out, err = installation.nea("import", "post-results", str(file))
        assert (status, err, out.strip()) == (0, "", f"{rows} rows are new.")
    file.write_text(json.dumps({"terms": [shipped.as_json() | {"fee_pence": -1}]}))
    status, _, err = installation.nea("import", "post-results", str(file))
    assert status == 1
    assert "the fee must be from 0" in err
    file.write_bytes(b"\xff\xfe{")
    assert installation.nea("import", "post-results", str(file))[0] == 1
    assert installation.nea("import", "post-results", str(tmp_path / "none.json"))[0] == 1


def test_retention_of_a_series_that_is_not_there(installation: Installation) -> None:
    status, _, err = installation.nea("retention", "--series", "01-6A99")
    assert status == 1
    assert "There is no such series." in err
