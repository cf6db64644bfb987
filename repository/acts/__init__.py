"""Acts: what people do, each permitted by ``access``, done in the caller's transaction, and recorded by ``audit``.

Every act takes a session and a ``Context`` first. The JSON API, the pages and the command line all call these.
"""
