"""The command line: one file a group of commands, thin; the work is done in the rooms."""
