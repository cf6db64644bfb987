"""The whole journey, done through the public HTTP API of a server that the demo starts, and checked at every step.

``files``: genuine files; ``client``: HTTP and tus; ``serving``: the server; ``people``: who signs in; ``report``: what
was checked; ``stage``: what the steps share; ``arithmetic``: the rules again, in a few lines of their own; then the
steps in order: ``preparing``, ``entering``, ``sending``, ``moderating``, ``releasing``, ``scripting``; ``journey``
walks them.
"""
