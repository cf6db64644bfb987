"""Signed receipts: what was received, when, from whom, with hashes. They verify offline with the public key alone.

A *body* is the exact text that is signed (``bodies``); a *receipt file* is the body with its signature, the proof that it
stands in the audit log, and the keys (``files``); ``checking`` says what a file proves. ``sheet`` is the same to read on
paper; ``proving`` adds the proofs when receipts are issued.
"""

from repository.receipts.signing import Signer, canonical, load_signer, verify

__all__ = ["Signer", "canonical", "load_signer", "verify"]
