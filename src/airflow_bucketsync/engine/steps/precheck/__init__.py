"""What is asked of a pair before its first write: one file for each question."""
