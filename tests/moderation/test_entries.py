import string

import pytest

from moderation.entries import (
    Series,
    SubmissionMode,
    check_candidate_number,
    check_centre_number,
    check_qan,
    check_uci,
    check_uln,
    check_upn,
    propose_mode,
    uci_check_letter,
)


@pytest.mark.parametrize(
    "uci",
    [
        "681990012058G",
        "689990980001D",
        "999990241001C",
        "999990241002H",
        "999990241003T",
        "99999B241003A",
        "999990250001D",
        "123450250001X",
    ],
)
def test_uci_vectors(uci: str) -> None:
    assert check_uci(uci) == uci
    assert uci_check_letter(uci[:12]) == uci[12]


@pytest.mark.parametrize("uci", ["999990241001C", "123450250001X"])
def test_every_single_digit_slip_and_swap_of_a_uci_is_noticed(uci: str) -> None:
    for place in range(12):
        for digit in string.digits:
            slip = uci[:place] + digit + uci[place + 1 :]
            if slip != uci and uci[place].isdigit():
                with pytest.raises(ValueError):
                    check_uci(slip)
        if place < 11 and uci[place] != uci[place + 1]:
            with pytest.raises(ValueError):
                check_uci(uci[:place] + uci[place + 1] + uci[place] + uci[place + 2 :])


@pytest.mark.parametrize("uci", ["", "99999024100", "999992241003A", "ABCDE0241003T", "9999902410030"])
def test_what_is_no_uci(uci: str) -> None:
    with pytest.raises(ValueError):
        check_uci(uci)


@pytest.mark.parametrize("uln", ["9990000017", "9990000025", "1000000426"])
def test_uln_vectors_and_slips(uln: str) -> None:
    assert check_uln(uln) == uln
    for place in range(10):
        for digit in string.digits:
            if digit != uln[place]:
                with pytest.raises(ValueError):
                    check_uln(uln[:place] + digit + uln[place + 1 :])


def test_a_uln_with_remainder_nought_is_not_issued() -> None:
    for digit in string.digits:
        with pytest.raises(ValueError):
            check_uln("100000006" + digit)


@pytest.mark.parametrize("upn", ["A123456789012"])
def test_every_slip_and_swap_of_a_upn_is_noticed(upn: str) -> None:
    for place in range(1, 13):
        for digit in string.digits:
            if digit != upn[place]:
                with pytest.raises(ValueError):
                    check_upn(upn[:place] + digit + upn[place + 1 :])
        if place < 12 and upn[place] != upn[place + 1]:
            with pytest.raises(ValueError):
                check_upn(upn[:place] + upn[place + 1] + upn[place] + upn[place + 2 :])


@pytest.mark.parametrize("wrong", ["", "601/4911", "6014911X5", "60149Y15", "６0149115"])
def test_what_is_no_qan(wrong: str) -> None:
    with pytest.raises(ValueError):
        check_qan(wrong)


def test_other_identifiers() -> None:
    assert check_upn("A123456789012") == "A123456789012"
    with pytest.raises(ValueError):
        check_upn("B123456789012")
    assert check_qan("601/4911/5") == "60149115"
    assert check_centre_number("01234") == "01234"
    assert check_candidate_number("0001") == "0001"
    for wrong in ("0000", "12345", "1", "", "12a4", "١٢٣٤"):
        with pytest.raises(ValueError):
            check_candidate_number(wrong)


@pytest.mark.parametrize(
    ("title", "mode"),
    [
        ("HIST B: HIST ENQRY GERMANY OCR REP", SubmissionMode.UPLOAD),
        ("A144 OREP", SubmissionMode.UPLOAD),
        ("A144 PMOD", SubmissionMode.POSTAL),
        ("A144 CFWD", SubmissionMode.CARRIED_FORWARD),
        ("COMPUTING: REPOSITORY", SubmissionMode.UPLOAD),
        ("HIST B: HIST ENQRY GERMANY PST MOD", SubmissionMode.POSTAL),
        ("COMPUTING POSTAL", SubmissionMode.POSTAL),
        ("COMPUTING CARRIED FORWARD", SubmissionMode.CARRIED_FORWARD),
        ("DRAMA VISITING MODERATION", SubmissionMode.VISIT),
        ("ICT: DATABASES OCR RPSTRY", SubmissionMode.UPLOAD),
        ("ICT: DATABASES PSTL MDRTN", SubmissionMode.POSTAL),
        ("ART: PAINTING PSTL MOD", SubmissionMode.POSTAL),
        ("ART: PAINTING CRD FWD", SubmissionMode.CARRIED_FORWARD),
        ("LITERATURE POST-1900", None),
        ("HUMAN BIOL: REPRDCTN & POPLTNS", None),
        ("DRAMA: EXPLORING REPERTOIRE", None),
        ("POSTMODERN LITERATURE", None),
        ("REPRESENTATION IN MEDIA", None),
        ("MATHEMATICS A", None),
    ],
)
def test_titles_propose_a_mode(title: str, mode: SubmissionMode | None) -> None:
    assert propose_mode(title) == mode


def test_series_names() -> None:
    series = Series("01", "6A", 17)
    assert (series.label, series.key, series.title) == ("6A17", "01-6A17", "June 2017")
    assert Series.from_key("01-6A17") == series
    for wrong in ("6A17", "01-DA17", "1-6A17", "01-6A7"):
        with pytest.raises(ValueError):
            Series.from_key(wrong)
