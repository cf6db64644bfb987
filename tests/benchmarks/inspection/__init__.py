"""How fast strangers' files are looked into, drawn, scanned and released; how heavy the pages are."""
