"""Does the product hold on real S3-compatible servers? `make test-real`; what differs is declared and proven."""
