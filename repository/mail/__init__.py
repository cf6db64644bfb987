"""Mail that the service sends: notices and receipts, queued in the transaction of the act, sent by the worker.

A *letter* is what is written, once for all who get it (``letters``); a *message* is one letter to one address, with the
facts of the act (``tables``). A message is queued, then being sent, then sent; or refused for good by the receiving
side, or given up after five days of trying. Mail is a courtesy: nothing depends on its arrival, and no letter carries a
name, a mark, or anything that signs in by itself.
"""

from repository.mail.contacts import address_of, addresses_for
from repository.mail.records import enqueue, is_sent_here, tell_centre

__all__ = ["address_of", "addresses_for", "enqueue", "is_sent_here", "tell_centre"]
