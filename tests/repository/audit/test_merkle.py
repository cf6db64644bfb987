"""The tree: known roots, proofs of every event of every small tree, tiles."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repository.audit import merkle

LEAVES = [merkle.leaf_hash(bytes([n % 256, n // 256])) for n in range(700)]
# Inputs and roots of the RFC's own reference implementation, as certificate-transparency publishes them.
KNOWN_INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
KNOWN_ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}


def naive(leaves: list[bytes]) -> bytes:
    """The definition of RFC 6962, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return merkle.node_hash(naive(leaves[:k]), naive(leaves[k:]))


def tree_of(leaves: list[bytes]) -> merkle.Tree:
    rows = [leaves]
    while len(rows[-1]) >= 256:
        below = rows[-1]
        rows.append([naive(below[at : at + 256]) for at in range(0, len(below) - 255, 256)])
    return merkle.Tree(len(leaves), lambda level, first, count: rows[level][first : first + count])


@pytest.mark.parametrize("size", KNOWN_ROOTS)
def test_roots_are_those_that_others_publish(size: int) -> None:
    leaves = [merkle.leaf_hash(bytes.fromhex(one)) for one in KNOWN_INPUTS[:size]]
    assert tree_of(leaves).root().hex() == KNOWN_ROOTS[size]


@given(st.integers(0, 700))
def test_root_by_tiles_by_growing_and_by_definition_agree(size: int) -> None:
    growing = merkle.Growing()
    for leaf in LEAVES[:size]:
        growing.add(leaf)
    assert tree_of(LEAVES[:size]).root() == growing.root() == naive(LEAVES[:size])


@given(st.integers(1, 700), st.data())
def test_inclusion_leads_to_the_root_and_nothing_else_does(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    tree = tree_of(LEAVES[:size])
    proof = tree.inclusion(index)
    assert merkle.root_of_proof(LEAVES[index], index, size, proof) == tree.root()
    assert merkle.root_of_proof(merkle.leaf_hash(b"other"), index, size, proof) != tree.root()
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        changed = [bytes(32) if n == at else one for n, one in enumerate(proof)]
        assert merkle.root_of_proof(LEAVES[index], index, size, changed) != tree.root()
        with pytest.raises(ValueError, match="short"):
            merkle.root_of_proof(LEAVES[index], index, size, proof[:-1])
    with pytest.raises(ValueError, match="long"):
        merkle.root_of_proof(LEAVES[index], index, size, [*proof, bytes(32)])


@given(st.integers(1, 700), st.data())
def test_consistency_proof_has_the_roots_of_both_trees(size: int, data: st.DataObject) -> None:
    before = data.draw(st.integers(1, size))
    proof = tree_of(LEAVES[:size]).consistency(before)
    first, second = naive(LEAVES[:before]), naive(LEAVES[:size])
    assert consistent(before, size, first, second, proof)
    assert not consistent(before, size, merkle.leaf_hash(b"fork"), second, proof)


def consistent(before: int, size: int, first: bytes, second: bytes, proof: list[bytes]) -> bool:
    """RFC 9162, section 2.1.4.2, as a stranger writes it."""
    if before == size:
        return not proof and first == second
    if before & (before - 1) == 0:
        proof = [first, *proof]
    fn, sn = before - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = proof[0]
    for c in proof[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = merkle.node_hash(c, fr), merkle.node_hash(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = merkle.node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return fr == first and sr == second and sn == 0


def test_tiles_of_a_tree_are_those_of_the_published_example() -> None:
    """The example of C2SP tlog-tiles: a tree of 70,000."""
    tiles = list(merkle.tiles_of(70_000))
    assert [sum(1 for level, _, width in tiles if level == at and width == 256) for at in range(3)] == [273, 1, 0]
    assert {(0, 273, 112), (1, 1, 17), (2, 0, 1)} <= set(tiles)
    assert (1, 0, 1) in list(merkle.tiles_of(256))
    assert list(merkle.tiles_of(300, 300)) == []
    assert list(merkle.tiles_of(300, 299)) == [(0, 1, 44)]


def test_tiles_lie_where_others_look_for_them() -> None:
    assert merkle.tile_path(0, 1_234_067) == "tile/0/x001/x234/067"
    assert merkle.tile_path("entries", 0, 5) == "tile/entries/000.p/5"
    assert merkle.tile_path(1, 1000) == "tile/1/x001/000"
