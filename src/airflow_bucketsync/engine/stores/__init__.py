"""The only I/O: every store behind one interface."""
