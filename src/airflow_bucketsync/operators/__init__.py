"""One operator per step, mirroring `engine/steps`, file by file."""
