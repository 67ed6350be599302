"""The steps of each task, shared by the commands and the flows."""
