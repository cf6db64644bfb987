"""The record of every view, change and refusal, kept so that altering it shows.

``record`` writes an event into the *inbox*. The *sequencer* gives each its place in the *log* and its hash in a Merkle
tree. A *checkpoint* is the tree's signed root; published outside, it makes every alteration of what came before it
visible. A *history* is a log under one name: a restore that lost entries begins the next.
"""

from repository.audit.recording import Context, record
from repository.audit.refusals import record_refusal

__all__ = ["Context", "record", "record_refusal"]
