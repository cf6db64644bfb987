"""What Ofqual's return on missing scripts may say of where and why a script was lost: lists, kept as data.

Source: Ofqual's guide to the collection of missing scripts (domain: scripts, section 10). ``is_public`` is False for a value
whose exact words are not public; an awarding body puts the regulator's own words in its place.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Listed:
    """One value of a list: as it is written in the return, and whether these words are public."""

    code: str
    text: str
    is_public: bool = True


STAGES = (Listed("before_marking", "before marking"), Listed("post_marking", "post-marking"))
CAUSES = (
    Listed("post_centre_body", "lost in post between centre and awarding organisation", is_public=False),
    Listed("post_centre_marker", "lost in post between centre and examiner", is_public=False),
    Listed("at_centre", "lost at centre", is_public=False),
    Listed("at_body", "lost at awarding organisation", is_public=False),
    Listed("at_scanning", "lost at scanning", is_public=False),
    Listed("with_marker", "lost by examiner", is_public=False),
    Listed("not_known", "not known", is_public=False),
)
"""That a cause may begin with “lost in post between centre and” is public; the rest of the list is not."""
DEFAULT_STAGE, DEFAULT_CAUSE = "before_marking", "not_known"
STAGE_TEXT = {one.code: one.text for one in STAGES}
CAUSE_TEXT = {one.code: one.text for one in CAUSES}
