"""The commands of ``nea``, one module per noun. Each adds itself to the parser and answers an exit status."""
