from datetime import date

import pytest

from moderation.entries import Series, SubmissionMode
from moderation.exchange.basedata import (
    BoardComponent,
    DisallowedPair,
    Link,
    Option,
    SeriesBasedata,
    Syllabus,
    read_basedata,
    write_basedata,
)
from moderation.exchange.faults import FileRefused

DAY = date(2025, 11, 18)
BASEDATA = SeriesBasedata(
    Series("99", "6B", 26),
    2,
    (Syllabus("X446", "SPECIMEN COMPUTING"),),
    (
        Option("X446A", "X446", "SPECIMEN COMPUTING OCR REP", "GCE", "A", component_count=2, fee_pence=9040, maximum=400),
        Option("X446B", "X446", "SPECIMEN COMPUTING PST MOD", "GCE", "A", component_count=2, qan="60149115"),
        Option("X446C", "X446", "SPECIMEN COMPUTING CARRIED FORWARD", "GCE", "A", component_count=2),
        Option("X999", "X446", "SPECIMEN CERTIFICATE", "GCE", "A"),
    ),
    (
        BoardComponent("X446/01", "PAPER", "N", 140, timetabled="T", timetable_on=date(2026, 6, 8), session="P", minutes=150),
        BoardComponent("X446/03", "PROJECT", "Y", 70, due_on=date(2026, 5, 15)),
        BoardComponent("X446/04", "PROJECT", "Y", 70, due_on=date(2026, 5, 15)),
        BoardComponent("X446/80", "PROJECT CARRIED FORWARD", "Y", 70),
    ),
    (
        Link("X446A", "X446/01"), Link("X446A", "X446/03"), Link("X446B", "X446/01"), Link("X446B", "X446/04"),
        Link("X446C", "X446/01"), Link("X446C", "X446/80"),
    ),
    (DisallowedPair("X446*", "X447*"),),
)  # fmt: skip


def written() -> dict[str, bytes]:
    return dict(write_basedata(BASEDATA, written_on=DAY))


def faults(files: dict[str, bytes]) -> list[str]:
    with pytest.raises(FileRefused) as refused:
        read_basedata(list(files.items()))
    return [fault.code for fault in refused.value.faults]


def test_round_trip_of_every_record_type() -> None:
    read = read_basedata(list(written().items()))
    assert read.series == (BASEDATA,)
    assert read.warnings == ()
    assert sorted(written()) == [f"{letter}6B26_99.X02" for letter in "CDLOS"]


def test_modes_follow_from_the_titles_and_never_from_a_letter() -> None:
    assert BASEDATA.component_modes() == {
        "X446/03": SubmissionMode.UPLOAD,
        "X446/04": SubmissionMode.POSTAL,
        "X446/80": SubmissionMode.CARRIED_FORWARD,
    }


@pytest.mark.parametrize(("one", "other"), [("X446A", "X447B"), ("X447", "X446"), ("X446", "X447Z")])
def test_wildcard_pairs_hold_in_both_orders(one: str, other: str) -> None:
    assert BASEDATA.disallowed[0].matches(one, other)
    assert not BASEDATA.disallowed[0].matches(one, "X448")


@pytest.mark.parametrize("kept", range(8))
def test_a_file_cut_off_after_any_record_is_refused_whole(kept: int) -> None:
    name = "O6B26_99.X02"
    lines = written()[name].split(b"\r\n")[:kept]
    assert faults({name: b"\r\n".join(lines)})


def test_counts_off_by_one_are_located() -> None:
    name = "C6B26_99.X02"
    content = written()[name].replace(b"0000006", b"0000007")
    with pytest.raises(FileRefused) as refused:
        read_basedata([(name, content)])
    (fault,) = refused.value.faults
    assert (fault.code, fault.line, fault.first_column, fault.last_column) == ("count", 7, 8, 14)
    assert "says 7; there are 6" in fault.message


def test_all_faults_of_all_files_are_listed() -> None:
    files = written()
    files["O6B26_99.X02"] = files["O6B26_99.X02"].replace(b"09040", b"0904x").replace(b"X999 ", b"X446A")
    files["C6B26_99.X02"] = files["C6B26_99.X02"].replace(b"080626", b"320626")
    assert sorted(faults(files)) == ["duplicate", "not-a-date", "not-a-number"]


def test_orphans_are_faults_when_their_files_came_along() -> None:
    files = written()
    files["L6B26_99.X02"] = files["L6B26_99.X02"].replace(b"X446/80", b"X446/81")
    with pytest.raises(FileRefused) as refused:
        read_basedata(list(files.items()))
    assert [(fault.file[0], fault.code, fault.line, fault.first_column) for fault in refused.value.faults] == [
        ("L", "orphan", 8, 9),
        ("C", "orphan", 6, 3),
    ]
    files = written()
    files["S6B26_99.X02"] = files["S6B26_99.X02"].replace(b"X446", b"X447")
    assert faults(files) == ["orphan"] * 4


