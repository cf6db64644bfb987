"""The checklist of the exchange of data, line by line, with the tests that hold each; none may go missing."""

from __future__ import annotations

import importlib

import pytest

CHECKLIST: dict[str, tuple[str, ...]] = {
    "Round trip of every record type": (
        "exchange.test_basedata.test_round_trip_of_every_record_type",
        "exchange.test_entry_files.test_every_file_of_entries_survives_a_round_trip",
        "exchange.test_entry_files.test_the_worked_example_is_written_byte_for_byte",
        "exchange.test_marks_records.test_the_example_is_read_and_written_byte_for_byte",
        "exchange.test_marks_records.test_every_file_of_one_centre_or_many_survives_a_round_trip",
        "exchange.test_results_files.test_results_of_one_centre_or_many_survive_a_round_trip_as_records",
        "exchange.test_results_files.test_results_survive_a_round_trip_as_xml",
    ),
    "Counts off by one": (
        "exchange.test_basedata.test_counts_off_by_one_are_located",
        "exchange.test_entry_files.test_faults_are_located",
        "exchange.test_marks_records.test_faults_are_located",
    ),
    "Truncated after each record": (
        "exchange.test_basedata.test_a_file_cut_off_after_any_record_is_refused_whole",
        "exchange.test_entry_files.test_a_file_cut_off_after_any_record_is_refused",
        "exchange.test_marks_records.test_a_file_cut_off_after_any_record_is_refused",
    ),
    "CRLF, LF, CR, BOM": (
        "exchange.test_entry_files.test_line_ends_of_both_kinds_are_read_and_a_carriage_return_alone_is_named",
        "exchange.test_basedata.test_quirks_are_read_leniently",
        "exchange.test_records.test_what_old_programs_leave_at_the_end_is_ignored_with_a_warning",
        "exchange.test_marks_records.test_line_ends_padding_and_what_old_programs_leave_are_read_leniently",
        "exchange.test_csv_text.test_order_of_columns_bom_and_line_ends_are_free",
    ),
    "13th entry spills to a second record": ("exchange.test_entry_files.test_round_trip_with_a_continuation_record",),
    "Candidate 0000 and 9999": ("exchange.test_entry_files.test_candidate_numbers_from_0001_to_9999",),
    "Duplicate candidate": (
        "exchange.test_entry_files.test_faults_are_located",
        "exchange.test_marks_csv.test_a_duplicate_names_the_first_line",
        "exchange.test_marks_records.test_faults_are_located",
    ),
    "Over-long name": (
        "exchange.test_entry_files.test_a_name_one_character_too_long_moves_the_padding_and_is_refused_there",
        "exchange.test_entry_files.test_a_name_too_long_is_refused_with_a_proposal_that_a_person_confirms",
        "exchange.test_names.test_the_shortening_that_is_proposed",
    ),
    "Non-ASCII surname": (
        "exchange.test_entry_files.test_accents_are_transliterated_and_what_cannot_be_is_refused",
        "exchange.test_entry_files.test_a_surname_in_windows_1252_is_read_with_a_warning",
        "exchange.test_names.test_the_published_table",
        "exchange.test_names.test_what_the_table_lacks_is_refused_and_not_replaced",
    ),
    "Wildcard pair in both orders": (
        "exchange.test_basedata.test_wildcard_pairs_hold_in_both_orders",
        "exchange.test_entry_files.test_units_keep_one_mode_and_pairs_hold_in_both_orders",
    ),
    "Mixed submission mode": (
        "exchange.test_entry_files.test_the_worked_example_is_accepted_by_the_reader_and_mixed_for_the_series",
        "exchange.test_entry_files.test_entries_are_held_against_the_series",
        "records.test_imports.test_upload_and_postal_options_of_one_specification_are_refused",
    ),
    "Each identifier vector and every single-digit mutation": (
        "test_entries.test_uci_vectors",
        "test_entries.test_every_single_digit_slip_and_swap_of_a_uci_is_noticed",
        "test_entries.test_uln_vectors_and_slips",
        "test_entries.test_every_slip_and_swap_of_a_upn_is_noticed",
    ),
    "Control-total mismatch": (
        "exchange.test_marks_records.test_faults_are_located",
        "exchange.test_results_files.test_faults_of_results_records_are_located",
    ),
    "Formula cells in names": (
        "exchange.test_csv_text.test_every_text_survives_a_round_trip",
        "exchange.test_csv_text.test_no_cell_begins_as_a_formula",
    ),
    "-2 in numeric columns": ("exchange.test_csv_text.test_only_numbers_of_number_columns_are_written_bare",),
    "Same file twice": (
        "records.test_imports.test_basedata_is_counted_and_the_same_file_is_known",
        "records.test_imports.test_entries_make_candidates_and_open_cases",
    ),
    "Older sequence": (
        "records.test_imports.test_an_amendment_restates_and_an_omission_is_a_withdrawal",
        "records.test_sequences.test_amendments_are_counted_on_from_the_entries_or_by_themselves",
    ),
    "Two imports at once": (
        "records.test_sequences.test_two_imports_of_the_same_file_at_once_are_one",
        "records.test_sequences.test_of_two_files_with_one_number_at_once_one_is_refused",
    ),
    "50,000-row file bounded in memory": (
        "exchange.test_csv_text.test_exactly_fifty_thousand_rows_are_taken",
        "exchange.test_memory.test_fifty_thousand_rows_stay_within_bounds",
    ),
}


@pytest.mark.parametrize("line", CHECKLIST)
def test_every_line_of_the_checklist_has_its_tests(line: str) -> None:
    for name in CHECKLIST[line]:
        module, _, function = name.rpartition(".")
        assert callable(getattr(importlib.import_module(f"tests.moderation.{module}"), function)), name
