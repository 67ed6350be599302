"""The web console: runs and what became of their records, profiles and their mappings, tasks to start."""
