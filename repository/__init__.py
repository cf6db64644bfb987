"""The service: receives, inspects, keeps and shows documents, and composes storage, moderation and scripts.

Words of this room:

* **upload**: bytes still arriving; **document**: a received thing with a state; **object**: an encrypted blob.
* **evidence**: a document attached to a sample item.
* **act**: something a person does, permitted by ``access``, done in one transaction and recorded by ``audit``.
* **person → assignment**: a human, and the one role and scope that a sign-in acts under.
"""
