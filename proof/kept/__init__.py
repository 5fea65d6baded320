"""Results of long proofs, kept by a digest of the code they are about; runs go on where they stopped."""
