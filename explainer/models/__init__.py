"""Models that somebody has already: read without their framework, and written as a spec."""
