"""What is kept: journal, database, exports, recordings."""
