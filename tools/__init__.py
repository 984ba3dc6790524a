"""What can be done to data, and the corridor every call goes through; no server, agent or database of ours."""