def test_doubts_are_warnings_with_their_lines() -> None:
    files = written()
    files["O6B26_99.X02"] = (
        files["O6B26_99.X02"].replace(b"PST MOD", b"BY CART").replace(b"02\r\nO5X446B", b"03\r\nO5X446B")
    )
    warnings = read_basedata(list(files.items())).warnings
    assert [(fault.file[0], fault.code, fault.line) for fault in warnings] == [
        ("O", "component-count", 3),
        ("C", "mode-unknown", 5),
    ]


def test_a_second_file_of_the_same_type_and_series_is_refused() -> None:
    files = written()
    files["O6B26_99.X03"] = files["O6B26_99.X02"]
    assert faults(files) == ["second-file"]


def test_options_of_version_12_have_a_shorter_maximum() -> None:
    name = "O6B26_99.X02"
    old = []
    for line in written()[name].decode().splitlines():
        text = line[:24] + "12" + line[26:] if line.startswith("O1") else line
        old.append(text[:109] + text[110:] if line.startswith("O5") else text[:114])
    first = BASEDATA.options[0]
    read = read_basedata([(name, "\r\n".join(old).encode())]).series[0].options
    assert [(option.maximum, option.component_count) for option in read] == [
        (option.maximum, option.component_count) for option in BASEDATA.options
    ]
    assert (first.maximum, first.component_count) == (400, 2)


def test_a_title_of_the_component_proposes_where_its_options_do_not() -> None:
    def modes(option_title: str, component_title: str) -> dict[str, SubmissionMode | None]:
        return dict(
            SeriesBasedata(
                BASEDATA.series,
                options=(Option("X1", "X1", option_title),),
                components=(BoardComponent("X1/01", component_title, "Y", 60),),
                links=(Link("X1", "X1/01"),),
            ).component_modes()
        )

    assert modes("SPECIMEN", "FOLDER PSTL MOD") == {"X1/01": SubmissionMode.POSTAL}
    assert modes("SPECIMEN OREP", "FOLDER") == {"X1/01": SubmissionMode.UPLOAD}
    assert modes("SPECIMEN OREP", "FOLDER PSTL MOD") == {"X1/01": None}
    assert modes("SPECIMEN", "FOLDER") == {"X1/01": None}


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda data: b"\xff\xfe" + data, "utf-16"),
        (lambda data: data.replace(b"PAPER ", "PÄPER".encode(), 1), "utf-8"),
        (lambda data: data.replace(b"PAPER", b"PA\x00ER", 1), "nul"),
        (lambda _: b"", "empty"),
        (lambda data: data.replace(b"C5X446/01", b"O5X446/01", 1), "wrong-letter"),
        (lambda data: data.replace(b"10014", b"10011", 1), "version"),
        (lambda data: data.replace(b"PAPER" + b" " * 31, b"PAPER" + b" " * 33, 1), "too-long"),
    ],
)
def test_spoilt_files(spoil, code: str) -> None:
    name = "C6B26_99.X02"
    assert code in faults({name: spoil(written()[name])})


def test_quirks_are_read_leniently() -> None:
    name = "c6b26_99.x02"
    content = written()["C6B26_99.X02"]
    unpadded = b"\n".join(line.rstrip() for line in content.split(b"\r\n"))
    for quirky in (unpadded, b"\xef\xbb\xbf" + content, content + b"\x1a", content + b"\r\n  \r\n"):
        assert read_basedata([(name, quirky)]).series[0].components == BASEDATA.components
    western = content.replace(b"PAPER", b"PAP\xc9R", 1)
    read = read_basedata([(name, western)])
    assert read.series[0].components[0].title == "PAPÉR"
    assert [warning.code for warning in read.warnings] == ["windows-1252"]


def test_what_our_reader_would_refuse_is_not_written() -> None:
    orphaned = SeriesBasedata(BASEDATA.series, links=(Link("X1", "X1/01"),))
    with pytest.raises(ValueError, match="read back"):
        write_basedata(orphaned, written_on=DAY)


def test_what_does_not_fit_is_refused_when_writing() -> None:
    for title in ("X" * 37, "PROJÉT"):
        with pytest.raises(ValueError, match="title"):
            write_basedata(SeriesBasedata(BASEDATA.series, syllabuses=(Syllabus("X1", title),)), written_on=DAY)
