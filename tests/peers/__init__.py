"""Job Runner beside its peers: `make bench-peers` prints tables and judges nothing."""
