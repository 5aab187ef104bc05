"""The Merkle tree over the log: hashes, tiles, checkpoints and proofs. Pure: no file, no clock, no signature."""
