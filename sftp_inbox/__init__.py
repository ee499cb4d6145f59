"""The wire, both ways: the only room that knows paramiko."""
