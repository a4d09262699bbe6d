"""What the commands about hash lists show."""
