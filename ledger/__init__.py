"""What happened: files, control numbers, runs."""
