"""Files that are exchanged with awarding bodies and centres: bytes in, frozen values out, and the way back.

A *fault* is located (file, line, columns, field), says what is wrong and what to do, and holds no personal data. An *error*
refuses the whole file, with every fault listed; a *warning* is shown and the file is taken. The *reader* is lenient where
genuine files differ, the *writer* is strict and proves its output by reading it back. *Basedata* are the files S, O, C, L
and D of a series; *entry files* are E, and A for amendments; the CSV formats are this project's own: JCQ-style, not JCQ.
"""
