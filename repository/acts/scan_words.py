"""What codes of scanning are called on pages: why a page waits, what was decided, what is remarkable about an image."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from scripts.splitting import ProposedBy

REASON_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "before_first_cover": "It lies before the first cover sheet",
        "blank": "Nothing was seen on it",
        "unreadable_cover": "It is a cover sheet whose code cannot be read",
        "unreadable_page": "Its image cannot be opened",
        "foreign_code": "It bears a code that is not ours, such as another board's booklet",
        "wrong_exam": "Its code belongs to another series or component",
        "wrong_centre_number": "Its code names another centre",
        "not_on_register": "Its candidate is not on the register",
        "duplicate_candidate": "There is more than one script of this candidate",
        "duplicate_page": "The same page was scanned before",
        "extra_booklet_unmatched": "It is of an extra booklet",
        "two_codes": "It bears two codes that do not agree",
        "label_unknown": "It bears a packet label that was never issued",
        "missing_pages": "Pages of this booklet are missing",
        "page_order": "Its page number is out of order",
        "inverted": "It lies upside down among pages that do not",
        "front_back_mismatch": "Front and back of the sheet are of different candidates",
        "double_feed": "Two sheets may have gone through the scanner together",
        "image_rejected": "Its image is too poor to be marked from",
        "uncounted": "Nothing proves that no cover sheet was missed before it",
    }
)
DISCARD_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "duplicate_scan": "It was scanned twice",
        "scanned_again": "It was scanned again, and the new image is there",
        "not_ours": "It is not of this examination",
        "separator_sheet": "It is a separator sheet",
        "test_sheet": "It is a test sheet of the scanner",
        "other_packet": "It belongs to another packet, and is scanned there",
    }
)

DECISION_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "assign": "To a candidate’s script",
        "replace": "A script scanned again",
        "discard": "Not needed",
        "blank": "Blank",
        "rotate": "Turned",
        "rescan": "To be scanned again",
        "undo": "Taken back",
    }
)
PROPOSED_WORDS: Mapping[str, str] = MappingProxyType(
    {
        ProposedBy.PAGE_CODE: "The code on the page says so.",
        ProposedBy.COVER: "The cover sheet before it says so.",
        ProposedBy.POSITION: "It lies between pages that bear the codes of this script.",
        ProposedBy.OTHER_SIDE: "The other side of its sheet bears a code of this script.",
        ProposedBy.CANDIDATE_NUMBER: "The candidate number fits, but its code names another centre.",
    }
)
NOTE_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "turned": "it was turned upright",
        "turn_unknown": "nothing says which way up it lies",
        "on_its_side": "it lies on its side",
        "skewed": "it lies askew",
        "grey_paper": "its paper is grey",
        "low_contrast": "its ink is pale",
        "low_resolution": "it is coarse",
        "cut_off": "it is cut off at an edge",
        "too_dark": "it is too dark to be marked from",
        "too_light": "it is too light to be marked from",
        "too_coarse": "it is too coarse to be marked from",
    }
)
"""What is worth saying of an image; the note of a cover sheet is for the machine alone."""
