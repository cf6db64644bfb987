"""Examination answer scripts: from the attendance register to the last page accounted for.

Not shell scripts: tooling lives in ``infra/``. The words of this room:

* *script*: one candidate's answers to one paper, all booklets together.
* *booklet*: one physical answer booklet; a script may have extra ones.
* *sitting*: one component taken at one centre on one date and session.
* *attendance register*: the candidates of a sitting, each present or absent, some added or withdrawn.
* *packet*: one sealed envelope with scripts of one component only, carrying one label.
* *label*: the barcoded address label of a packet; unique, never photocopied. An *emergency label* is a new *issue*.
* *cover*: the barcoded sheet before a script that ties its pages to centre and candidate.
* *despatch log*: the centre's signed list of packets handed over; its own evidence.
* *bundle*: a stack of sheets scanned together, known by its hash.
* *indexing*: tying scanned pages to a candidate through the cover code.
* *queue*: where a page waits for a person, with the reason; no page is discarded silently.
* *reconciliation*: expected = present + absent, present = received + explained, every gap a *case*.
* *missing*: a script the register says exists and nobody can produce.

Modules: ``packets labels despatch tracking splitting reconciliation missing`` are rules on frozen values; ``scanning``
opens scan files and is run in a child process; ``tables`` and ``records`` keep it all; ``errors`` names refusals.
"""
