//! What relay and agent say to each other.
