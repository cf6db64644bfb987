"""Practice centres: what an exams officer can try everything in, where nothing counts and nobody else looks.

Glossary. A *practice centre* has a number that no real centre can have (``moderation.entries.PRACTICE_PREFIX``) and a series
of its own; it belongs to one exams officer, is in nobody's list, and is *wiped* by a click or after some days: rows and
objects are gone then, events of the audit log stay. Not the *rehearsal* (``rehearsing``), which fills a whole empty database.
"""
