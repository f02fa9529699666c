"""What several test modules build their inputs from."""
