import itertools

from repository.documents import MEDIA_TYPES, MOVES, DocumentState, may_move


def test_only_what_was_derived_is_released() -> None:
    into = {state for state in DocumentState if may_move(state, DocumentState.RELEASED)}
    assert into == {DocumentState.DERIVED}


def test_withdrawn_is_final_and_reachable_from_everywhere_else() -> None:
    assert MOVES[DocumentState.WITHDRAWN] == frozenset()
    for state in set(DocumentState) - {DocumentState.WITHDRAWN}:
        assert may_move(state, DocumentState.WITHDRAWN)


def test_every_state_has_its_moves() -> None:
    assert set(MOVES) == set(DocumentState)


def test_an_extension_means_one_kind_of_content() -> None:
    extensions = list(itertools.chain.from_iterable(MEDIA_TYPES.values()))
    assert len(extensions) == len(set(extensions))
