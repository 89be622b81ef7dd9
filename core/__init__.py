"""The shared vocabulary: contracts that every other package speaks and that import nothing above them."""
