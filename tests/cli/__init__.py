"""The command-line tool, used as a user would."""
