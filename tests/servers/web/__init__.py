"""What every dialect's server shares: the HTTP host, faults, the request log and the control path."""
