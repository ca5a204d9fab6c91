"""What does a sync cost, next to the tools people use? `make bench`: one server, equal work, one run."""
