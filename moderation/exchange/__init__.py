"""Files that cross the border: JCQ EDI records and CSV. Bytes in, frozen values out; lenient readers, strict writers."""
